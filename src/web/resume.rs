//! Back with a session: what was sent without one, and whether it is to be sent now.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret as _;

use super::context::Context;
use super::login::{self, Begin};
use super::rejection::Rejection;
use super::responses::see_other;
use super::shared::Shared;
use super::{cookie, door, keep, was};
use crate::clock::UnixTime;
use crate::pages::{self, Problem, Text, Waiting};
use crate::policy::origin::is_same_origin;
use crate::policy::return_to::ReturnTo;
use crate::policy::saved_form::{self, MARK};
use crate::session::{Auth, FormId, SavedForm};
use crate::telemetry::audit::FormEvent;

const PATH: &str = "/ims/resume";

/// The address of the page, for somebody who wanted to go to `return_to`.
pub fn path(return_to: &ReturnTo) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", return_to.as_str())
        .finish();
    format!("{PATH}?{query}")
}

/// `GET /ims/resume?return_to=/path`: asks about every form that is kept for this browser and this person.
pub async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let return_to = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "return_to")
        .map(|(_, value)| ReturnTo::parse_or_root(&value))
        .unwrap_or_default();
    match find(&shared, &headers).await {
        Ok(Some(auth)) => ask(&shared, &context, &headers, &auth, &return_to)
            .await
            .unwrap_or_else(|rejection| rejection.response(&shared, &context, true)),
        Ok(None) if cookie::is_fresh(&headers, &shared, context.now) => {
            door::lost_session(&shared, &context, return_to.as_str())
        }
        Ok(None) => {
            let prompt = was::prompt(&shared, &headers, context.now);
            login::begin(&shared, &context, &headers, Begin { return_to, prompt, resumes: true, attempt: 0 })
                .await
        }
        Err(rejection) => rejection.response(&shared, &context, false),
    }
}

async fn ask(
    shared: &Shared,
    context: &Context,
    headers: &HeaderMap,
    auth: &Auth,
    return_to: &ReturnTo,
) -> Result<Response, Rejection> {
    let (mut waiting, mut over, mut dropped) = (Vec::new(), Vec::new(), false);
    for id in cookie::kept(headers, &shared.cookies) {
        match shared.forms.get(id).await? {
            Some(form) if form.user == auth.data.identity.user => {
                waiting.push(shown(shared, auth, id, &form)?);
            }
            Some(form) => {
                // Another person's, in the same browser: it must not be there when they come back either.
                if shared.forms.discard(id).await? {
                    keep::note(FormEvent::Dropped, context, &form);
                }
                dropped = true;
                over.push(id);
            }
            // Gone, or a neighbour's: its cookie ends by itself.
            None => {}
        }
    }
    let mut response = if !waiting.is_empty() {
        waiting.sort_unstable_by_key(|waiting| std::cmp::Reverse(waiting.sent));
        let person = auth.data.identity.display();
        let page = context.page(shared);
        pages::confirm_forms(&pages::ConfirmForms { waiting: &waiting, person, page }).into_response()
    } else if dropped {
        Problem::new(StatusCode::CONFLICT, Text::FormOfAnother)
            .with_link(return_to.as_str())
            .page(context.page(shared))
            .into_response()
    } else {
        see_other(return_to.as_str())
    };
    for id in over {
        cookie::remove_kept(response.headers_mut(), &shared.cookies, id.key());
    }
    Ok(response)
}

fn shown(shared: &Shared, auth: &Auth, id: FormId, form: &SavedForm) -> Result<Waiting, Rejection> {
    // What cannot be sealed cannot be sent later.
    let mark = shared.sealer.seal(&context_of(auth), &id.to_string()).map_err(|_| Rejection::Internal)?;
    let bytes = u64::try_from(form.body.len()).unwrap_or(u64::MAX);
    let sent = UnixTime(form.sent);
    let until = sent.plus(shared.login_timeout);
    Ok(Waiting { target: renewed_target(auth, form), bytes, sent, until, mark })
}

/// `POST /ims/resume/discard`
pub async fn discard(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_same_origin(&headers, &shared.origin) {
        return Rejection::ForeignOrigin.response(&shared, &context, true);
    }
    let auth = match find(&shared, &headers).await {
        Ok(Some(auth)) => auth,
        Ok(None) => return see_other(PATH),
        Err(rejection) => return rejection.response(&shared, &context, false),
    };
    let mark = url::form_urlencoded::parse(&body).find(|(name, _)| name == MARK).map(|(_, value)| value);
    let Some(id) = mark.and_then(|mark| opened(&shared, &auth, &mark)) else { return see_other(PATH) };
    let taken = match shared.forms.take(id, &auth.data.identity.user).await {
        Ok(taken) => taken,
        Err(error) => return Rejection::from(error).response(&shared, &context, true),
    };
    let mut response = match &taken {
        Some(form) => {
            keep::note(FormEvent::Discarded, &context, form);
            see_other(&path(&form.page))
        }
        None => see_other(PATH),
    };
    cookie::remove_kept(response.headers_mut(), &shared.cookies, id.key());
    response
}

/// The form that a mark names, if the mark was made for this session.
pub fn opened(shared: &Shared, auth: &Auth, mark: &str) -> Option<FormId> {
    FormId::parse(&shared.sealer.open::<String>(&context_of(auth), mark)?)
}

/// Where a form goes, with the security token of this session if its address holds the old one.
pub fn renewed_target(auth: &Auth, form: &SavedForm) -> String {
    let renewed = renewed(auth, form, form.target.as_str().as_bytes());
    String::from_utf8(renewed).unwrap_or_else(|_| form.target.as_str().to_owned())
}

/// `bytes` of a form with the security token of this session instead of the one that ended.
pub fn renewed(auth: &Auth, form: &SavedForm, bytes: &[u8]) -> Vec<u8> {
    match (&form.security_token, &auth.data.campaign) {
        (Some(old), Some(now)) => {
            saved_form::renew(bytes, old.expose_secret(), now.security_token.expose_secret())
        }
        _ => bytes.to_vec(),
    }
}

fn context_of(auth: &Auth) -> String {
    format!("kept form of {}", auth.sid)
}

async fn find(shared: &Shared, headers: &HeaderMap) -> Result<Option<Arc<Auth>>, Rejection> {
    Ok(shared.sessions.find(shared.cookies.session_cookie(headers).unwrap_or_default()).await?)
}
