//! `POST /reload` loads the configuration again, `POST /reload/compare` compares another one with it. Both ask the task that owns the
//! configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::Admin;

/// What an operator asks of the running configuration. The answer comes through the channel.
#[derive(Debug)]
pub enum ReloadRequest {
    /// Load it again.
    Reload(Look, oneshot::Sender<ReloadReport>),
    /// Say which keys of another configuration differ.
    Compare(Comparison, oneshot::Sender<Difference>),
}

/// How findings are written: the query of a reload.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Columns of the terminal; `None`: plain lines.
    pub width: Option<usize>,
    /// Whether colours are wanted.
    pub colour: bool,
}

/// What a reload did.
#[derive(Debug, Default, Serialize)]
pub struct ReloadReport {
    /// False when the configuration that runs stays in use.
    pub applied: bool,
    /// Errors or warnings, as `imsgate serve` writes them.
    pub findings: String,
    /// The keys that have other values from now on.
    pub changed: Vec<String>,
    /// The keys that differ and need a restart.
    pub restart: Vec<String>,
}

/// Another configuration: a digest for each key.
#[derive(Debug, Deserialize)]
pub struct Comparison {
    /// What the digests begin with.
    pub salt: String,
    /// By key.
    pub values: BTreeMap<String, String>,
}

/// The keys that differ.
#[derive(Debug, Default, Serialize)]
pub struct Difference {
    /// A reload changes these.
    pub reload: Vec<String>,
    /// A restart changes these.
    pub restart: Vec<String>,
}

/// `POST /reload?width=&colour=`
pub(super) async fn reload(State(admin): State<Arc<Admin>>, Query(look): Query<Look>) -> Response {
    ask(&admin.reloads, |answer| ReloadRequest::Reload(look, answer)).await
}

/// `POST /reload/compare`
pub(super) async fn compare(State(admin): State<Arc<Admin>>, Json(other): Json<Comparison>) -> Response {
    ask(&admin.reloads, |answer| ReloadRequest::Compare(other, answer)).await
}

async fn ask<T: Serialize>(
    reloads: &mpsc::Sender<ReloadRequest>,
    request: impl FnOnce(oneshot::Sender<T>) -> ReloadRequest,
) -> Response {
    let (sender, answer) = oneshot::channel();
    let _ = reloads.send(request(sender)).await;
    if let Ok(answer) = answer.await {
        return Json(answer).into_response();
    }
    let error =
        json!({"error": "this gateway does not load its configuration from a file, or it is stopping"});
    (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response()
}
