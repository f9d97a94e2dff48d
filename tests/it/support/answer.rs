//! A complete response, with helpers for checks.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use url::Url;

/// A complete response and its address.
#[derive(Clone, Debug)]
pub struct Answer {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The first value of a header, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `Location` as sent, empty when absent.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// Where `Location` leads.
    pub fn target(&self) -> Url {
        assert!(self.status.is_redirection(), "{} {}\n{}", self.status, self.url, self.text());
        self.url.join(self.location()).unwrap()
    }

    /// A parameter in the query of `Location`.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.target().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// Every `Set-Cookie` field, as sent.
    pub fn set_cookies(&self) -> Vec<String> {
        let fields = self.headers.get_all(header::SET_COOKIE).iter();
        fields.map(|field| field.to_str().unwrap().to_owned()).collect()
    }

    /// The `Set-Cookie` field of the gateway's session.
    pub fn session_cookie(&self) -> Option<String> {
        self.set_cookies().into_iter().find(|field| field.starts_with("__Host-imsgate="))
    }

    /// The request id on a page, which must be the one in the header.
    pub fn request_id(&self) -> String {
        let id = self.header("x-request-id").to_owned();
        assert_eq!(id.len(), 32, "{:?}", self.headers);
        id
    }
}
