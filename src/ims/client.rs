//! All calls to IMS. After a 429 all of them pause. Calls to the token endpoint are limited.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::error::{ImsError, debug_id, retry_after};
use super::token_limit::{Share, TokenLimit};
use crate::clock::Clock;
use crate::http_client::{HttpClient, HttpError};
use crate::telemetry::{CallOutcome, ImsUsage, InstanceMetrics};
use crate::wire::{loose_json, retry_after};

#[derive(Debug)]
pub struct ImsHttp {
    http: HttpClient,
    clock: Clock,
    /// No call before this time, seconds since the Unix epoch.
    paused_until: AtomicI64,
    /// 429 responses so far.
    throttled: AtomicU64,
    limit: TokenLimit,
    metrics: InstanceMetrics,
}

impl ImsHttp {
    /// A client that makes at most `token_calls` calls to the token endpoint at once.
    pub fn new(http: HttpClient, clock: Clock, token_calls: usize, metrics: InstanceMetrics) -> Self {
        let (paused_until, throttled) = (AtomicI64::new(i64::MIN), AtomicU64::new(0));
        Self { http, clock, paused_until, throttled, limit: TokenLimit::new(token_calls), metrics }
    }

    /// Sends one request and returns the body of the response, whose status must be 200.
    ///
    /// # Errors
    /// `Unavailable` during a pause (nothing is sent), after a 429 or 5xx, and when the response is incomplete. `Refused` for other
    /// statuses.
    pub async fn send(
        &self,
        endpoint: &'static str,
        request: http::Result<Request<Bytes>>,
    ) -> Result<Bytes, ImsError> {
        let request = request.map_err(|error| ImsError::Answer { endpoint, reason: error.to_string() })?;
        let response = self.send_keeping_partial(endpoint, request, &mut Vec::new()).await?;
        tracing::debug!(endpoint, status = %response.status(), debug_id = debug_id(&response), "IMS answered");
        if response.status() != StatusCode::OK {
            return Err(ImsError::status(endpoint, &response, self.clock.now()));
        }
        Ok(response.into_body())
    }

    /// Sends one request and reads the whole response. A 429 is an error and starts a pause for all calls. When the body breaks off,
    /// `partial` holds the bytes that arrived.
    async fn send_keeping_partial(
        &self,
        endpoint: &'static str,
        request: Request<Bytes>,
        partial: &mut Vec<u8>,
    ) -> Result<Response<Bytes>, ImsError> {
        if let Some(remaining) = self.pause() {
            return Err(ImsError::Unavailable {
                endpoint,
                reason: format!("not called: IMS answered 429; calls resume in {} s", remaining.as_secs()),
                retry_after: Some(remaining),
            });
        }
        let began = Instant::now();
        let sent = self.http.send_keeping_partial(request, partial).await;
        self.metrics.ims_call(endpoint, outcome(&sent), began.elapsed());
        let response = sent.map_err(|e| ImsError::transport(endpoint, &e))?;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let wait = retry_after(&response, self.clock.now()).unwrap_or(DEFAULT_PAUSE);
            self.paused_until.fetch_max(self.clock.now().plus(wait).0, Ordering::Relaxed);
            self.throttled.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(endpoint, seconds = wait.as_secs(), "IMS answered 429: all calls to IMS pause");
            return Err(ImsError::status(endpoint, &response, self.clock.now()).with_retry_after(wait));
        }
        Ok(response.map(|body| match loose_json::readable(&body) {
            Cow::Borrowed(text) => body.slice_ref(text),
            Cow::Owned(text) => text.into(),
        }))
    }

    /// Sends a request to the token endpoint once the share has a slot. When the body breaks off, `partial` holds the bytes
    /// that arrived.
    ///
    /// # Errors
    /// `Busy` when no slot is free in time. `Unavailable` as for [`send`](Self::send), except for a 5xx.
    pub async fn send_to_token(
        &self,
        share: Share,
        request: Request<Bytes>,
        partial: &mut Vec<u8>,
    ) -> Result<Response<Bytes>, ImsError> {
        let _slot = self.limit.slot(share).await?;
        self.send_keeping_partial(super::TOKEN, request, partial).await
    }

    /// How long all calls still wait because IMS answered 429.
    pub fn pause(&self) -> Option<Duration> {
        let remaining = self.paused_until.load(Ordering::Relaxed).saturating_sub(self.clock.now().0);
        let remaining = Duration::from_secs(u64::try_from(remaining).ok()?);
        // If the clock was set back, the pause must not become longer.
        (!remaining.is_zero()).then(|| remaining.min(retry_after::LONGEST))
    }

    /// The current counts.
    pub fn usage(&self) -> ImsUsage {
        let throttled = self.throttled.load(Ordering::Relaxed);
        let paused = self.pause().map_or(0, |pause| pause.as_secs());
        ImsUsage { calls: self.limit.calls(), refused: self.limit.refused(), throttled, paused }
    }
}

/// A call that IMS refuses has an OAuth error, whose status is 400 or 401.
fn outcome(sent: &Result<Response<Bytes>, HttpError>) -> CallOutcome {
    let Ok(response) = sent else { return CallOutcome::Failed };
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => CallOutcome::Failed,
        status if status.is_client_error() => CallOutcome::Refused,
        status if status.is_server_error() => CallOutcome::Failed,
        _ => CallOutcome::Answered,
    }
}

/// The pause after a 429 without `Retry-After`.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);
