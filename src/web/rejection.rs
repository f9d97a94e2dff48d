//! Why the gateway does not forward a request. One table says what each rejection answers and what is counted.

use std::net::IpAddr;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::call::{BaseCall, Call};
use super::responses::{INVALID_LOGIN, METHODS, json_response, soap_response, soap_session_expired};
use crate::auth::IdentifyError;
use crate::campaign::soap_fault;
use crate::config::Limit;
use crate::pages::{Problem, Text};
use crate::policy::path::PathError;
use crate::policy::soap_envelope::EnvelopeError;
use crate::policy::switches::Period;
use crate::proxy::ProxyError;
use crate::session::StoreError;
use crate::telemetry::{Counters, UpstreamFailure};
use crate::unix_time::UnixTime;
use crate::wire::framing::FramingError;

/// Why a request is not forwarded.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// No host, several, or contradicting ones (RFC 9112 §3.2).
    #[error("the request names no host, or two that differ")]
    Host,
    /// A host this gateway does not serve (RFC 9110 §7.4).
    #[error("this gateway does not serve the host that the request names")]
    UnknownHost,
    /// A path that two programs could read differently.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A head that is too long, or an ambiguous framing.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// `TRACE`, `CONNECT`.
    #[error("this method is not forwarded")]
    Method,
    /// A path closed to all clients.
    #[error("this address is closed")]
    Denied,
    /// A path that is not public, where nobody signs in.
    #[error("this address is not public, and nobody signs in here")]
    NotPublic,
    /// An address of the gateway that this instance does not have.
    #[error("this instance has no such address")]
    NotFound,
    /// A write or a WebSocket with a session, from a page of another origin.
    #[error("a page of another origin sent this request")]
    ForeignOrigin,
    /// A session token of another session, or a native account that is not allowed.
    #[error("the request holds a session token of another session, or a login with its password")]
    ForeignToken,
    /// A session token of another session, in a SOAP call. The client is told that its session has expired.
    #[error("the call holds a session token of another session")]
    StaleToken,
    /// A logon with a login and a password that Campaign must not get. The client is told that they are wrong.
    #[error("the logon names an account that may not sign in with a password")]
    InvalidLogin,
    /// A SOAP envelope that two programs may read differently.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// More connections or requests than allowed (RFC 6585 §4, RFC 9110 §15.6.4).
    #[error("a limit was reached: {}", .0.name())]
    Limit(Limit),
    /// A `[[campaign.rule]]` that the client's address or the caller's groups do not meet.
    #[error("a rule of the configuration does not allow this request")]
    RuleUnmet,
    /// More requests than the rate of a `[[campaign.rule]]` allows. Holds how long until the next one is allowed.
    #[error("the rate of a rule was reached")]
    RuleRate(Duration),
    /// A body longer than allowed (RFC 9110 §15.5.14).
    #[error("the body of the request is too large")]
    BodyTooLarge,
    /// The session store does not answer, so nothing is known about the session.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A saved form cannot be sealed or built again: the gateway's own fault.
    #[error("a saved form cannot be sealed or built again")]
    Internal,
    /// An operator has turned maintenance on. Holds when it ends.
    #[error("maintenance is on")]
    Maintenance(Option<UnixTime>),
    /// The process is about to stop.
    #[error("the gateway is stopping")]
    Stopping,
    /// The person's tokens have expired, and IMS gives no new ones now. Holds how long IMS asks to wait.
    #[error("the tokens of this session cannot be refreshed now")]
    TokenExpired(Option<Duration>),
    /// The token of a technical account cannot be checked, because IMS does not answer. Holds how long IMS asks to wait.
    #[error("the token of a technical account cannot be checked now")]
    TokenUnchecked(Option<Duration>),
    /// Campaign refuses to open a session for a technical account.
    #[error("Campaign refuses to log a technical account on")]
    LogonRefused,
    /// Campaign opens no session for a technical account now.
    #[error("Campaign opens no session for a technical account now")]
    LogonFailed,
    /// Campaign opens no session for a signed-in person, or has ended it again within a minute.
    #[error("Campaign accepts no session of this person at the moment")]
    NoCampaignSession,
    /// Campaign's session had ended. A new one is open, but what was sent cannot be sent again.
    #[error("the Campaign session had ended; the request was not processed")]
    NotProcessed,
    /// Campaign refused a security token that is not of this session. Another session would not help.
    #[error("the request holds a security token of another session")]
    StalePage,
    /// Campaign gave no response.
    #[error(transparent)]
    Upstream(#[from] ProxyError),
}

/// The response and the metric of a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    status: StatusCode,
    /// The code in JSON and SOAP faults.
    code: &'static str,
    text: Text,
    /// The connection is closed after the response.
    closes: bool,
    retry_after: Option<Duration>,
    limit: Option<Limit>,
    upstream_failure: Option<UpstreamFailure>,
}

