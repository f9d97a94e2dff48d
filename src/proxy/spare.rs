//! A copy of a request that may be sent twice (RFC 9110 §9.2.2): a GET or HEAD without a body, and only once.

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::upload::Upload;

/// Fields of a request, in a buffer that a connection keeps for the next one.
pub(super) type Fields = Vec<(HeaderName, HeaderValue)>;

/// The copy of one request on its way.
#[derive(Debug, Default)]
pub(super) struct Spare {
    head: Option<(Method, Uri)>,
    fields: Fields,
    used: bool,
}

impl Spare {
    /// Copies the request, if it may go out again and has not yet, into `buffer`.
    pub fn copy(&mut self, request: &Request<Upload>, buffer: Fields) {
        self.fields = buffer;
        self.fields.clear();
        self.head = None;
        let safe = matches!(*request.method(), Method::GET | Method::HEAD) && request.body().is_empty();
        if safe && !self.used {
            self.head = Some((request.method().clone(), request.uri().clone()));
            self.fields.extend(request.headers().iter().map(|(name, value)| (name.clone(), value.clone())));
        }
    }

    /// The request once more.
    pub fn again(&mut self) -> Option<Request<Upload>> {
        let (method, uri) = self.head.take()?;
        self.used = true;
        let mut request = Request::new(Upload::Empty);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        for (name, value) in self.fields.drain(..) {
            request.headers_mut().append(name, value);
        }
        Some(request)
    }

    /// Forgets the copy, which is not needed any more, and gives the buffer back.
    pub fn forget(&mut self) -> Fields {
        self.head = None;
        self.fields.clear();
        std::mem::take(&mut self.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bodiless_get_or_head_goes_out_again_and_once() {
        let mut spare = Spare::default();
        let request =
            |method: &str| Request::builder().method(method).uri("/x").header("a", "1").body(Upload::Empty);
        for method in ["GET", "HEAD"] {
            let mut spare = Spare::default();
            spare.copy(&request(method).unwrap(), Fields::new());
            let again = spare.again().unwrap();
            assert_eq!((again.method().as_str(), again.uri().path()), (method, "/x"));
            assert_eq!(again.headers()["a"], "1");
            spare.copy(&again, Fields::new());
            assert!(spare.again().is_none());
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
            spare.copy(&request(method).unwrap(), Fields::new());
            assert!(spare.again().is_none(), "{method}");
        }
    }
}
