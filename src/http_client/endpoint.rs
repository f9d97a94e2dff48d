//! One upstream: its name for logs, its dialer, and single requests to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio_util::task::AbortOnDropHandle;

use super::{Dialer, HttpError, MAX_BODY, chain};

/// An upstream. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Endpoint {
    name: Arc<str>,
    host: HeaderValue,
    dialer: Dialer,
}

impl Endpoint {
    /// An upstream. `name` identifies it in logs; `host` is the `Host` field of the gateway's own requests.
    pub fn new(name: &str, host: HeaderValue, dialer: Dialer) -> Self {
        Self { name: name.into(), host, dialer }
    }

    /// The name for logs: scheme, host and port, or `unix:` and a path.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Opens connections to this upstream.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Sends one request over a new connection. The address of `request` is only path and query. Redirects are not followed.
    ///
    /// # Errors
    /// [`HttpError`] when there is no complete response within the deadline.
    pub async fn send(
        &self,
        mut request: Request<Bytes>,
        deadline: Duration,
    ) -> Result<Response<Bytes>, HttpError> {
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let exchange = async {
            let stream = self.dialer.dial().await.map_err(|e| HttpError::Connection(chain(&e)))?;
            let broken = |e: hyper::Error| HttpError::Connection(chain(&e));
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
            // Closes the connection when this request ends or is cancelled.
            let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
            let answer = sender.send_request(request.map(Full::new)).await.map_err(broken)?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await;
            let body = body.map_err(|e| HttpError::Body(e.to_string()))?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        tokio::time::timeout(deadline, exchange).await.map_err(|_| HttpError::Deadline(deadline))?
    }
}