impl From<IdentifyError> for Rejection {
    fn from(error: IdentifyError) -> Self {
        match error {
            IdentifyError::Store(error) => Self::Store(error),
            IdentifyError::TokenExpired(pause) => Self::TokenExpired(pause),
        }
    }
}

impl Row {
    const fn new(status: StatusCode, code: &'static str, text: Text) -> Self {
        let retry_after = match status.as_u16() {
            429 | 502 | 503 | 504 => Some(Duration::from_secs(5)),
            _ => None,
        };
        Self { status, code, text, closes: false, retry_after, limit: None, upstream_failure: None }
    }

    /// Closes the connection: where the next request begins is unknown (RFC 9112 §9.3), or the rest of the body is not read.
    const fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    const fn limit(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }

    const fn failure(self, failure: UpstreamFailure) -> Self {
        Self { upstream_failure: Some(failure), ..self }
    }
}

impl Rejection {
    /// The table of responses. `signed_in` chooses between the texts of an outage.
    fn row(&self, signed_in: bool) -> Row {
        use StatusCode as S;
        let bad = |text| Row::new(S::BAD_REQUEST, "bad_request", text);
        let too_large = Row::new(S::PAYLOAD_TOO_LARGE, "request_body_too_large", Text::BodyTooLarge)
            .closing()
            .limit(Limit::Body);
        let incomplete = |status| Row::new(status, "incomplete_request", Text::BodyIncomplete).closing();
        match self {
            Self::Host | Self::Path(_) => bad(Text::BadAddress),
            Self::UnknownHost => Row::new(S::MISDIRECTED_REQUEST, "unknown_host", Text::UnknownHost),
            Self::Framing(FramingError::TooLong) => {
                Row::new(S::REQUEST_HEADER_FIELDS_TOO_LARGE, "request_head_too_large", Text::HeadTooLarge)
                    .limit(Limit::Head)
            }
            Self::Framing(FramingError::Coding) => {
                Row::new(S::NOT_IMPLEMENTED, "bad_request", Text::BadFraming).closing()
            }
            Self::Framing(_) => bad(Text::BadFraming).closing(),
            // What follows a CONNECT may be meant for a tunnel.
            Self::Method => Row::new(S::METHOD_NOT_ALLOWED, "method_not_allowed", Text::Method).closing(),
            Self::Denied | Self::NotPublic => Row::new(S::FORBIDDEN, "closed", Text::Closed),
            Self::NotFound => Row::new(S::NOT_FOUND, "not_found", Text::NotFound),
            Self::ForeignOrigin => Row::new(S::FORBIDDEN, "foreign_origin", Text::ForeignOrigin),
            Self::ForeignToken | Self::StaleToken | Self::InvalidLogin => {
                Row::new(S::FORBIDDEN, "foreign_token", Text::ForeignToken)
            }
            Self::Envelope(_) => bad(Text::BadEnvelope),
            Self::Limit(limit @ (Limit::Requests | Limit::SignIns)) => {
                Row::new(S::TOO_MANY_REQUESTS, "too_many_requests", Text::TooMany).limit(*limit)
            }
            // Connections were counted when they were accepted.
            Self::Limit(Limit::Connections) => {
                Row::new(S::SERVICE_UNAVAILABLE, "too_many_connections", Text::TooMany).closing()
            }
            Self::Limit(_) => Row::new(S::TOO_MANY_REQUESTS, "too_many_connections", Text::TooMany).closing(),
            Self::RuleUnmet => Row::new(S::FORBIDDEN, "rule_unmet", Text::RuleUnmet),
            Self::RuleRate(wait) => {
                let row = Row::new(S::TOO_MANY_REQUESTS, "too_many_requests", Text::TooMany);
                // Rounded up to whole seconds.
                Row { retry_after: Some(*wait + Duration::from_millis(999)), ..row }
            }
            Self::BodyTooLarge => too_large,
            Self::Store(_) => {
                Row::new(S::SERVICE_UNAVAILABLE, "session_store_unavailable", Text::StoreUnavailable)
            }
            Self::Internal => Row::new(S::INTERNAL_SERVER_ERROR, "internal_error", Text::Internal),
            Self::Maintenance(_) => Row::new(S::SERVICE_UNAVAILABLE, "maintenance", Text::Maintenance),
            Self::Stopping => Row::new(S::SERVICE_UNAVAILABLE, "stopping", Text::Restarting),
            Self::TokenExpired(pause) | Self::TokenUnchecked(pause) => {
                let row = Row::new(S::SERVICE_UNAVAILABLE, "ims_unavailable", Text::TokenExpired);
                Row { retry_after: pause.or(row.retry_after), ..row }
            }
            Self::LogonRefused => Row::new(S::FORBIDDEN, "campaign_logon_refused", Text::CampaignRefused),
            Self::LogonFailed => {
                Row::new(S::SERVICE_UNAVAILABLE, "campaign_unavailable", Text::CampaignUnavailable)
            }
            Self::NoCampaignSession => {
                let row = Row::new(S::SERVICE_UNAVAILABLE, "no_campaign_session", Text::NoCampaignSession);
                Row { retry_after: Some(Duration::from_mins(1)), ..row }
            }
            Self::NotProcessed => {
                Row::new(S::SERVICE_UNAVAILABLE, "campaign_session_ended", Text::NotProcessed)
            }
            Self::StalePage => Row::new(S::FORBIDDEN, "stale_page", Text::StalePage),
            Self::Upstream(error) => {
                let text = if signed_in { Text::CampaignUnavailable } else { Text::PublicPageUnavailable };
                let away = |status| Row::new(status, "campaign_unavailable", text);
                match error {
                    ProxyError::TooLarge { .. } => too_large,
                    ProxyError::ForeignToken => {
                        Row::new(S::FORBIDDEN, "foreign_token", Text::ForeignToken).closing()
                    }
                    ProxyError::Client { stalled: true, .. } => {
                        incomplete(S::REQUEST_TIMEOUT).limit(Limit::Upload)
                    }
                    ProxyError::Client { stalled: false, .. } => {
                        incomplete(S::BAD_REQUEST).failure(UpstreamFailure::Client)
                    }
                    ProxyError::TooSlow { .. } => incomplete(S::REQUEST_TIMEOUT).limit(Limit::MinRate),
                    ProxyError::Busy { .. } => away(S::SERVICE_UNAVAILABLE).failure(UpstreamFailure::Busy),
                    ProxyError::Share { limit, .. } => {
                        away(S::SERVICE_UNAVAILABLE).failure(UpstreamFailure::Busy).limit(*limit)
                    }
                    ProxyError::Deadline { .. } => {
                        away(S::GATEWAY_TIMEOUT).failure(UpstreamFailure::Deadline)
                    }
                    ProxyError::Connect { .. } => away(S::BAD_GATEWAY).failure(UpstreamFailure::Connect),
                    ProxyError::Broken { .. } => away(S::BAD_GATEWAY).failure(UpstreamFailure::Broken),
                    ProxyError::Upgrade { .. } => away(S::BAD_GATEWAY).failure(UpstreamFailure::Upgrade),
                }
            }
        }
    }

