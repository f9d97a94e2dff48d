//! One timer for each connection, used for every deadline.
//!
//! Setting and removing a timer for every request would cost a lock and a change of the timer wheel each time. So a later deadline is only
//! stored; when the timer fires before it, the timer is set again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A deadline that is cheap to move further away.
#[derive(Debug)]
pub struct Deadline {
    sleep: Pin<Box<Sleep>>,
    due: Instant,
}

impl Deadline {
    /// A deadline `limit` from now.
    pub fn new(limit: Duration) -> Self {
        let due = Instant::now() + limit;
        Self { sleep: Box::pin(tokio::time::sleep_until(due)), due }
    }

    /// Moves the deadline to `limit` from now.
    pub fn arm(&mut self, limit: Duration) {
        self.arm_at(Instant::now(), limit);
    }

    /// Moves the deadline to `limit` after `now`, for callers that know the time.
    pub fn arm_at(&mut self, now: Instant, limit: Duration) {
        self.due = now + limit;
        if self.sleep.deadline() > self.due {
            self.sleep.as_mut().reset(self.due);
        }
    }

    /// Ready once the deadline has passed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            if Instant::now() >= self.due {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_deadline_can_be_moved_away_and_nearer() {
        const FAR: Duration = Duration::from_hours(1);
        let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let mut deadline = Deadline { sleep: Box::pin(tokio::time::sleep_until(past)), due: past };
        deadline.arm(FAR);
        // The timer has fired and is set again.
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
        assert_eq!(deadline.sleep.deadline(), deadline.due);
        deadline.arm(Duration::ZERO);
        poll_fn(|cx| deadline.poll(cx)).await;
        deadline.arm(FAR);
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
    }
}
