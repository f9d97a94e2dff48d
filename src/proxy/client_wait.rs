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

    /// Notes that bytes arrived.
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
            let pause = (self.limits.pause, Slow::Pause(self.limits.pause));
            let (limit, slow) = match self.limits.least {
                Some(least) => {
                    let left = least.allowance(received).saturating_sub(self.waited);
                    if left < pause.0 { (left, Slow::Rate(least)) } else { pause }
                }
                None => pause,
            };
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
    async fn waiting_adds_up_and_time_that_others_take_does_not_count() {
        let mut wait = ClientWait::new(LIMITS);
        assert!(poll_fn(|cx| Poll::Ready(wait.poll(cx, 0).is_pending())).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        wait.received();
        assert!(wait.waited >= Duration::from_millis(100));
        let waited = wait.waited;
        // Campaign takes its time with what came.
        tokio::time::sleep(Duration::from_millis(200)).await;
        wait.received();
        assert_eq!(wait.waited, waited);
        let began = Instant::now();
        let error = poll_fn(|cx| wait.poll(cx, 200)).await;
        assert!(matches!(error, UploadError::TooSlow(_)), "{error}");
        assert!(
            began.elapsed() + waited >= Duration::from_millis(350),
            "its grace, and time for what it sent"
        );
    }

    #[tokio::test]
    async fn a_pause_ends_it_by_itself() {
        let limits = UploadLimits { least: None, pause: Duration::from_millis(20), ..LIMITS };
        let mut wait = ClientWait::new(limits);
        let error = poll_fn(|cx| wait.poll(cx, 0)).await;
        assert!(matches!(error, UploadError::Stalled(pause) if pause == limits.pause), "{error}");
    }
}
