//! The end of a connection whose client may still be sending: what comes is read into nothing, so that the last response arrives.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::activity::{Activity, Word};
use super::stream::Stream;
use crate::policy::linger::{Lingering, PAUSE};

/// Says goodbye and reads on while bytes flow.
pub async fn linger(stream: &mut Stream, activity: &Activity) {
    // As a rule this has happened.
    if tokio::time::timeout(PAUSE, stream.shutdown()).await.is_err() {
        return;
    }
    let (began, mut lingering) = (Instant::now(), Lingering::default());
    let mut nothing = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = tokio::time::timeout(PAUSE, stream.read(&mut nothing)) => match read {
                Ok(Ok(count @ 1..)) if lingering.read(count, began.elapsed()) => activity.moves(),
                _ => return,
            },
            word = activity.heard() => if word == Word::Cut {
                return;
            }
        }
    }
}
