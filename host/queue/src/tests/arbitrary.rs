//! Directories that hold anything (the fuzzer's own entry point, so that every run of the tests tries some).

use proptest::prelude::*;
use tempfile::TempDir;

use crate::fuzzing::open_any;

/// Bytes that mean something more often than random ones do.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 0..16_u8, 1 => any::<u8>(), 1 => Just(0xff), 1 => Just(0xfe), 1 => Just(0xfa)]
}

const CASES: u32 = 4_000;

#[test]
fn any_directory_opens_and_works_or_is_refused() {
    let dir = TempDir::new().unwrap();
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(data in prop::collection::vec(byte(), 0..600))| {
        open_any(dir.path(), &data);
    });
    println!("{CASES} arbitrary directories");
}

#[test]
fn what_the_fuzzer_found_stays_found() {
    let dir = TempDir::new().unwrap();
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        open_any(dir.path(), &std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 0);
    println!("{files} directories of the corpus");
}
