//! Signing in at the admin page with the token, and signing out.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::frame::{Frame, respond};
use super::redirect_with_cookie;
use crate::admin::Admin;
use crate::admin::guard::{AdminPeer, TokenCheck, cookie, cookie_name};
use crate::telemetry::audit::{AuditAction, OperatorAccess, Subject};

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage {
    frame: Frame,
    error: &'static str,
}

/// What the form sends. It has no `Debug`: it holds the token.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    #[serde(default)]
    token: String,
}

/// `GET /admin/sign-in`
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Response {
    page(&admin, StatusCode::OK, "")
}

/// `POST /admin/sign-in`
pub(super) async fn sign_in(
    State(admin): State<Arc<Admin>>,
    Extension(AdminPeer(peer)): Extension<AdminPeer>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Response {
    let Some(token) = admin.token.load_full() else { return Redirect::to("/admin").into_response() };
    match admin.check_token(&token, form.token.trim(), peer, OperatorAccess::AdminPage) {
        TokenCheck::Right => {
            let value = admin.operators.sign_ins.begin(token, admin.services.clock.now());
            admin.audit(Some(peer), Subject::nobody(), AuditAction::AdminSignIn);
            // Not `Secure`: the listener speaks plain HTTP.
            let cookie = format!("{}={value}; Path=/admin; HttpOnly; SameSite=Strict", cookie_name(&headers));
            redirect_with_cookie("/admin", &cookie)
        }
        TokenCheck::Wrong => page(&admin, StatusCode::FORBIDDEN, "That is not the admin token."),
        TokenCheck::TooOften => page(
            &admin,
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong tokens came from this address. Wait ten minutes, then try again.",
        ),
    }
}

/// `POST /admin/sign-out`
pub(super) async fn sign_out(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    if let Some(value) = cookie(&headers) {
        admin.operators.sign_ins.end(value);
    }
    let cookie = format!("{}=; Path=/admin; HttpOnly; SameSite=Strict; Max-Age=0", cookie_name(&headers));
    redirect_with_cookie("/admin/sign-in", &cookie)
}

fn page(admin: &Admin, status: StatusCode, error: &'static str) -> Response {
    let frame = Frame { title: "Sign in", current: "", now: admin.services.clock.now() };
    respond(status, &SignInPage { frame, error })
}
