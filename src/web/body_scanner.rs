//! Finds Campaign's tokens in the fields of a body, whatever kind of form it is.

use http::{HeaderMap, Request, header};

use crate::policy::campaign_tokens::{
    ForeignToken, FormScanner, Judge, MultipartScanner, TokenAction, TokenKind, account_of, boundary,
};
use crate::policy::client_kind::is_soap_router;
use crate::proxy::ClientBody;

/// Reads the fields of a body.
#[derive(Debug)]
pub enum BodyScanner {
    /// `application/x-www-form-urlencoded`.
    Form(FormScanner),
    Multipart(MultipartScanner),
}

impl BodyScanner {
    /// A reader for this body; `None` for a body without fields. SOAP envelopes are read elsewhere.
    pub fn of(request: &Request<ClientBody>) -> Option<Self> {
        if http_body::Body::is_end_stream(request.body()) || is_soap_router(request.uri().path()) {
            return None;
        }
        Self::of_kind(request.headers())
    }

    fn of_kind(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        if let Some(boundary) = boundary(kind) {
            return Some(Self::Multipart(MultipartScanner::new(boundary)));
        }
        let is_form = kind.trim_start().get(..FORM.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(FORM));
        is_form.then(|| Self::Form(FormScanner::default()))
    }

    /// Reads the next piece. Writes to `output` what can be forwarded so far.
    ///
    /// # Errors
    /// When the body holds a value that may not be forwarded.
    pub fn push(
        &mut self,
        piece: &[u8],
        judge: &mut impl Judge,
        output: Option<&mut Vec<u8>>,
    ) -> Result<(), ForeignToken> {
        match self {
            Self::Form(form) => form.push(piece, judge, output),
            Self::Multipart(parts) => parts.push(piece, judge, output),
        }
    }

    /// Reads the end of the body.
    ///
    /// # Errors
    /// When the last value may not be forwarded.
    pub fn finish(
        &mut self,
        judge: &mut impl Judge,
        output: Option<&mut Vec<u8>>,
    ) -> Result<(), ForeignToken> {
        match self {
            Self::Form(form) => form.finish(judge, output),
            Self::Multipart(parts) => parts.finish(judge, output),
        }
    }
}

/// The native account that a body names in a session token field: the first one. `bytes` are the whole body, or its beginning.
pub fn account_in(headers: &HeaderMap, bytes: &[u8], is_complete: bool) -> Option<String> {
    let mut found = None;
    let mut look = |kind, value: &str| {
        if let (TokenKind::Session, Some(account)) = (kind, account_of(value)) {
            found.get_or_insert_with(|| account.to_owned());
        }
        TokenAction::Keep
    };
    read(headers, (bytes, is_complete), &mut look);
    found
}

/// Passes the values in a body, or in its beginning, to a judge that refuses nothing.
pub fn read(headers: &HeaderMap, (bytes, is_complete): (&[u8], bool), judge: &mut impl Judge) {
    let Some(mut scanner) = BodyScanner::of_kind(headers) else { return };
    if scanner.push(bytes, judge, None).is_ok() && is_complete {
        // There is no output that could lack something.
        let _ = scanner.finish(judge, None);
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_is_recognized_in_every_letter_case() {
        let kind_of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(text));
            BodyScanner::of_kind(&headers)
        };
        for form in
            [FORM, "Application/X-WWW-Form-URLEncoded", " application/x-www-form-urlencoded; charset=utf-8"]
        {
            assert!(matches!(kind_of(form), Some(BodyScanner::Form(_))), "{form}");
        }
        for multipart in ["multipart/form-data; boundary=x", "MULTIPART/Mixed; Boundary=x"] {
            assert!(matches!(kind_of(multipart), Some(BodyScanner::Multipart(_))), "{multipart}");
        }
        assert!(kind_of("application/json").is_none() && kind_of("text/plain").is_none());
    }
}
