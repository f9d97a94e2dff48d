//! The client for Campaign's SOAP interface: logon with an IMS token, and logoff.

mod balance;
mod decompress;
mod fault;
mod logon_response;
pub mod query;
mod soap;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use secrecy::{ExposeSecret, SecretString};

pub use balance::{ChooseServer, InOrder};
pub use fault::{FaultResponse, logoff_response, session_expired_fault, session_report, soap_fault};
pub use logon_response::logon_response;
pub use query::ServerFacts;
pub use soap::{LogonAnswer, escape, fault, logon_answer};

use crate::http_client::{Endpoint, HttpError};
use crate::policy::client_kind::SOAP_ROUTER;
use crate::policy::logon_refusal::LogonRefusal;
use crate::telemetry::{CallOutcome, InstanceMetrics};
use crate::wire::fields::{FORWARDED_FOR, SECURE_ADDRESS};

/// Calls the SOAP router of one Campaign instance.
#[derive(Clone, Debug)]
pub struct CampaignClient {
    upstreams: Vec<Endpoint>,
    balance: Arc<dyn ChooseServer>,
    deadline: Duration,
    /// The https address of the SOAP router, sent as `NLSSLURL`; `None`: not sent.
    secure_address: Option<HeaderValue>,
    metrics: InstanceMetrics,
}

/// The person and the server of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallFor<'a> {
    pub request_id: &'a str,
    /// The address of the person, from which Campaign takes the security zone.
    pub client: Option<IpAddr>,
    /// The server to try first; `None`: any.
    pub upstream: Option<&'a str>,
}

/// Why a call to Campaign failed. Messages never contain a token.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// No upstream answered.
    #[error("Campaign at {upstream} did not answer: {source}")]
    Unreachable {
        /// The last upstream that was tried.
        upstream: Arc<str>,
        source: HttpError,
    },
    /// Campaign answered with a SOAP fault.
    #[error("Campaign at {upstream} refused: {fault}{}", .why.advice())]
    Refused {
        upstream: Arc<str>,
        /// The text of the fault, shortened.
        fault: String,
        /// What the fault means.
        why: LogonRefusal,
        /// The whole response, for a client that understands it.
        response: FaultResponse,
    },
    /// The response does not have the documented format.
    #[error("Campaign at {upstream}: unexpected response: {reason}")]
    Answer {
        upstream: Arc<str>,
        /// What is wrong with the response.
        reason: String,
    },
}

impl CampaignError {
    /// The error for a response with a SOAP fault; `None` for every other response. `secret` is left out wherever Campaign quotes it.
    fn of_fault(upstream: &Arc<str>, response: &Response<Bytes>, secret: &SecretString) -> Option<Self> {
        let response = FaultResponse::without(response, secret);
        let fault = soap::fault(response.body())?;
        let why = LogonRefusal::of(&fault);
        Some(Self::Refused { upstream: upstream.clone(), fault, why, response })
    }

    /// True for the error of a Campaign that is being restarted.
    pub fn is_restarting(&self) -> bool {
        matches!(self, Self::Refused { why: LogonRefusal::Restarting, .. })
    }
}

impl CampaignClient {
    /// A client for these upstreams. `deadline` limits each attempt.
    pub fn new(upstreams: Vec<Endpoint>, deadline: Duration) -> Self {
        let balance = Arc::new(InOrder(upstreams.len()));
        Self { upstreams, balance, deadline, secure_address: None, metrics: InstanceMetrics::default() }
    }

    /// Chooses the server of a new session in this way.
    #[must_use]
    pub fn with_balance(self, balance: Arc<dyn ChooseServer>) -> Self {
        Self { balance, ..self }
    }

    /// Tells Campaign with every call that clients reach this host over HTTPS.
    #[must_use]
    pub fn with_secure_address(self, host: &str) -> Self {
        let secure_address = HeaderValue::try_from(format!("https://{host}{SOAP_ROUTER}")).ok();
        Self { secure_address, ..self }
    }

