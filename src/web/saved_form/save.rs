//! Saves a form that arrives without a session, and begins a login.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};

use crate::auth::{BeginLogin, Destination};
use crate::pages::{Problem, Text};
use crate::policy::last_user::LastUser;
use crate::policy::login::Prompt;
use crate::policy::return_to::ReturnTo;
use crate::policy::saved_form::{self, MAX_FORM_BYTES, NotSaved};
use crate::proxy::ClientBody;
use crate::session::{FormId, Key, SavedForm};
use crate::telemetry::SavedFormEvent;
use crate::telemetry::audit::{AuditAction, FormDetails, Subject};
use crate::unix_time::UnixTime;
use crate::web::addresses::{login_address, resume_address};
use crate::web::body_scanner::account_in;
use crate::web::call::Call;
use crate::web::rejection::Rejection;
use crate::web::responses::LOGIN_CHALLENGE;
use crate::web::routes::login;
use crate::web::{read_body, set_cookies};

/// Saves a form and begins a login. A form that cannot be saved gets a page that says why.
pub async fn form(
    call: Call<'_>,
    headers: &HeaderMap,
    mut body: ClientBody,
    target: &str,
) -> Result<Response, Rejection> {
    let auth = &call.auth;
    let page = saved_form::form_page(headers, &auth.origin);
    match save(call, headers, &mut body, target, &page, None).await? {
        Ok(saved) => {
            let to = Destination { return_to: page, has_form: true };
            let begin = BeginLogin { to, prompt: Prompt::Silent, attempt: 0 };
            let mut response = login::begin(call, headers, begin).await;
            if let Some(saved) = saved {
                set_cookies::set_saved_form(response.headers_mut(), &auth.cookies, saved, auth.login_timeout);
            }
            Ok(response)
        }
        Err(why) => {
            discard_rest(call, headers, body).await;
            Ok(not_saved(call, why, &page))
        }
    }
}

/// Saves a form that arrives during maintenance, which ends at `until`, for longer than others: nobody knows how long the maintenance takes.
///
/// # Errors
/// When the form does not arrive.
pub async fn during_maintenance(
    call: Call<'_>,
    headers: &HeaderMap,
    mut body: ClientBody,
    target: &str,
    until: Option<UnixTime>,
) -> Result<Response, Rejection> {
    let (auth, now) = (&call.auth, call.context.now);
    let page = saved_form::form_page(headers, &auth.origin);
    let lifetime = auth.absolute_timeout.max(auth.login_timeout);
    let problem = |text| Problem::new(StatusCode::SERVICE_UNAVAILABLE, text).during_maintenance(until, now);
    match save(call, headers, &mut body, target, &page, Some(now.plus(lifetime))).await? {
        Ok(saved) => {
            let link = resume_address(&page);
            let problem = problem(Text::MaintenanceFormSaved).with_link(&link);
            let mut response = problem.page(call.page()).into_response();
            if let Some(saved) = saved {
                set_cookies::set_saved_form(response.headers_mut(), &auth.cookies, saved, lifetime);
            }
            Ok(response)
        }
        Err(why) => {
            discard_rest(call, headers, body).await;
            tracing::info!(request = %call.context.id, %why, "a form during maintenance is not saved");
            Ok(problem(Text::MaintenanceFormNotSaved).page(call.page()).into_response())
        }
    }
}

/// Reads the rest of a form. A browser shows no page before it has sent the complete form. A browser that waits for `100 Continue` has not
/// sent anything.
async fn discard_rest(call: Call<'_>, headers: &HeaderMap, body: ClientBody) {
    if !headers.contains_key(header::EXPECT) {
        let rest = Limited::new(body, MOST_DISCARDED);
        let _ = tokio::time::timeout(call.snapshot.limits.upload_timeout, discard(rest)).await;
    }
}

/// The id of the saved form, and the keys of older forms that were removed for it; `Ok(None)` when it was saved before.
async fn save(
    call: Call<'_>,
    headers: &HeaderMap,
    body: &mut ClientBody,
    target: &str,
    page: &ReturnTo,
    expires: Option<UnixTime>,
) -> Result<Result<Option<(FormId, Vec<Key>)>, NotSaved>, Rejection> {
    let auth = &call.auth;
    let Some(last_user) = auth.last_user(headers, call.context.now) else {
        return Ok(Err(NotSaved::NotSignedIn));
    };
    let length = body.size_hint().exact();
    let target = match saved_form::check(headers, &auth.origin, length, target) {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    let allowed = call.snapshot.limits.body_bytes.and_then(|allowed| usize::try_from(allowed).ok());
    let most = allowed.unwrap_or(usize::MAX).min(MAX_FORM_BYTES);
    let expected = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(most);
    let Some(slot) = auth.state.saved_forms.reserve(&last_user.user, expected) else {
        return Ok(Err(NotSaved::Full));
    };
    let Some(body) = read_body::read(body, most, call.snapshot.limits.upload_timeout).await? else {
        return Ok(Err(NotSaved::TooLarge));
    };
    // The body is the confirmation of a form that is saved already: the session ended before the button was pressed.
    if saved_form::sealed_id(&body).is_some() {
        return Ok(Ok(None));
    }
    // A form with a password is not saved. It could not be sent later either.
    if account_in(headers, &body, true).is_some() {
        return Ok(Err(NotSaved::Unsupported));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type.map(str::to_owned) else { return Ok(Err(NotSaved::Unsupported)) };
    let LastUser { user, security_token, .. } = last_user;
    let form = SavedForm {
        user,
        target,
        page: page.clone(),
        content_type,
        body,
        security_token,
        sent: call.context.now,
        expires,
    };
    match auth.state.saved_forms.save(slot, &form).await {
        Ok(saved) => {
            note(AuditAction::FormSaved, call, &form);
            Ok(Ok(Some(saved)))
        }
        Err(error) => {
            tracing::warn!(request = %call.context.id, %error, "a form is not saved");
            Ok(Err(NotSaved::Store))
        }
    }
}

async fn discard(mut body: Limited<ClientBody>) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Bytes of a form that are read and dropped.
const MOST_DISCARDED: usize = 64 << 20;

/// Writes an audit line about a form, and counts it.
pub fn note(action: fn(FormDetails) -> AuditAction, call: Call<'_>, form: &SavedForm) {
    let path = form.target.as_str().split('?').next().unwrap_or_default();
    let details = FormDetails { path: path.to_owned(), bytes: form.body.len() };
    let action = action(details);
    call.auth.metrics.saved_form(match action {
        AuditAction::FormSaved(_) => SavedFormEvent::Saved,
        AuditAction::FormSent(_) => SavedFormEvent::Sent,
        AuditAction::FormDiscarded(_) => SavedFormEvent::Discarded,
        _ => SavedFormEvent::Dropped,
    });
    call.audit(Subject::user(&form.user), action);
}

/// The page for a form that is not saved. The browser may still have the form.
fn not_saved(call: Call<'_>, why: NotSaved, page: &ReturnTo) -> Response {
    tracing::info!(request = %call.context.id, %why, "a form without a session is not saved");
    let retry = login_address(page);
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, Text::FormNotSaved(why))
        .with_link(&retry)
        .page(call.page())
        .into_response();
    let challenge = HeaderValue::from_static(LOGIN_CHALLENGE);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
