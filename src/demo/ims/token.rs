//! `/ims/token/v3`: the token endpoint with three grant types.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use serde_json::Value;

use super::ImsState;
use super::authorize::split_scopes;
use super::client_auth::client;
use super::error::Error;
use super::grants::Grant;
use crate::demo::wire::Form;

pub(super) async fn token(State(ims): State<Arc<ImsState>>, headers: HeaderMap, body: Bytes) -> Response {
    match answer(&ims, &headers, &body) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Err(error) => error.into_response(),
    }
}

fn answer(ims: &ImsState, headers: &HeaderMap, body: &[u8]) -> Result<Value, Error> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return Err(Error::InvalidRequest("the body must be application/x-www-form-urlencoded"));
    }
    let form = Form::parse(body);
    let required = |name, error| form.get(name).ok_or(Error::InvalidRequest(error));
    let grant_type = required("grant_type", "grant_type is missing")?;
    let technical = client(ims, headers, &form)?;
    let now = ims.options.clock.now();
    match grant_type {
        "client_credentials" => {
            let scopes = provisioned(ims, form.get("scope"))?;
            Ok(ims.token_answer(&Grant { client: technical, ..Grant::new(None, scopes, now) }, None)?)
        }
        _ if technical.is_some() => Err(Error::UnsupportedGrantType),
        "authorization_code" => {
            let code = required("code", "code is missing")?;
            let code = ims.grants.redeem(code, form.get("redirect_uri"), form.get("code_verifier"), now)?;
            Ok(ims.token_answer(&code.grant, code.nonce.as_deref())?)
        }
        "refresh_token" if ims.options.refresh_tokens => {
            let token = required("refresh_token", "refresh_token is missing")?;
            let scopes = provisioned(ims, form.get("scope"))?;
            let mut grant = ims.grants.redeem_refresh(token, now)?;
            // A refresh may reduce the scope, but not extend it (RFC 6749 §6).
            if !scopes.is_empty() {
                grant.scopes.retain(|scope| scopes.contains(scope));
            }
            Ok(ims.token_answer(&grant, None)?)
        }
        _ => Err(Error::UnsupportedGrantType),
    }
}

fn provisioned(ims: &ImsState, scopes: Option<&str>) -> Result<Vec<String>, Error> {
    let scopes = split_scopes(scopes.unwrap_or_default());
    if scopes.iter().all(|scope| ims.options.scopes.contains(scope)) {
        return Ok(scopes);
    }
    let redirect_uri = ims.options.redirect_uris.first().cloned().unwrap_or_else(|| ims.default_redirect());
    Err(Error::InvalidScope { redirect_uri })
}
