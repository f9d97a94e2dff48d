//! What somebody without a session hears, in the words their client understands.

use axum::response::Response;
use http::{HeaderMap, Method};

use super::answer::{login_required, soap_session_expired};
use super::context::Context;
use super::login::{self, Begin};
use super::shared::Shared;
use crate::policy::arrival::Arrival;
use crate::policy::return_to::ReturnTo;

/// Answers a request that needs a session and has none.
pub async fn closed(
    shared: &Shared,
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    target: &str,
) -> Response {
    match Arrival::of(method, headers, path) {
        Arrival::Soap => soap_session_expired(),
        Arrival::Api => login_required(),
        Arrival::Navigation => {
            let begin = Begin { return_to: ReturnTo::parse_or_root(target), ..Begin::default() };
            login::begin(shared, context, headers, begin).await
        }
    }
}
