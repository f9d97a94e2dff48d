//! Every call to IMS goes through here: after a 429 all of them wait, and calls to the token endpoint are limited.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::error::{ImsError, retry_after};
use super::token_limit::{Share, TokenLimit};
use crate::clock::Clock;
use crate::http_client::HttpClient;
use crate::telemetry::ImsUsage;
use crate::wire::retry_after;

/// The HTTP client for IMS.
#[derive(Debug)]
pub struct ImsClient {
    http: HttpClient,
    clock: Clock,
    /// No call before this time, seconds since the Unix epoch.
    paused_until: AtomicI64,
    /// 429 responses so far.
    throttled: AtomicU64,
    limit: TokenLimit,
}

impl ImsClient {
    /// A client that makes at most `token_calls` calls to the token endpoint at once.
    pub fn new(http: HttpClient, clock: Clock, token_calls: usize) -> Self {
        let (paused_until, throttled) = (AtomicI64::new(i64::MIN), AtomicU64::new(0));
        Self { http, clock, paused_until, throttled, limit: TokenLimit::new(token_calls) }
    }

    /// Sends one request and reads the whole response. A 429 is an error, and starts a pause for every call.
    ///
    /// # Errors
    /// `Unavailable` without a request while IMS has asked this client to wait; after a 429; when there is no whole response.
    pub async fn send(
        &self,
        endpoint: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ImsError> {
        self.send_keeping(endpoint, request, &mut Vec::new()).await
    }

    /// The same; when the body breaks off, `arrived` holds what came of it.
    async fn send_keeping(
        &self,
        endpoint: &'static str,
        request: Request<Bytes>,
        arrived: &mut Vec<u8>,
    ) -> Result<Response<Bytes>, ImsError> {
        if let Some(remaining) = self.pause() {
            return Err(ImsError::Unavailable {
                endpoint,
                reason: format!(
                    "not called: IMS answered 429, and asked to wait for {} s more",
                    remaining.as_secs()
                ),
                retry_after: Some(remaining),
            });
        }
        let sent = self.http.send_keeping(request, arrived).await;
        let response = sent.map_err(|e| ImsError::transport(endpoint, &e))?;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let wait = retry_after(&response, self.clock.now()).unwrap_or(DEFAULT_PAUSE);
            self.paused_until.fetch_max(self.clock.now().plus(wait).0, Ordering::Relaxed);
            self.throttled.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(endpoint, seconds = wait.as_secs(), "IMS throttles this client: every call waits");
            return Err(ImsError::status(endpoint, &response, self.clock.now()).with_retry_after(wait));
        }
        Ok(response)
    }

    /// Sends a request to the token endpoint once the share has a slot. When the body breaks off, `arrived` holds what came of
    /// it.
    ///
    /// # Errors
    /// `Busy` when there is none in time; otherwise as [`send`](Self::send).
    pub async fn send_to_token(
        &self,
        share: Share,
        request: Request<Bytes>,
        arrived: &mut Vec<u8>,
    ) -> Result<Response<Bytes>, ImsError> {
        let _slot = self.limit.slot(share).await?;
        self.send_keeping(super::TOKEN, request, arrived).await
    }

    /// How long IMS has asked every call to wait, from now.
    pub fn pause(&self) -> Option<Duration> {
        let remaining = self.paused_until.load(Ordering::Relaxed).saturating_sub(self.clock.now().0);
        let remaining = Duration::from_secs(u64::try_from(remaining).ok()?);
        // A clock that was set back must not prolong the pause.
        (!remaining.is_zero()).then(|| remaining.min(retry_after::LONGEST))
    }

    /// The counts now.
    pub fn usage(&self) -> ImsUsage {
        let throttled = self.throttled.load(Ordering::Relaxed);
        let paused = self.pause().map_or(0, |pause| pause.as_secs());
        ImsUsage { calls: self.limit.calls(), refused: self.limit.refused(), throttled, paused }
    }
}

/// After a 429 that names no time.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);
