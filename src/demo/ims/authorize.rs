//! `/ims/authorize/v2`: checks the request, shows the sign-in form, and sends the browser back with a code.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use url::Url;

use super::ImsState;
use super::browsers::SignedIn;
use super::grants::{Code, Grant};
use crate::demo::html::{ImsMessage, page};
use crate::demo::people::Person;
use crate::demo::wire::{Form, found};

pub(super) async fn authorize(
    State(ims): State<Arc<ImsState>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let request = match AuthorizeRequest::check(&ims, &query) {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    match (ims.browsers.of(&headers), request.prompt.as_deref()) {
        (Some(signed_in), prompt) if prompt != Some("login") => request.send_code(&ims, &signed_in),
        (_, Some("none")) => request.send_error("login_required"),
        _ => request.form(&ims, None),
    }
}

/// The page for a browser with an unregistered `redirect_uri`. At the real IMS this is adobe.com.
pub(super) async fn default_redirect() -> Response {
    let paragraphs = [
        "The redirect_uri of the request is missing or not registered for this client, so IMS used the client's default one.",
        "With the real IMS you would now see adobe.com. Check the callback server against what Adobe has provisioned.",
    ];
    page(StatusCode::OK, &ImsMessage { title: "The default redirect URI", paragraphs: &paragraphs })
}

/// An authorization request that passed every check.
pub(super) struct AuthorizeRequest {
    /// The query as received. The sign-in form returns it in a hidden field.
    raw: String,
    redirect_uri: Url,
    registered_as: String,
    scopes: Vec<String>,
    state: Option<String>,
    nonce: Option<String>,
    challenge: Option<String>,
    prompt: Option<String>,
}

impl AuthorizeRequest {
    /// Checks the query of an authorization request. The error is the response to send.
    pub(super) fn check(ims: &ImsState, query: &str) -> Result<Self, Box<Response>> {
        let form = Form::parse(query.as_bytes());
        let text = |name: &str| form.get(name).map(str::to_owned);
        if form.get("client_id") != Some(&ims.options.client_id) {
            let paragraphs = ["The client_id is missing or unknown to IMS."];
            let message = ImsMessage { title: "Unknown client", paragraphs: &paragraphs };
            return Err(Box::new(page(StatusCode::BAD_REQUEST, &message)));
        }
        let to_default = || Box::new(found(&ims.default_redirect()));
        let registered_as = text("redirect_uri")
            .filter(|uri| ims.options.redirect_uris.contains(uri))
            .ok_or_else(to_default)?;
        let request = Self {
            raw: query.to_owned(),
            redirect_uri: Url::parse(&registered_as).map_err(|_| to_default())?,
            registered_as,
            scopes: split_scopes(form.get("scope").unwrap_or_default()),
            state: text("state"),
            nonce: text("nonce"),
            challenge: text("code_challenge"),
            prompt: text("prompt"),
        };
        match request.mistake(ims, &form) {
            Some(error) => Err(Box::new(request.send_error(error))),
            None => Ok(request),
        }
    }

    fn mistake(&self, ims: &ImsState, form: &Form) -> Option<&'static str> {
        if form.get("response_type") != Some("code") {
            return Some("unsupported_response_type");
        }
        if self.scopes.is_empty() || self.scopes.iter().any(|scope| !ims.options.scopes.contains(scope)) {
            return Some("invalid_scope");
        }
        if self.state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
            return Some("invalid_request");
        }
        // A challenge without a method would mean `plain` (RFC 7636 §4.3). The simulator requires S256.
        let s256 = form.get("code_challenge_method") == Some("S256");
        let fits = self.challenge.as_ref().is_none_or(|challenge| challenge.len() == 43 && s256);
        (!fits).then_some("invalid_request")
    }

    /// The sign-in form, with the error of the previous attempt.
    pub(super) fn form(&self, ims: &ImsState, error: Option<&str>) -> Response {
        let form = ImsSignInPage {
            client_id: &ims.options.client_id,
            redirect_uri: &self.registered_as,
            request: &self.raw,
            people: &ims.options.people,
            error,
        };
        page(StatusCode::OK, &form)
    }

    /// Redirects to the relying party with an authorization code.
    pub(super) fn send_code(&self, ims: &ImsState, signed_in: &SignedIn) -> Response {
        let now = ims.options.clock.now();
        let code = ims.grants.issue_code(Code {
            grant: Grant {
                session: Some(signed_in.session.clone()),
                ..Grant::new(Some(signed_in.username.clone()), self.scopes.clone(), signed_in.at)
            },
            redirect_uri: self.registered_as.clone(),
            challenge: self.challenge.clone(),
            nonce: self.nonce.clone(),
            expires_at: now.plus(ims.options.code_lifetime),
        });
        self.send(&[("code", &code)])
    }

    /// Redirects to the relying party with an error (RFC 6749 §4.1.2.1).
    pub(super) fn send_error(&self, error: &str) -> Response {
        self.send(&[("error", error)])
    }

    fn send(&self, pairs: &[(&str, &str)]) -> Response {
        let mut location = self.redirect_uri.clone();
        location
            .query_pairs_mut()
            .extend_pairs(pairs)
            .extend_pairs(self.state.iter().map(|state| ("state", state)));
        found(location.as_str())
    }
}

/// Splits scopes at spaces and commas, in order.
pub(super) fn split_scopes(scopes: &str) -> Vec<String> {
    scopes.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

#[derive(Template)]
#[template(path = "demo/ims_sign_in.html")]
struct ImsSignInPage<'a> {
    client_id: &'a str,
    redirect_uri: &'a str,
    request: &'a str,
    people: &'a [Person],
    error: Option<&'a str>,
}

/// The limit of IMS, in characters.
const MAX_STATE: usize = 4096;
