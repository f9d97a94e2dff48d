//! What the server calls for each request.

use std::fmt::Debug;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::peer::Peer;

/// Answers the requests of one worker.
pub trait Handler: Debug + Send + Sync + 'static {
    /// The body of a response.
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static;

    /// Answers one request, whatever it is, and logs it.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Logs a head that hyper could not parse and answered with this status.
    fn parse_error(&self, peer: &Peer, status: StatusCode);

    /// Writes out buffered log lines. Called several times a second, and when the worker ends.
    fn flush_log(&self);
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
pub mod tests {
    use http_body_util::Empty;

    use super::*;

    /// Answers with an empty response.
    #[derive(Debug)]
    pub struct EmptyHandler;

    impl Handler for EmptyHandler {
        type Body = Empty<Bytes>;

        async fn handle(&self, _: Request<Incoming>, _: Peer) -> Response<Empty<Bytes>> {
            Response::new(Empty::new())
        }

        fn parse_error(&self, _: &Peer, _: StatusCode) {}

        fn flush_log(&self) {}
    }
}
