//! How long the gateway waits for a client's body: for the next piece, and altogether.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::Deadline;
use super::upload_error::UploadError;
use crate::policy::min_rate::MinRate;

/// Limits of a client's body.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// Bytes; `None`: unlimited.
    pub bytes: Option<u64>,
    /// The longest pause.
    pub pause: Duration,
    /// The least rate; `None`: any.
    pub least: Option<MinRate>,
}

/// The time spent waiting for one client. Only time counts in which the gateway asked for more bytes and there were none.
#[derive(Debug)]
pub(super) struct ClientWait {
    limits: UploadLimits,
    waited: Duration,
    since: Option<Instant>,
    /// For the pause, or for the rest of the time that the client may take altogether.
    timer: Option<(Deadline, Slow)>,
}

#[derive(Clone, Copy, Debug)]
enum Slow {
    Pause(Duration),
    Rate(MinRate),
}

impl ClientWait {
    pub fn new(limits: UploadLimits) -> Self {
        Self { limits, waited: Duration::ZERO, since: None, timer: None }
    }

    /// Records that bytes arrived.
    pub fn received(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Waits for more bytes, after `received` bytes. Ready with an error when the client is too slow.
    pub fn poll(&mut self, cx: &mut Context<'_>, received: u64) -> Poll<UploadError> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            let (limit, slow) = self.limit(received);
            let (timer, why) = self.timer.get_or_insert_with(|| (Deadline::new(limit), slow));
            timer.arm_at(now, limit);
            *why = slow;
        }
        let Some((timer, slow)) = &mut self.timer else { return Poll::Pending };
        ready!(timer.poll(cx));
        Poll::Ready(match *slow {
            Slow::Pause(limit) => UploadError::Stalled(limit),
            Slow::Rate(least) => UploadError::TooSlow(least),
        })
    }

    /// How long the next wait may be after `received` bytes, and which limit that is.
    fn limit(&self, received: u64) -> (Duration, Slow) {
        let pause = (self.limits.pause, Slow::Pause(self.limits.pause));
        let Some(least) = self.limits.least else { return pause };
        let left = least.allowance(received).saturating_sub(self.waited);
        if left < pause.0 { (left, Slow::Rate(least)) } else { pause }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMITS: UploadLimits = UploadLimits {
        bytes: None,
        pause: Duration::from_mins(1),
        least: Some(MinRate { per_second: 1000, grace: Duration::from_millis(150) }),
    };

    #[tokio::test]
    async fn only_time_of_waiting_for_the_client_counts() {
        let mut wait = ClientWait::new(LIMITS);
        wait.since = Instant::now().checked_sub(Duration::from_millis(100));
        wait.received();
        assert!(wait.waited >= Duration::from_millis(100));
        // The gateway asks for nothing while Campaign reads.
        let waited = wait.waited;
        wait.received();
        assert_eq!(wait.waited, waited);
    }

    #[tokio::test]
    async fn a_client_may_wait_for_its_grace_and_for_what_it_sent() {
        let mut wait = ClientWait::new(LIMITS);
        wait.waited = Duration::from_millis(100);
        let (limit, slow) = wait.limit(200);
        assert_eq!(limit, Duration::from_millis(150 + 200 - 100));
        assert!(matches!(slow, Slow::Rate(_)));
        wait.waited = Duration::from_millis(350);
        let error = poll_fn(|cx| wait.poll(cx, 200)).await;
        assert!(matches!(error, UploadError::TooSlow(_)), "{error}");
    }

    #[tokio::test]
    async fn a_pause_ends_the_upload() {
        let limits = UploadLimits { least: None, pause: Duration::ZERO, ..LIMITS };
        let mut wait = ClientWait::new(limits);
        let error = poll_fn(|cx| wait.poll(cx, 0)).await;
        assert!(matches!(error, UploadError::Stalled(pause) if pause == limits.pause), "{error}");
        // The shorter of pause and rate is the limit.
        assert_eq!(ClientWait::new(LIMITS).limit(u64::MAX).0, LIMITS.pause);
    }
}
