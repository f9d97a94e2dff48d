//! `GET /foreign-tokens`: requests since the start with session tokens of other sessions, or with logins of native accounts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Admin;

/// `{"uses":[{"account","address","method","path","refused","times","last"}]}`. An empty account means a token.
pub async fn list(State(admin): State<Arc<Admin>>) -> Json<Value> {
    Json(json!({"uses": admin.services.foreign_tokens.all()}))
}
