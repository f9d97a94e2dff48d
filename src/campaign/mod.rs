//! Campaign's SOAP interface, as far as the gateway speaks it: log a person on with their IMS token, log them off.

mod fault;
mod packed;
mod soap;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use secrecy::{ExposeSecret, SecretString};

pub use fault::{session_expired_fault, session_report, soap_fault};
pub use soap::{LogonAnswer, escape, fault, logon_answer};

use crate::http_client::{Endpoint, HttpError};
use crate::policy::client_kind::SOAP_ROUTER;

/// Talks to the SOAP router of one Campaign instance.
#[derive(Clone, Debug)]
pub struct Campaign {
    upstreams: Vec<Endpoint>,
    deadline: Duration,
}

/// Why Campaign gave no session. Never holds a token.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// No answer from any upstream.
    #[error("Campaign at {upstream} did not answer: {source}")]
    Unreachable {
        /// The last one tried.
        upstream: Arc<str>,
        /// What happened.
        source: HttpError,
    },
    /// Campaign refused with a fault of its own.
    #[error("Campaign at {upstream} refused: {fault}")]
    Refused {
        /// Which one.
        upstream: Arc<str>,
        /// Campaign's own words, shortened.
        fault: String,
    },
    /// The answer does not have the documented shape.
    #[error("Campaign at {upstream} answered something unexpected: {reason}")]
    Answer {
        /// Which one.
        upstream: Arc<str>,
        /// What is wrong with it.
        reason: String,
    },
}

impl Campaign {
    /// A client for these upstreams, tried in order; `deadline` is for one call to one of them.
    pub fn new(upstreams: Vec<Endpoint>, deadline: Duration) -> Self {
        Self { upstreams, deadline }
    }

    /// `xtk:session#BearerTokenLogon`: a Campaign session for the owner of this IMS access token.
    pub async fn bearer_token_logon(
        &self,
        token: &SecretString,
        request_id: &str,
    ) -> Result<LogonAnswer, CampaignError> {
        let body = soap::bearer_token_logon(token.expose_secret());
        let (upstream, answer) = self.call("xtk:session#BearerTokenLogon", body, None, request_id).await?;
        if let Some(fault) = soap::fault(answer.body()) {
            return Err(CampaignError::Refused { upstream, fault });
        }
        if !answer.status().is_success() {
            let reason = format!("status {} without a SOAP fault", answer.status());
            return Err(CampaignError::Answer { upstream, reason });
        }
        soap::logon_answer(answer.body()).map_err(|reason| CampaignError::Answer { upstream, reason })
    }

    /// `xtk:session#Logoff`: ends the Campaign session; the IMS token stays as it is.
    pub async fn logoff(
        &self,
        session: &SecretString,
        security: &SecretString,
        request_id: &str,
    ) -> Result<(), CampaignError> {
        let tokens = (session.expose_secret(), security.expose_secret());
        let (upstream, answer) =
            self.call("xtk:session#Logoff", soap::logoff(tokens.0), Some(tokens), request_id).await?;
        match soap::fault(answer.body()) {
            Some(fault) => Err(CampaignError::Refused { upstream, fault }),
            None if answer.status().is_success() => Ok(()),
            None => Err(CampaignError::Answer { upstream, reason: format!("status {}", answer.status()) }),
        }
    }

    /// One call; the next upstream is tried only when nothing was answered.
    async fn call(
        &self,
        action: &str,
        body: String,
        tokens: Option<(&str, &str)>,
        request_id: &str,
    ) -> Result<(Arc<str>, http::Response<Bytes>), CampaignError> {
        let body = Bytes::from(body);
        let mut failure = None;
        for upstream in &self.upstreams {
            let name = upstream.name().clone();
            let request = match request(action, body.clone(), tokens, request_id) {
                Ok(request) => request,
                Err(e) => return Err(CampaignError::Answer { upstream: name, reason: e.to_string() }),
            };
            match upstream.send(request, self.deadline).await {
                Ok(answer) => return Ok((name, answer)),
                Err(source) => failure = Some(CampaignError::Unreachable { upstream: name, source }),
            }
        }
        let none = || CampaignError::Answer {
            upstream: "campaign.upstream".into(),
            reason: "no upstream is configured".to_owned(),
        };
        Err(failure.unwrap_or_else(none))
    }
}

fn request(
    action: &str,
    body: Bytes,
    tokens: Option<(&str, &str)>,
    request_id: &str,
) -> http::Result<Request<Bytes>> {
    let mut request = Request::post(SOAP_ROUTER)
        .header(header::CONTENT_TYPE, "application/soap+xml;charset=UTF-8")
        .header("SoapAction", action)
        .header("X-Request-Id", request_id);
    if let Some((session, security)) = tokens {
        request = request
            .header("X-Session-Token", session)
            .header("X-Security-Token", security)
            .header(header::COOKIE, format!("{}={session}", crate::policy::cookies::CAMPAIGN_COOKIE));
    }
    request.body(body)
}
