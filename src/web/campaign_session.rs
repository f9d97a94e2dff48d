//! A person's session at Campaign (mode `bearer-logon`): opened at login, and opened anew when it is over before ours is.
//!
//! Campaign tells how long its sessions live, so an end in time is met before a request goes out, and nothing is lost.
//! An end before its time (a restart of Campaign) shows as XSV-350008 in an answer: then the next request goes well, and
//! this one is sent again if that is safe and nothing of it is gone.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};

use super::context::Context;
use super::rejection::Rejection;
use super::shared::Shared;
use super::was;
use crate::campaign::{CampaignError, session_report};
use crate::clock::UnixTime;
use crate::policy::session_fault::Report;
use crate::proxy::{Body, Forwarded, Proxy};
use crate::session::{Auth, CampaignSession, SessionData};
use crate::wire::request_head::RequestHead;

/// Opens a Campaign session for the owner of this access token.
pub async fn open(
    shared: &Shared,
    context: &Context,
    access: &SecretString,
) -> Result<CampaignSession, CampaignError> {
    let logon = shared.campaign.bearer_token_logon(access, context.id.as_str()).await?;
    let ends = logon.lifetime.map_or(UnixTime(i64::MAX), |lifetime| {
        // A little early: the token has to be good when the request arrives.
        context.now.plus(lifetime.saturating_sub(EARLY.min(lifetime / 10)))
    });
    Ok(CampaignSession { session_token: logon.session_token, security_token: logon.security_token, ends })
}

/// True when the Campaign session of this session has lived its time.
pub fn is_over(auth: &Auth, now: UnixTime) -> bool {
    auth.data.campaign.as_ref().is_some_and(|campaign| now >= campaign.ends)
}

/// The session with a Campaign session other than the one in `auth`: made here, or by another request meanwhile. The
/// same as before when Campaign gives none, and then nobody asks again for a while. `None`: ended meanwhile.
pub async fn renewed(
    shared: &Arc<Shared>,
    context: &Context,
    auth: &Arc<Auth>,
) -> Result<Option<Arc<Auth>>, Rejection> {
    let (to, context, old) = (shared.clone(), context.clone(), auth.clone());
    // Not given up with the request: a session opened at Campaign and noted nowhere would stay open.
    let done = shared.renewals.through(async move { renew(&to, &context, &old).await }).await;
    done.unwrap_or_else(|| Ok(Some(auth.clone())))
}

async fn renew(shared: &Shared, context: &Context, auth: &Arc<Auth>) -> Result<Option<Arc<Auth>>, Rejection> {
    let mut asked = auth.campaign_logon.lock().await;
    let Some(current) = shared.sessions.latest(auth).await? else { return Ok(None) };
    if !is_same_campaign_session(&current, auth) || context.now.since(*asked) < PAUSE {
        return Ok(Some(current));
    }
    let opened = open(shared, context, &current.data.tokens.access).await;
    *asked = context.now;
    match opened {
        Ok(campaign) => {
            tracing::info!(request = %context.id, sid = current.sid, "Campaign session was over, a new one is open");
            keep(shared, context, &current, campaign).await
        }
        Err(error) => {
            tracing::warn!(request = %context.id, sid = current.sid, %error, "Campaign session is over, and Campaign gives no new one");
            Ok(Some(current))
        }
    }
}

/// Notes the new Campaign session; one that cannot be kept is given back.
async fn keep(
    shared: &Shared,
    context: &Context,
    auth: &Auth,
    campaign: CampaignSession,
) -> Result<Option<Arc<Auth>>, Rejection> {
    let changed = shared.sessions.change(auth, |data| {
        // Another instance may have been quicker: one is enough.
        if token(data) == token(&auth.data) {
            data.campaign = Some(campaign.clone());
        }
    });
    let changed = changed.await;
    let is_kept = |kept: &Arc<Auth>| token(&kept.data) == Some(campaign.session_token.expose_secret());
    // When the store did not answer it may hold this one.
    if matches!(&changed, Ok(kept) if !kept.as_ref().is_some_and(is_kept)) {
        let (token, security) = (&campaign.session_token, &campaign.security_token);
        if let Err(error) = shared.campaign.logoff(token, security, context.id.as_str()).await {
            tracing::warn!(request = %context.id, %error, "Campaign session not ended; it ends by itself");
        }
    }
    Ok(changed?)
}

