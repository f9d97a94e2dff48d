//! The discovery document and the keys, as IMS publishes them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{ImsEndpoint, ImsState};

/// The discovery document. Like IMS's, it has no `end_session_endpoint`, but the non-standard grant type `implicit_grant`.
pub(super) async fn document(State(ims): State<Arc<ImsState>>) -> Json<Value> {
    let url = &ims.url;
    let mut document = json!({
        "issuer": ims.issuer(),
        "authorization_endpoint": format!("{url}/ims/authorize/v2"),
        "token_endpoint": format!("{url}/ims/token/v3"),
        "userinfo_endpoint": format!("{url}/ims/userinfo/v2"),
        "revocation_endpoint": format!("{url}/ims/revoke"),
        "jwks_uri": format!("{url}/ims/keys"),
        "response_types_supported": ["code", "id_token", "token id_token"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": ["authorization_code", "implicit_grant", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ims.options.scopes,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "claims_supported": ["aud", "exp", "iat", "iss", "sub", "nonce", "at_hash", "email", "name"],
    });
    ims.faults.apply(ImsEndpoint::Discovery, &mut document);
    Json(document)
}

pub(super) async fn keys(State(ims): State<Arc<ImsState>>) -> Json<Value> {
    Json(ims.keys.jwks())
}
