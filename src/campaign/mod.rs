//! The client for Campaign's SOAP interface: logon with an IMS token, and logoff.

mod decompress;
mod fault;
mod logon_response;
mod soap;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use secrecy::{ExposeSecret, SecretString};

pub use decompress::decompress;
pub use fault::{session_expired_fault, session_report, soap_fault};
pub use logon_response::logon_response;
pub use soap::{LogonAnswer, escape, fault, logon_answer};

use crate::http_client::{Endpoint, HttpError};
use crate::policy::client_kind::SOAP_ROUTER;

/// Calls the SOAP router of one Campaign instance.
#[derive(Clone, Debug)]
pub struct CampaignClient {
    upstreams: Vec<Endpoint>,
    deadline: Duration,
}

/// Why a call to Campaign failed. Messages never contain a token.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// No upstream answered.
    #[error("Campaign at {upstream} did not answer: {source}")]
    Unreachable {
        /// The last upstream that was tried.
        upstream: Arc<str>,
        /// Its transport error.
        source: HttpError,
    },
    /// Campaign answered with a SOAP fault.
    #[error("Campaign at {upstream} refused: {fault}")]
    Refused {
        /// Which upstream.
        upstream: Arc<str>,
        /// The text of the fault, shortened.
        fault: String,
    },
    /// The response does not have the documented format.
    #[error("Campaign at {upstream}: unexpected response: {reason}")]
    Answer {
        /// Which upstream.
        upstream: Arc<str>,
        /// What is wrong with the response.
        reason: String,
    },
}

impl CampaignClient {
    /// A client that tries these upstreams in order. `deadline` limits each attempt.
    pub fn new(upstreams: Vec<Endpoint>, deadline: Duration) -> Self {
        Self { upstreams, deadline }
    }

    /// Opens a Campaign session for the owner of this IMS access token (`xtk:session#BearerTokenLogon`).
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
        match soap::logon_answer(answer.body()) {
            Ok(logon) => Ok(LogonAnswer { body: answer.into_body(), upstream, ..logon }),
            Err(reason) => Err(CampaignError::Answer { upstream, reason }),
        }
    }

    /// Ends the Campaign session (`xtk:session#Logoff`). The IMS token stays valid.
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

    /// Sends one call. Tries the next upstream only if the previous one did not answer.
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
