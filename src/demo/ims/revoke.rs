//! `/ims/validate_token/v1` and `/ims/revoke`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::ImsState;
use super::client_auth::authenticate;
use super::error::Error;
use crate::demo::wire::Form;

/// Answers 200 for valid and invalid tokens. Campaign calls this endpoint.
pub(super) async fn validate_token(
    State(ims): State<Arc<ImsState>>,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let form = Form::parse(&body);
    let is_known = |id: &str| id == ims.options.client_id || ims.technical_client(id).is_some();
    if !form.get("client_id").is_some_and(is_known) {
        return Err(Error::InvalidClient);
    }
    if form.get("type") != Some("access_token") {
        return Err(Error::InvalidRequest("type must be access_token"));
    }
    let token = form.get("token").ok_or(Error::InvalidRequest("token is missing"))?;
    Ok(Json(match ims.grants.access(token, ims.options.clock.now()) {
        Some(access) => json!({ "valid": true, "token": access.claims }),
        None if ims.grants.knows_access(token) => json!({ "valid": false, "reason": "expired_token" }),
        None => json!({ "valid": false, "reason": "invalid_token" }),
    }))
}

/// Answers 200 with an empty body, also for an unknown token (RFC 7009 §2.2).
pub(super) async fn revoke(
    State(ims): State<Arc<ImsState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Error> {
    let form = Form::parse(&body);
    authenticate(&ims, &headers, &form)?;
    ims.grants.revoke(form.get("token").ok_or(Error::InvalidRequest("token is missing"))?);
    Ok(StatusCode::OK)
}
