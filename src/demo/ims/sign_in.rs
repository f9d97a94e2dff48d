//! Receives the sign-in form.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, header};

use super::ImsState;
use super::authorize::AuthorizeRequest;
use super::browsers::SignedIn;
use crate::demo::random::{bytes, hex};
use crate::demo::wire::Form;

pub(super) async fn sign_in(State(ims): State<Arc<ImsState>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let request = match AuthorizeRequest::check(&ims, form.get("request").unwrap_or_default()) {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    if form.get("cancel").is_some() {
        return request.send_error("access_denied");
    }
    // A button of the list of people, or the name in the field.
    let typed = form.get("as").or(form.get("username")).unwrap_or_default().trim().to_lowercase();
    let Some(person) = ims.options.people.iter().find(|p| p.username == typed || p.email == typed) else {
        return request.form(&ims, Some("There is no such person. Choose a name from the list below."));
    };
    let (username, at) = (person.username.clone(), ims.options.clock.now());
    let signed_in = SignedIn { username, at, session: hex(&bytes::<16>()) };
    let mut response = request.send_code(&ims, &signed_in);
    if let Some(cookie) = ims.browsers.begin(&headers, signed_in) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
