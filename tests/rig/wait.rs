//! Waiting for what a program does, within a bound that only a broken program reaches.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

/// Far beyond what any step takes on a slow, busy machine: reaching it is a failure, not a matter of speed.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until `look` gives `Ok`; fails with the last `Err`, which says what was still missing.
pub async fn eventually<T, E: Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(missing) if Instant::now() > deadline => panic!("{what}: not within {PATIENCE:?}; last: {missing:?}"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Waits until `look` gives true.
pub async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    eventually(what, async || if look().await { Ok(()) } else { Err("not yet") }).await;
}
