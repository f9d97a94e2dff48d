//! What is left to say of a session that has ended: to Campaign, to IMS, to the audit trail. Whoever took it out of the
//! store hands it over, so of all instances exactly one says it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::data::SessionData;
use super::key::Key;

/// An ended session.
#[derive(Clone, Debug)]
pub struct Parting {
    /// Its key, `sid` in the assertion and in the audit trail.
    pub key: Key,
    /// What it held.
    pub data: SessionData,
    /// Why it ended.
    pub why: Ending,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its owner signed out.
    SignedOut,
    /// Its owner signed out everywhere.
    Everywhere,
    /// An operator revoked it.
    Operator,
    /// The provider said so (OpenID Connect Back-Channel Logout).
    Provider,
    /// Its time was over, used or not.
    TimedOut,
    /// The same person has newer sessions, as many as one may have.
    TooMany,
    /// The same browser signed in again.
    Replaced,
    /// Its owner has no group any more, or is no member of the organisation.
    Expelled,
    /// Its owner has more groups than fit into the head of a request.
    TooManyGroups,
    /// IMS gives no more tokens for it.
    TokensRefused,
    /// Nobody knows whether its owner still has groups, for too long.
    GroupsUnknown,
}

impl Ending {
    /// As in the audit trail.
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

/// Where partings go. Bounded: a gateway that was away for days finds a file full of expired sessions, and Campaign and
/// IMS must not have to hear of all of them at once.
#[derive(Debug, Default)]
pub(super) struct Partings {
    to: Option<mpsc::Sender<Parting>>,
    unsaid: AtomicU64,
}

impl Partings {
    pub(super) fn to(sender: mpsc::Sender<Parting>) -> Arc<Self> {
        Arc::new(Self { to: Some(sender), unsaid: AtomicU64::new(0) })
    }

    pub(super) fn hand_over(&self, parting: Parting) {
        let Some(to) = &self.to else { return };
        // What somebody wanted ended has the last places to itself.
        let is_full = parting.why == Ending::TimedOut && to.capacity() <= to.max_capacity() / 4;
        if is_full || to.try_send(parting).is_err() {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says how many goodbyes were left out since the last time.
    pub(super) fn confess(&self) {
        let sessions = self.unsaid.swap(0, Ordering::Relaxed);
        if sessions > 0 {
            tracing::warn!(
                sessions,
                "more sessions ended than Campaign and IMS are told of at once; what these held there ends by itself"
            );
        }
    }
}
