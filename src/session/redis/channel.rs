//! The channel for notices of ended and changed sessions between instances.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::{ErrorKind, Msg, RedisError, RedisResult};
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::dial::RedisDial;
use crate::session::key::Key;
use crate::session::store::Notice;

/// Forwards notices and does not return. After each interruption it sends [`Notice::Missed`].
pub(super) async fn listen(dial: Arc<RedisDial>, channel: String, notices: broadcast::Sender<Notice>) {
    let mut pause = SHORTEST_PAUSE;
    let mut is_new = true;
    loop {
        let mut subscribed = false;
        if let Err(error) = follow(&dial, &channel, &notices, &mut subscribed).await
            && (subscribed || is_new)
        {
            tracing::warn!(%error, "no notices of other instances arrive: sessions that end there end here within the cache time");
        }
        is_new = false;
        pause = if subscribed { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::time::sleep(pause).await;
    }
}

async fn follow(
    dial: &RedisDial,
    channel: &str,
    notices: &broadcast::Sender<Notice>,
    subscribed: &mut bool,
) -> RedisResult<()> {
    let (mut sink, mut messages) = timeout(TIMEOUT, dial.subscriber()).await.map_err(|_| silent())??.split();
    timeout(TIMEOUT, sink.subscribe(channel)).await.map_err(|_| silent())??;
    *subscribed = true;
    tracing::info!("subscribed to the notices of other instances");
    // An error means that there is no receiver: the process is starting or stopping.
    let _ = notices.send(Notice::Missed);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => drop(read(&message).map(|notice| notices.send(notice))),
                None => return Err(RedisError::from((ErrorKind::Io, "the connection was closed"))),
            },
            // A connection can break without an error.
            () = tokio::time::sleep(PING) => {
                timeout(TIMEOUT, sink.ping::<redis::Value>()).await.map_err(|_| silent())??;
            }
        }
    }
}

fn read(message: &Msg) -> Option<Notice> {
    let text = std::str::from_utf8(message.get_payload_bytes()).ok()?;
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

const TIMEOUT: Duration = Duration::from_secs(1);
const PING: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
