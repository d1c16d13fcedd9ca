//! Guests of other versions of the contract.

use super::{calls, config, try_load};

/// Built against 0.1.0 when that was the newest; see `tests/fixtures/README.md`.
const BUILT_AGAINST_0_1_0: &[u8] = include_bytes!("../fixtures/contract-0.1.0.wasm");

#[test]
fn a_guest_of_0_1_0_runs_as_it_did() {
    let one = try_load(BUILT_AGAINST_0_1_0.to_vec(), config("{}")).unwrap();
    calls::changes_samples(&one);
    calls::drops_series_by_number(&one);
    calls::changes_lines(&one);
}
