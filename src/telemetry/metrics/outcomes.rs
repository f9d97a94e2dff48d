//! Outcomes as label values: every set is closed, so no request can make a new one.

use crate::telemetry::sign_in_reasons::{LoginFailureCode, RefusalCode};

/// How a sign-in in a browser ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// The person has a new session.
    SignedIn,
    /// The person has a new session without a Campaign session, because Campaign is being restarted.
    CampaignRestarting,
    /// The browser had a live session already.
    AlreadySignedIn,
    /// The gateway began the sign-in again: the callback was late or repeated, or IMS had to show a page.
    BegunAgain,
    /// The person has no access.
    Refused(RefusalCode),
    /// The sign-in failed.
    Failed(LoginFailureCode),
    /// The session store does not answer.
    StoreUnavailable,
}

impl SignIn {
    /// All results.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::SignedIn,
            Self::CampaignRestarting,
            Self::AlreadySignedIn,
            Self::BegunAgain,
            Self::StoreUnavailable,
        ];
        let refused = RefusalCode::ALL.into_iter().map(Self::Refused);
        others.into_iter().chain(refused).chain(LoginFailureCode::ALL.into_iter().map(Self::Failed))
    }

    /// The labels `outcome` and `reason`.
    pub(super) fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::SignedIn => ("signed_in", "new_session"),
            Self::CampaignRestarting => ("signed_in", "campaign_restarting"),
            Self::AlreadySignedIn => ("signed_in", "already_signed_in"),
            Self::BegunAgain => ("begun_again", "late_or_repeated"),
            Self::Refused(code) => ("refused", code.code()),
            Self::Failed(code) => ("failed", code.code()),
            Self::StoreUnavailable => ("failed", "store_unavailable"),
        }
    }
}

/// How a token refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefresh {
    /// The session has new tokens.
    Refreshed,
    /// IMS does not answer; the session continues.
    Unavailable,
    /// IMS refused; the session ended.
    Refused,
    /// The session had ended meanwhile.
    Ended,
}

impl TokenRefresh {
    /// All results, in declaration order.
    pub const ALL: [Self; 4] = [Self::Refreshed, Self::Unavailable, Self::Refused, Self::Ended];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refreshed => "refreshed",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Ended => "ended",
        }
    }
}

/// How a group recheck ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRecheck {
    /// The person still has access.
    Granted,
    /// The person no longer has access; the session ended.
    Refused,
    /// IMS accepts none of the person's tokens; the session ended.
    NoToken,
    /// The session had ended meanwhile.
    Ended,
    /// IMS does not answer.
    Unavailable,
}

impl GroupRecheck {
    /// All results, in declaration order.
    pub const ALL: [Self; 5] = [Self::Granted, Self::Refused, Self::NoToken, Self::Ended, Self::Unavailable];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::NoToken => "no_token",
            Self::Ended => "ended",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What happened to a saved form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedFormEvent {
    /// It was saved.
    Saved,
    /// It was sent to Campaign.
    Sent,
    /// Its sender discarded it.
    Discarded,
    /// It was deleted, because another person signed in.
    Dropped,
}

impl SavedFormEvent {
    /// All events, in declaration order.
    pub const ALL: [Self; 4] = [Self::Saved, Self::Sent, Self::Discarded, Self::Dropped];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Sent => "sent",
            Self::Discarded => "discarded",
            Self::Dropped => "dropped",
        }
    }
}

/// How a call to another system ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It answered.
    Answered,
    /// It refused the call.
    Refused,
    /// It gave no usable answer.
    Failed,
}

impl CallOutcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}
