//! `/ims/resume`: after the login, the person decides whether to send the saved forms.

use axum::body::Bytes;
use axum::extract::{Extension, RawQuery};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret as _;

use super::save::note;
use crate::auth::{Authenticator, BeginLogin, Destination};
use crate::pages::{self, Problem, Text, Waiting};
use crate::policy::origin::is_same_origin;
use crate::policy::return_to::ReturnTo;
use crate::policy::saved_form::{self, REPLAY_FIELD};
use crate::session::{FormId, LiveSession, SavedForm};
use crate::telemetry::audit::AuditAction;
use crate::web::addresses::{RESUME, resume_address};
use crate::web::auth_challenge::lost_session;
use crate::web::call::{Call, OwnedCall};
use crate::web::rejection::{Rejection, reject};
use crate::web::responses::see_other;
use crate::web::routes::login;
use crate::web::set_cookies;

/// `GET /ims/resume?return_to=/path`: asks about every form that is saved for this browser and this person.
pub async fn page(
    Extension(call): Extension<OwnedCall>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let call = call.get();
    let (auth, now) = (&call.auth, call.context.now);
    let query = query.unwrap_or_default();
    let return_to = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "return_to")
        .map(|(_, value)| ReturnTo::parse_or_root(&value))
        .unwrap_or_default();
    match auth.live_session(call.auth_request(&headers)).await {
        Ok(Some(session)) => ask(call, &headers, &session, &return_to)
            .await
            .unwrap_or_else(|rejection| rejection.response(call.base, true)),
        Ok(None) if set_cookies::is_fresh(&headers, auth, now) => lost_session(call, return_to.as_str()),
        Ok(None) => {
            let prompt = auth.login_prompt(&headers, now);
            let to = Destination { return_to, has_form: true };
            login::begin(call, &headers, BeginLogin { to, prompt, attempt: 0 }).await
        }
        Err(error) => reject(call, error, false),
    }
}

async fn ask(
    call: Call<'_>,
    headers: &HeaderMap,
    session: &LiveSession,
    return_to: &ReturnTo,
) -> Result<Response, Rejection> {
    let auth = &call.auth;
    let saved_forms = &auth.state.saved_forms;
    let (mut waiting, mut removed, mut dropped) = (Vec::new(), Vec::new(), false);
    for id in auth.saved_form_ids(headers) {
        match saved_forms.get(id).await? {
            Some(form) if form.user == session.data.identity.user => {
                waiting.push(shown(auth, session, id, &form)?);
            }
            Some(form) => {
                // The form of another person in the same browser is deleted for good.
                if saved_forms.discard(id).await? {
                    note(AuditAction::FormDropped, call, &form);
                }
                dropped = true;
                removed.push(id);
            }
            // Expired, or of another gateway on this host name: its cookie expires by itself.
            None => {}
        }
    }
    let mut response = if !waiting.is_empty() {
        waiting.sort_unstable_by_key(|waiting| std::cmp::Reverse(waiting.sent));
        let person = session.data.identity.display();
        pages::confirm_forms(&pages::ConfirmForms { waiting: &waiting, person, page: call.page() })
            .into_response()
    } else if dropped {
        let problem = Problem::new(StatusCode::CONFLICT, Text::FormOfAnother).with_link(return_to.as_str());
        problem.page(call.page()).into_response()
    } else {
        see_other(return_to.as_str())
    };
    for id in removed {
        set_cookies::remove_saved_form(response.headers_mut(), &auth.cookies, id.key());
    }
    Ok(response)
}

fn shown(
    auth: &Authenticator,
    session: &LiveSession,
    id: FormId,
    form: &SavedForm,
) -> Result<Waiting, Rejection> {
    // Without its sealed id, the page could not send the form.
    let sealed = auth.state.sealer.seal(&context_of(session), &id.to_string());
    let mark = sealed.map_err(|_| Rejection::Internal)?;
    let sent = form.sent;
    let until = form.end(auth.login_timeout);
    let page = form.page.as_str().to_owned();
    Ok(Waiting { page, target: renewed_target(session, form), sent, until, mark })
}

/// `POST /ims/resume/discard`
pub async fn discard(Extension(call): Extension<OwnedCall>, headers: HeaderMap, body: Bytes) -> Response {
    let call = call.get();
    let auth = &call.auth;
    if !is_same_origin(&headers, &auth.origin) {
        return reject(call, Rejection::ForeignOrigin, true);
    }
    let session = match auth.live_session(call.auth_request(&headers)).await {
        Ok(Some(session)) => session,
        Ok(None) => return see_other(RESUME),
        Err(error) => return reject(call, error, false),
    };
    let sealed =
        url::form_urlencoded::parse(&body).find(|(name, _)| name == REPLAY_FIELD).map(|(_, value)| value);
    let Some(id) = sealed.and_then(|sealed| opened(auth, &session, &sealed)) else {
        return see_other(RESUME);
    };
    let taken = match auth.state.saved_forms.take(id, &session.data.identity.user).await {
        Ok(taken) => taken,
        Err(error) => return reject(call, error, true),
    };
    let mut response = match &taken {
        Some(form) => {
            note(AuditAction::FormDiscarded, call, form);
            see_other(&resume_address(&form.page))
        }
        None => see_other(RESUME),
    };
    set_cookies::remove_saved_form(response.headers_mut(), &auth.cookies, id.key());
    response
}

/// The id of a form, if it was sealed for this session.
pub fn opened(auth: &Authenticator, session: &LiveSession, sealed: &str) -> Option<FormId> {
    FormId::parse(&auth.state.sealer.open::<String>(&context_of(session), sealed)?)
}

/// The address of a form. If it has the old security token, that of this session replaces it.
pub fn renewed_target(session: &LiveSession, form: &SavedForm) -> String {
    let renewed = renewed(session, form, form.target.as_str().as_bytes());
    String::from_utf8(renewed).unwrap_or_else(|_| form.target.as_str().to_owned())
}

/// `bytes` of a form, with the old security token replaced by that of this session.
pub fn renewed(session: &LiveSession, form: &SavedForm, bytes: &[u8]) -> Vec<u8> {
    match (&form.security_token, &session.data.campaign) {
        (Some(old), Some(now)) => {
            saved_form::replace_security_token(bytes, old.expose_secret(), now.security_token.expose_secret())
        }
        _ => bytes.to_vec(),
    }
}

fn context_of(session: &LiveSession) -> String {
    format!("kept form of {}", session.sid)
}
