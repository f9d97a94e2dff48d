//! A form that met an ended session: kept, and its sender signed in again.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};

use super::context::Context;
use super::login::{self, Begin};
use super::rejection::Rejection;
use super::responses::LOGIN_CHALLENGE;
use super::shared::Shared;
use super::{cookie, was, whole};
use crate::pages::{Problem, Text};
use crate::policy::last_user::LastUser;
use crate::policy::login::Prompt;
use crate::policy::return_to::ReturnTo;
use crate::policy::saved_form::{self, MAX_FORM_BYTES, NotSaved};
use crate::proxy::ClientBody;
use crate::session::{FormId, Key, SavedForm};
use crate::telemetry::audit::{self, FormEvent};

/// Keeps a form and begins a login; a form that may not be kept gets a page that says so.
pub async fn form(
    shared: &Shared,
    context: &Context,
    headers: &HeaderMap,
    mut body: ClientBody,
    target: &str,
) -> Result<Response, Rejection> {
    let page = saved_form::page_of(headers, &shared.origin);
    match keep(shared, context, headers, &mut body, target, &page).await? {
        Ok(kept) => {
            let begin = Begin { return_to: page, prompt: Prompt::Silent, resumes: true, attempt: 0 };
            let mut response = login::begin(shared, context, headers, begin).await;
            if let Some((id, gone)) = kept {
                cookie::set_kept(response.headers_mut(), &shared.cookies, id, shared.login_timeout);
                for key in gone {
                    cookie::remove_kept(response.headers_mut(), &shared.cookies, key);
                }
            }
            Ok(response)
        }
        Err(why) => {
            // A browser that cannot send everything shows no page. Who waits for leave to send has not begun.
            if !headers.contains_key(header::EXPECT) {
                let rest = Limited::new(body, MOST_DISCARDED);
                let _ = tokio::time::timeout(shared.limits.upload_timeout, discard(rest)).await;
            }
            Ok(not_kept(shared, context, why, &page))
        }
    }
}

/// The name of what is kept now, and the keys of what had to go for it; `Ok(None)` when it was kept before.
async fn keep(
    shared: &Shared,
    context: &Context,
    headers: &HeaderMap,
    body: &mut ClientBody,
    target: &str,
    page: &ReturnTo,
) -> Result<Result<Option<(FormId, Vec<Key>)>, NotSaved>, Rejection> {
    let Some(was) = was::read(shared, headers, context.now) else { return Ok(Err(NotSaved::Stranger)) };
    let length = body.size_hint().exact();
    let target = match saved_form::judge(headers, &shared.origin, length, target) {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    let allowed = shared.limits.body_bytes.and_then(|allowed| usize::try_from(allowed).ok());
    let most = allowed.unwrap_or(usize::MAX).min(MAX_FORM_BYTES);
    let expected = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(most);
    let Some(slot) = shared.forms.reserve(&was.user, expected) else { return Ok(Err(NotSaved::Full)) };
    let Some(body) = whole::read(body, most, shared.limits.upload_timeout).await? else {
        return Ok(Err(NotSaved::TooLarge));
    };
    // The button of the page that has a form sent was pressed too late: the form itself is kept already.
    if saved_form::mark(&body).is_some() {
        return Ok(Ok(None));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type.map(str::to_owned) else { return Ok(Err(NotSaved::Odd)) };
    let LastUser { user, security_token, .. } = was;
    let form = SavedForm {
        user,
        target,
        page: page.clone(),
        content_type,
        body,
        security_token,
        sent: context.now.0,
    };
    match shared.forms.save(slot, &form).await {
        Ok(kept) => {
            note(FormEvent::Kept, context, &form);
            Ok(Ok(Some(kept)))
        }
        Err(error) => {
            tracing::warn!(request = %context.id, %error, "a form is not kept");
            Ok(Err(NotSaved::Store))
        }
    }
}

async fn discard(mut body: Limited<ClientBody>) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Bytes of a form that are taken in although nothing is done with them.
const MOST_DISCARDED: usize = 64 << 20;

/// A line in the audit trail about a form.
pub fn note(event: FormEvent, context: &Context, form: &SavedForm) {
    let path = form.target.as_str().split('?').next().unwrap_or_default();
    audit::form(event, context.id, &context.peer_text(), &form.user, path, form.body.len());
}

/// What was sent is lost to us; the browser may still have it.
fn not_kept(shared: &Shared, context: &Context, why: NotSaved, page: &ReturnTo) -> Response {
    tracing::info!(request = %context.id, %why, "a form without a session is not kept");
    let retry = login::login_path(page);
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, Text::FormNotSaved(why))
        .with_link(&retry)
        .page(context.page(shared))
        .into_response();
    let challenge = HeaderValue::from_static(LOGIN_CHALLENGE);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
