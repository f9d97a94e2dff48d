//! A request that Campaign refused, kept so that it can be sent once more with other credentials.

use http::{HeaderMap, Request, Response};

use super::body::Body;
use super::spare::Spare;
use super::upload::Upload;

/// Campaign's answer and, where it is a refusal (403) of a bodiless GET or HEAD, the request itself.
#[derive(Debug)]
pub struct Forwarded {
    /// The answer.
    pub response: Response<Body>,
    /// The request, for [`Proxy::repeat`](super::Proxy::repeat).
    pub again: Option<Again>,
}

/// A request as Campaign got it. It can go out once more, which a request with a body never can.
#[derive(Debug)]
pub struct Again(pub(super) Box<Request<Upload>>);

impl Again {
    pub(super) fn of(spare: &mut Spare) -> Option<Self> {
        spare.again().map(|request| Self(Box::new(request)))
    }

    /// The fields that Campaign got, to be changed.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.0.headers_mut()
    }
}
