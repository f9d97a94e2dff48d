//! The end of a connection whose client may still be sending: reads and drops bytes, so that the last response arrives.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::activity::{Activity, ConnectionCommand};
use super::client_stream::ClientStream;
use crate::policy::linger::{Lingering, PAUSE};

/// Ends the gateway's side and reads on while the client sends.
pub async fn linger(stream: &mut ClientStream, activity: &Activity) {
    // Usually hyper has done this already.
    if tokio::time::timeout(PAUSE, stream.shutdown()).await.is_err() {
        return;
    }
    let (began, mut lingering) = (Instant::now(), Lingering::default());
    let mut dropped = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = tokio::time::timeout(PAUSE, stream.read(&mut dropped)) => match read {
                Ok(Ok(count @ 1..)) if lingering.read(count, began.elapsed()) => activity.progressed(),
                _ => return,
            },
            command = activity.next_command() => if command == ConnectionCommand::Close {
                return;
            }
        }
    }
}
