//! Requests to the token endpoint, recorded for tests.

use http::HeaderMap;

/// A request to the token endpoint. No `Debug`: it holds codes and secrets.
#[derive(Clone)]
pub struct RecordedRequest {
    /// The headers as received.
    pub headers: HeaderMap,
    /// The decoded pairs of the form.
    pub form: Vec<(String, String)>,
}

impl RecordedRequest {
    /// The first value of a form field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