/// Looks whether Campaign's answer says that its session is over; if so opens a new one and, if the request may be sent
/// again, gives the answer to that. `anew` writes the request's head for another Campaign session.
pub async fn look(
    shared: &Arc<Shared>,
    context: &Context,
    proxy: &Proxy,
    auth: &Arc<Auth>,
    forwarded: Forwarded,
    anew: impl FnOnce(&Auth) -> RequestHead,
) -> Result<Response<Body>, Rejection> {
    let Forwarded { response, again } = forwarded;
    let (is_expired, mut answer) = reports_expired(response).await;
    if !is_expired {
        return Ok(answer);
    }
    let Some(fresh) = renewed(shared, context, auth).await? else { return Ok(answer) };
    if is_same_campaign_session(&fresh, auth) {
        return Ok(answer);
    }
    if again {
        // The refusal's connection first: the repetition needs one too.
        drop(answer);
        answer = proxy.repeat(anew(&fresh), || Some(fresh.ended.clone())).await?;
    }
    tell(shared, answer.headers_mut(), &fresh);
    Ok(answer)
}

/// As [`look`], for a request that is not to be sent again: the answer, or nothing but a new Campaign session where it says
/// that the old one is over.
pub async fn refused(
    shared: &Arc<Shared>,
    context: &Context,
    auth: &Arc<Auth>,
    response: Response<Body>,
) -> Result<Option<Response<Body>>, Rejection> {
    if response.status() != StatusCode::FORBIDDEN {
        return Ok(Some(response));
    }
    let (is_expired, response) = reports_expired(response).await;
    if !is_expired {
        return Ok(Some(response));
    }
    renewed(shared, context, auth).await?;
    Ok(None)
}

/// Whether an answer reports that Campaign's session is over, and the answer as it was. A good answer is given on as soon as its
/// first element has come.
async fn reports_expired(response: Response<Body>) -> (bool, Response<Body>) {
    let (head, body) = response.into_parts();
    let report = |seen: &[u8]| session_report(&head.headers, seen);
    let (beginning, body) = body.peek(FAULT, |seen| report(seen) != Report::Undecided).await;
    (report(&beginning) == Report::SessionExpired, Response::from_parts(head, body))
}

/// Has the browser hold what it needs for a form of a page that this Campaign session wrote.
pub fn tell(shared: &Shared, headers: &mut HeaderMap, fresh: &Auth) {
    was::set(shared, headers, fresh);
}

/// True for an answer that may say that Campaign's session is over: a refusal, or, on builds before 2021, a good answer
/// of the SOAP router.
pub fn is_suspicious<B>(answer: &Response<B>, is_soap: bool, auth: &Auth) -> bool {
    let is_xml = || {
        let kind = answer.headers().get(header::CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
        kind.windows(3).any(|part| part.eq_ignore_ascii_case(b"xml"))
    };
    let status = answer.status();
    auth.data.campaign.is_some()
        && (status == StatusCode::FORBIDDEN || (is_soap && status == StatusCode::OK && is_xml()))
}

fn is_same_campaign_session(one: &Auth, other: &Auth) -> bool {
    token(&one.data) == token(&other.data)
}

fn token(data: &SessionData) -> Option<&str> {
    data.campaign.as_ref().map(|campaign| campaign.session_token.expose_secret())
}

/// How long before its end a Campaign session is taken for over.
const EARLY: Duration = Duration::from_mins(1);
/// Campaign is asked for a new session at most this often for one person.
const PAUSE: Duration = Duration::from_secs(10);
/// Bytes of an answer in which a fault must show.
const FAULT: usize = 16 * 1024;
