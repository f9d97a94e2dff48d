//! `/ims/logout/v1`: ends the browser's session at IMS.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, header};
use url::Url;

use super::ImsState;
use crate::demo::wire::{Form, found};

/// Redirects to `redirect_uri` only if a registered URI has the same origin. Otherwise it would be an open redirect.
pub(super) async fn logout(
    State(ims): State<Arc<ImsState>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes());
    let target = form
        .get("redirect_uri")
        .filter(|_| form.get("client_id") == Some(&ims.options.client_id))
        .filter(|uri| has_registered_origin(&ims, uri));
    let mut response = match target {
        Some(target) => found(target),
        None => found(&ims.default_redirect()),
    };
    response.headers_mut().insert(header::SET_COOKIE, ims.browsers.end(&headers));
    response
}

fn has_registered_origin(ims: &ImsState, uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|uri| {
        ims.options
            .redirect_uris
            .iter()
            .any(|known| Url::parse(known).is_ok_and(|known| known.origin() == uri.origin()))
    })
}
