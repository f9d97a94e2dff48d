//! The channel on which instances tell each other what ended or changed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::{ErrorKind, Msg, RedisError, RedisResult};
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::dial::Dial;
use crate::session::key::Key;
use crate::session::store::Notice;

/// Passes on what is told, for ever. After every gap it says that something may have been missed.
pub(super) async fn listen(dial: Arc<Dial>, channel: String, notices: broadcast::Sender<Notice>) {
    let mut pause = SHORTEST_PAUSE;
    let mut is_new = true;
    loop {
        let mut heard = false;
        if let Err(error) = follow(&dial, &channel, &notices, &mut heard).await
            && (heard || is_new)
        {
            tracing::warn!(%error, "no news of other instances: their endings are noticed within the cache time");
        }
        is_new = false;
        pause = if heard { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::time::sleep(pause).await;
    }
}

async fn follow(
    dial: &Dial,
    channel: &str,
    notices: &broadcast::Sender<Notice>,
    heard: &mut bool,
) -> RedisResult<()> {
    let (mut sink, mut news) = timeout(PATIENCE, dial.subscriber()).await.map_err(|_| silent())??.split();
    timeout(PATIENCE, sink.subscribe(channel)).await.map_err(|_| silent())??;
    *heard = true;
    tracing::info!("hearing the news of other instances");
    // Nobody may listen yet, or the process is stopping.
    let _ = notices.send(Notice::Missed);
    loop {
        tokio::select! {
            told = news.next() => match told {
                Some(told) => drop(read(&told).map(|notice| notices.send(notice))),
                None => return Err(RedisError::from((ErrorKind::Io, "the connection was closed"))),
            },
            // A connection can die without a word.
            () = tokio::time::sleep(PING) => {
                timeout(PATIENCE, sink.ping::<redis::Value>()).await.map_err(|_| silent())??;
            }
        }
    }
}

fn read(told: &Msg) -> Option<Notice> {
    let text = std::str::from_utf8(told.get_payload_bytes()).ok()?;
    let key = |rest| Key::parse(rest);
    match text.chars().next()? {
        ENDED => key(&text[1..]).map(Notice::Ended),
        CHANGED => key(&text[1..]).map(Notice::Changed),
        _ => None,
    }
}

fn silent() -> RedisError {
    RedisError::from((ErrorKind::Io, "no answer"))
}

/// First character of a message, before the key.
pub(super) const ENDED: char = '-';
pub(super) const CHANGED: char = '~';

const PATIENCE: Duration = Duration::from_secs(1);
const PING: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
