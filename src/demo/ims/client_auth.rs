//! Client authentication: `client_secret_post` or `client_secret_basic` (RFC 6749 §2.3.1).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret as _;

use super::ImsState;
use super::error::Error;
use crate::demo::wire::Form;

/// Succeeds if the caller is the registered client.
pub(super) fn authenticate(ims: &ImsState, headers: &HeaderMap, form: &Form) -> Result<(), Error> {
    match client(ims, headers, form)? {
        None => Ok(()),
        Some(_) => Err(Error::InvalidClient),
    }
}

/// The technical client of a request; `None` for the registered client. Both methods in one request are an error (RFC 6749 §2.3).
pub(super) fn client(ims: &ImsState, headers: &HeaderMap, form: &Form) -> Result<Option<String>, Error> {
    let (id, secret) = match (headers.get(header::AUTHORIZATION), form.get("client_secret")) {
        (Some(_), Some(_)) => return Err(Error::InvalidRequest("two ways of client authentication")),
        (Some(authorization), None) => basic(authorization).ok_or(Error::InvalidClient)?,
        (None, Some(secret)) => (form.get("client_id").unwrap_or_default().to_owned(), secret.to_owned()),
        (None, None) => return Err(Error::InvalidClient),
    };
    let technical = ims.technical_client(&id);
    let expected =
        technical.map_or(&ims.options.client_secret, |client| &client.client_secret).expose_secret();
    let same_secret = verify_slices_are_equal(secret.as_bytes(), expected.as_bytes()).is_ok();
    if !same_secret || (technical.is_none() && id != ims.options.client_id) {
        return Err(Error::InvalidClient);
    }
    Ok(technical.map(|client| client.client_id.clone()))
}

/// Identifier and secret of `Basic` credentials (RFC 7617 §2).
fn basic(authorization: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

/// Decodes one part. The client form-encodes both parts before it joins them.
fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
