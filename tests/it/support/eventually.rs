//! Waiting for a condition.

use std::time::Duration;

use crate::support::http1::PATIENCE;

/// Polls a condition every 10 ms until it is true. Fails after [`PATIENCE`], a bound that only a hanging test reaches.
pub async fn eventually(mut done: impl AsyncFnMut() -> bool) {
    tokio::time::timeout(PATIENCE, async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("it happens");
}
