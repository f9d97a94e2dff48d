//! The watchdog of systemd (`WatchdogSec=`, `sd_watchdog_enabled(3)`): a gateway that hangs is started again.

use sd_notify::NotifyState;

use super::pulse::Pulse;
use super::systemd::notify;

/// Tells the service manager that the gateway is alive, for as long as every worker and the control runtime respond. Ends at once if the
/// service manager has not asked for it. Must run on the control runtime.
pub async fn keep_watchdog(pulse: Pulse) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return };
    let mut watchdog = Watchdog { pulse, is_hanging: false };
    loop {
        if watchdog.is_alive() {
            notify(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(limit / REPORTS).await;
    }
}

struct Watchdog {
    pulse: Pulse,
    /// True after a worker was found that does not respond.
    is_hanging: bool,
}

impl Watchdog {
    /// True if every worker has answered since the last call. Asks them again.
    fn is_alive(&mut self) -> bool {
        let silent = self.pulse.silent();
        if !silent.is_empty() && !self.is_hanging {
            tracing::error!(
                workers = ?silent,
                "these workers do not respond; the service manager restarts the gateway unless they do soon"
            );
        }
        self.is_hanging = !silent.is_empty();
        self.pulse.ask();
        silent.is_empty()
    }
}

/// Reports within the limit: a late one must not end the process.
const REPORTS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sign_of_life_is_reported_only_while_every_worker_responds() {
        let mut pulse = Pulse::new();
        let (mut first, mut second) = (pulse.responder(), pulse.responder());
        tokio::spawn(async move { first.answer().await });
        let answers = tokio::spawn(async move { second.answer().await });
        let mut watchdog = Watchdog { pulse, is_hanging: false };
        for _ in 0..3 {
            assert!(watchdog.is_alive());
            while !watchdog.pulse.silent().is_empty() {
                tokio::task::yield_now().await;
            }
        }
        // One of two workers hangs: what it has answered counts once more.
        answers.abort();
        assert!(answers.await.unwrap_err().is_cancelled());
        assert!(watchdog.is_alive());
        for _ in 0..3 {
            tokio::task::yield_now().await;
            assert!(!watchdog.is_alive());
        }
    }
}