    pub fn status(&self) -> StatusCode {
        self.row(true).status
    }

    pub fn count(&self, counters: &Counters, peer: IpAddr) {
        let row = self.row(true);
        if let Some(failure) = row.upstream_failure {
            counters.upstream_failure(failure);
        }
        if let Some(limit) = row.limit {
            counters.limit_reached(limit, Some(peer));
        }
    }

    /// The response: a page, JSON or a SOAP fault. What went wrong inside is logged, not shown.
    pub fn response(&self, call: BaseCall<'_>, signed_in: bool) -> Response {
        let context = call.context;
        let row = self.row(signed_in);
        let Row { status, code, .. } = row;
        // A limit and maintenance have log lines of their own, which are not repeated for each request of a flood.
        let has_own_line = row.limit.is_some() || matches!(self, Self::Limit(_) | Self::Maintenance(_));
        if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED && !has_own_line {
            tracing::warn!(request = %context.id, error = %self, "not forwarded");
        }
        if let Self::Maintenance(until) = *self {
            return during_maintenance(call, row, until);
        }
        let mut response = if context.wants_page {
            let can_sign_in = call.site.auth.is_some();
            Problem::new(status, row.text).at_site(can_sign_in).page(call.page()).into_response()
        } else if matches!(self, Self::StaleToken) {
            soap_session_expired()
        } else if matches!(self, Self::InvalidLogin) {
            soap_response(status, &soap_fault(INVALID_LOGIN))
        } else if context.wants_fault {
            soap_response(status, &soap_fault(&format!("imsgate: {code} (request {})", context.id)))
        } else {
            json_response(status, &json!({"error": code, "request_id": context.id.as_str()}))
        };
        let headers = response.headers_mut();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
        }
        if row.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(after) = row.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        response
    }
}

/// The response to a request that maintenance stops.
fn during_maintenance(
    call: BaseCall<'_>,
    Row { status, code, text, .. }: Row,
    until: Option<UnixTime>,
) -> Response {
    let context = call.context;
    if context.wants_page {
        let problem = Problem::new(status, text).during_maintenance(until, context.now);
        return problem.page(call.page()).into_response();
    }
    let until_text = until.and_then(UnixTime::rfc3339);
    let mut response = if context.wants_fault {
        let end = until_text.map(|end| format!(" until {end}")).unwrap_or_default();
        let text = format!(
            "imsgate: {code}. Campaign is under maintenance{end}. Try again later. (request {})",
            context.id
        );
        soap_response(status, &soap_fault(&text))
    } else {
        let body = json!({"error": code, "until": until_text, "request_id": context.id.as_str()});
        json_response(status, &body)
    };
    let after = Period::retry_after(until, context.now);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
    response
}

/// The response to a request that is rejected for this reason.
pub fn reject(call: Call<'_>, rejection: impl Into<Rejection>, signed_in: bool) -> Response {
    rejection.into().response(call.base, signed_in)
}
