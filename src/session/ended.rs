//! Sessions that have ended: why, and what they held, for the session cleanup at Campaign and IMS. Whoever takes a session
//! out of the store reports it, so exactly one of all instances does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::data::SessionData;
use super::key::Key;

/// An ended session.
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// Its key, `sid` in the assertion and in the audit trail.
    pub key: Key,
    /// Its data.
    pub data: SessionData,
    /// Why it ended.
    pub why: EndReason,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its owner signed out.
    SignedOut,
    /// Its owner signed out everywhere.
    Everywhere,
    /// An operator revoked it.
    Operator,
    /// IMS ended it (OpenID Connect Back-Channel Logout 1.0).
    Provider,
    /// The idle or the absolute time-out was reached.
    TimedOut,
    /// Its owner has newer sessions, as many as allowed.
    TooMany,
    /// The same browser signed in again.
    Replaced,
    /// Its owner has no group any more, or has left the organisation.
    Expelled,
    /// Its owner's groups do not fit into the head of a request.
    TooManyGroups,
    /// IMS refused to refresh its tokens.
    TokensRefused,
    /// The groups of its owner could not be checked for too long.
    GroupsUnknown,
}

impl EndReason {
    /// The word in the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Everywhere => "signed_out_everywhere",
            Self::Operator => "revoked_by_operator",
            Self::Provider => "ended_by_provider",
            Self::TimedOut => "timed_out",
            Self::TooMany => "too_many_sessions",
            Self::Replaced => "replaced",
            Self::Expelled => "groups_lost",
            Self::TooManyGroups => "too_many_groups",
            Self::TokensRefused => "tokens_refused",
            Self::GroupsUnknown => "groups_unknown",
        }
    }
}

/// The queue of ended sessions. It is bounded: a gateway that was down for days finds a file full of expired sessions, and
/// must not send all of them to Campaign and IMS at once.
#[derive(Debug, Default)]
pub(super) struct EndedQueue {
    to: Option<mpsc::Sender<EndedSession>>,
    dropped: AtomicU64,
}

impl EndedQueue {
    pub(super) fn to(sender: mpsc::Sender<EndedSession>) -> Arc<Self> {
        Arc::new(Self { to: Some(sender), dropped: AtomicU64::new(0) })
    }

    pub(super) fn push(&self, ended: EndedSession) {
        let Some(to) = &self.to else { return };
        // The last quarter is reserved for sessions that somebody ended.
        let is_full = ended.why == EndReason::TimedOut && to.capacity() <= to.max_capacity() / 4;
        if is_full || to.try_send(ended).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Logs how many sessions were dropped since the last call.
    pub(super) fn log_dropped(&self) {
        let sessions = self.dropped.swap(0, Ordering::Relaxed);
        if sessions > 0 {
            tracing::warn!(
                sessions,
                "too many sessions ended at once: their Campaign sessions and tokens are not revoked, and expire"
            );
        }
    }
}
