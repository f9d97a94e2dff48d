//! Reads a request body: a small one for the gateway itself, or the beginning of one that is forwarded.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::rejection::Rejection;
use crate::proxy::{ClientBody, Front, ProxyError};

/// The whole body; `None` when it is longer than `most` bytes.
///
/// # Errors
/// When the body is not complete within `limit`, or the connection breaks.
pub async fn read<B>(body: B, most: usize, limit: Duration) -> Result<Option<Bytes>, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match tokio::time::timeout(limit, Limited::new(body, most).collect()).await {
        Ok(Ok(whole)) => Ok(Some(whole.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(None),
        Ok(Err(error)) => Err(ProxyError::Client { reason: error.to_string(), stalled: false }.into()),
        Err(_) => {
            let reason = format!("the body was not complete after {limit:?}");
            Err(ProxyError::Client { reason, stalled: true }.into())
        }
    }
}

/// Reads the first `most` bytes of a body, or all of it. When the body is forwarded, these bytes are sent first.
///
/// # Errors
/// When they do not arrive within `limit`, or the connection breaks.
pub async fn front(body: &mut ClientBody, most: usize, limit: Duration) -> Result<Front, Rejection> {
    let Ok(front) = tokio::time::timeout(limit, body.read_front(most)).await else {
        let reason = format!("the beginning of the body did not arrive within {limit:?}");
        return Err(ProxyError::Client { reason, stalled: true }.into());
    };
    Ok(front.map_err(ProxyError::from)?)
}
