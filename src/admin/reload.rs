//! `POST /reload` loads the configuration again, `POST /reload/compare` compares another one with it. Both ask the task that owns the
//! configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::Admin;
use crate::config::ShownValue;

/// A request of an operator about the running configuration, with the channel for its answer.
#[derive(Debug)]
pub enum ReloadRequest {
    /// Load it again.
    Reload(StyleQuery, oneshot::Sender<ReloadReport>),
    /// Say which keys of another configuration differ.
    Compare(SaltedConfiguration, oneshot::Sender<Difference>),
    /// Show its values.
    Show(oneshot::Sender<Vec<ShownValue>>),
}

/// The query of a reload: how the findings are written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StyleQuery {
    /// Columns of the terminal; `None`: plain lines.
    pub width: Option<usize>,
    /// Whether colours are wanted.
    pub colour: bool,
}

/// What a reload did.
#[derive(Debug, Default, Serialize)]
pub struct ReloadReport {
    /// False when the running configuration stays in use.
    pub applied: bool,
    /// Errors or warnings, as `imsgate serve` writes them.
    pub findings: String,
    /// The keys whose values have changed.
    pub changed: Vec<String>,
    /// The keys whose new values need a restart.
    pub restart: Vec<String>,
}

/// Another configuration, as salted digests.
#[derive(Debug, Deserialize)]
pub struct SaltedConfiguration {
    /// The salt of the digests.
    pub salt: String,
    /// A digest for each key.
    pub values: BTreeMap<String, String>,
}

/// The keys that differ.
#[derive(Debug, Default, Serialize)]
pub struct Difference {
    /// Keys that a reload changes.
    pub reload: Vec<String>,
    /// Keys that need a restart.
    pub restart: Vec<String>,
}

/// `POST /reload?width=&colour=`
pub(super) async fn reload(State(admin): State<Arc<Admin>>, Query(style): Query<StyleQuery>) -> Response {
    ask(&admin.reloads, |answer| ReloadRequest::Reload(style, answer)).await
}

/// `POST /reload/compare`
pub(super) async fn compare(
    State(admin): State<Arc<Admin>>,
    Json(other): Json<SaltedConfiguration>,
) -> Response {
    ask(&admin.reloads, |answer| ReloadRequest::Compare(other, answer)).await
}

/// The values of the running configuration; `None` when the task that owns it does not answer.
pub(super) async fn shown(admin: &Admin) -> Option<Vec<ShownValue>> {
    // A reload may be in progress.
    let shown = ask_for(&admin.reloads, ReloadRequest::Show);
    tokio::time::timeout(ANSWER_TIMEOUT, shown).await.ok().flatten()
}

async fn ask<T: Serialize>(
    reloads: &mpsc::Sender<ReloadRequest>,
    request: impl FnOnce(oneshot::Sender<T>) -> ReloadRequest,
) -> Response {
    if let Some(answer) = ask_for(reloads, request).await {
        return Json(answer).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": NOBODY_ANSWERS }))).into_response()
}

async fn ask_for<T>(
    reloads: &mpsc::Sender<ReloadRequest>,
    request: impl FnOnce(oneshot::Sender<T>) -> ReloadRequest,
) -> Option<T> {
    let (sender, answer) = oneshot::channel();
    let _ = reloads.send(request(sender)).await;
    answer.await.ok()
}

/// Longer than a reload takes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Why there is no answer.
pub(super) const NOBODY_ANSWERS: &str =
    "this gateway does not load its configuration from a file, or it is stopping";