    /// Records the time of every call.
    #[must_use]
    pub fn with_metrics(self, metrics: InstanceMetrics) -> Self {
        Self { metrics, ..self }
    }

    /// Opens a Campaign session for the owner of this IMS access token (`xtk:session#BearerTokenLogon`).
    ///
    /// # Errors
    /// When Campaign does not answer, refuses, or answers in another format.
    pub async fn bearer_token_logon(
        &self,
        token: &SecretString,
        call: CallFor<'_>,
    ) -> Result<LogonAnswer, CampaignError> {
        let began = Instant::now();
        let logon = self.open_session(token, call).await;
        self.metrics.soap_call("BearerTokenLogon", outcome(&logon), began.elapsed());
        logon
    }

    async fn open_session(
        &self,
        token: &SecretString,
        call: CallFor<'_>,
    ) -> Result<LogonAnswer, CampaignError> {
        let body = soap::bearer_token_logon(token.expose_secret());
        let (upstream, answer) = self.call("xtk:session#BearerTokenLogon", body, None, call).await?;
        if let Some(refused) = CampaignError::of_fault(&upstream, &answer, token) {
            return Err(refused);
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
    ///
    /// # Errors
    /// When Campaign does not answer or refuses.
    pub async fn logoff(
        &self,
        session: &SecretString,
        security: &SecretString,
        call: CallFor<'_>,
    ) -> Result<(), CampaignError> {
        let began = Instant::now();
        let done = self.end_session(session, security, call).await;
        self.metrics.soap_call("Logoff", outcome(&done), began.elapsed());
        done
    }

    async fn end_session(
        &self,
        session: &SecretString,
        security: &SecretString,
        call: CallFor<'_>,
    ) -> Result<(), CampaignError> {
        let tokens = (session.expose_secret(), security.expose_secret());
        let (upstream, answer) =
            self.call("xtk:session#Logoff", soap::logoff(tokens.0), Some(tokens), call).await?;
        match CampaignError::of_fault(&upstream, &answer, session) {
            Some(refused) => Err(refused),
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
        call: CallFor<'_>,
    ) -> Result<(Arc<str>, Response<Bytes>), CampaignError> {
        let body = Bytes::from(body);
        let mut failure = None;
        let is_first = |upstream: &Endpoint| call.upstream == Some(upstream.name());
        let mut first = self.upstreams.iter().position(is_first);
        let mut tried = 0_u64;
        while let Some(index) = first.take().or_else(|| self.balance.choose(tried)) {
            let Some(upstream) = self.upstreams.get(index) else { break };
            tried |= 1 << index;
            let name = upstream.name().clone();
            let request = match self.request(action, body.clone(), tokens, call) {
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

    fn request(
        &self,
        action: &str,
        body: Bytes,
        tokens: Option<(&str, &str)>,
        call: CallFor<'_>,
    ) -> http::Result<Request<Bytes>> {
        let mut request = Request::post(SOAP_ROUTER)
            .header(header::CONTENT_TYPE, "application/soap+xml;charset=UTF-8")
            .header("SoapAction", action)
            .header("X-Request-Id", call.request_id);
        if let Some(client) = call.client {
            request = request.header(FORWARDED_FOR, client.to_string());
        }
        if let Some(address) = &self.secure_address {
            request = request.header(SECURE_ADDRESS, address);
        }
        if let Some((session, security)) = tokens {
            request = request
                .header("X-Session-Token", session)
                .header("X-Security-Token", security)
                .header(header::COOKIE, format!("{}={session}", crate::policy::cookies::CAMPAIGN_COOKIE));
        }
        request.body(body)
    }
}

fn outcome<T>(called: &Result<T, CampaignError>) -> CallOutcome {
    match called {
        Ok(_) => CallOutcome::Answered,
        Err(CampaignError::Refused { .. }) => CallOutcome::Refused,
        Err(CampaignError::Unreachable { .. } | CampaignError::Answer { .. }) => CallOutcome::Failed,
    }
}
