//! The data about a person: userinfo, organisations, profile.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde_json::{Value, json};

use super::error::Error;
use super::grants::GrantedToken;
use super::{ImsEndpoint, ImsState};
use crate::demo::people::Person;
use crate::demo::wire::bearer;

/// The response has no groups.
pub(super) async fn userinfo(
    State(ims): State<Arc<ImsState>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    let person = bearer_of(&ims, &headers, "openid")?;
    let (given_name, family_name) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    let answer = json!({
        "sub": person.sub,
        "account_type": "ent",
        "email": person.email,
        "email_verified": true,
        "name": person.name,
        "given_name": given_name,
        "family_name": family_name,
        "address": { "country": "FR" },
    });
    Ok(response(&ims, ImsEndpoint::UserInfo, answer))
}

pub(super) async fn organizations(
    State(ims): State<Arc<ImsState>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    let access = access(&ims, &headers, "read_organizations")?;
    let technical = access.grant.client.as_deref().and_then(|client| ims.technical_client(client));
    let answer = match (technical, ims.person(&access.grant)) {
        (Some(client), _) => client.organizations.clone(),
        (None, Some(person)) => person.organizations.clone(),
        (None, None) => return Err(Error::InsufficientScope("read_organizations")),
    };
    Ok(response(&ims, ImsEndpoint::Organizations, answer))
}

pub(super) async fn profile(
    State(ims): State<Arc<ImsState>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    let person = bearer_of(&ims, &headers, "additional_info.projectedProductContext")?;
    let answer = json!({
        "displayName": person.name,
        "email": person.email,
        "userId": person.sub,
        "countryCode": "FR",
        "roles": [{ "organization": ims.options.organization_id, "named_role": "PRODUCT_ADMIN" }],
        "projectedProductContext": person.product_contexts,
    });
    Ok(response(&ims, ImsEndpoint::Profile, answer))
}

/// The person of the bearer token, if the token is valid and has the scope.
fn bearer_of<'i>(ims: &'i ImsState, headers: &HeaderMap, scope: &'static str) -> Result<&'i Person, Error> {
    // A technical account has no person.
    ims.person(&access(ims, headers, scope)?.grant).ok_or(Error::InsufficientScope(scope))
}

/// The bearer token, if it is valid and has the scope.
fn access(ims: &ImsState, headers: &HeaderMap, scope: &'static str) -> Result<GrantedToken, Error> {
    let token = bearer(headers).ok_or(Error::InvalidToken)?;
    let access = ims.grants.access(token, ims.options.clock.now()).ok_or(Error::InvalidToken)?;
    if !access.grant.has(scope) {
        return Err(Error::InsufficientScope(scope));
    }
    Ok(access)
}

fn response(ims: &ImsState, endpoint: ImsEndpoint, mut answer: Value) -> Json<Value> {
    ims.faults.apply(endpoint, &mut answer);
    Json(answer)
}
