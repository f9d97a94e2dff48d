//! The running configuration. Secrets are named and not shown.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::frame::{Frame, respond};
use crate::admin::{Admin, reload};
use crate::config::ShownValue;

#[derive(Template)]
#[template(path = "admin/configuration.html")]
struct ConfigurationPage {
    frame: Frame,
    sections: Vec<(String, Vec<ShownValue>)>,
    error: &'static str,
}

/// `GET /admin/configuration`
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Response {
    let frame = Frame::of("/admin/configuration", admin.services.clock.now());
    let (status, sections, error) = match reload::shown(&admin).await {
        Some(values) => (StatusCode::OK, sections(values), ""),
        None => (StatusCode::SERVICE_UNAVAILABLE, Vec::new(), reload::NOBODY_ANSWERS),
    };
    respond(status, &ConfigurationPage { frame, sections, error })
}

/// The keys by section.
fn sections(values: Vec<ShownValue>) -> Vec<(String, Vec<ShownValue>)> {
    let mut sections: Vec<(String, Vec<ShownValue>)> = Vec::new();
    for mut value in values {
        let (section, name) = match value.key.rsplit_once('.') {
            Some((section, name)) => (section.to_owned(), name.to_owned()),
            None => (String::new(), value.key.clone()),
        };
        value.key = name;
        match sections.last_mut() {
            Some((last, values)) if *last == section => values.push(value),
            _ => sections.push((section, vec![value])),
        }
    }
    sections
}
