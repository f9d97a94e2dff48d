//! Outcomes as label values: every set is closed, so no request can make a new one.

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
    /// The person is not a member of the organisation.
    OtherOrganization,
    /// No configuration name matches the mask.
    NoGroup,
    /// The groups do not fit into a request.
    TooManyGroups,
    /// IMS declined.
    Declined,
    /// The cookie of the login did not come back.
    CookieMissing,
    /// The login was begun again too often.
    TooManyAttempts,
    /// The callback is malformed.
    Malformed,
    /// The response of IMS cannot be used.
    AnswerInvalid,
    /// The response of IMS failed a check.
    AnswerRefused,
    /// The clocks of IMS and of this machine differ.
    Clock,
    /// IMS does not answer.
    ImsUnavailable,
    /// Too many calls to IMS at once.
    ImsBusy,
    /// Campaign refused the logon.
    CampaignRefused,
    /// Campaign does not answer.
    CampaignUnavailable,
    /// The session store does not answer.
    StoreUnavailable,
    /// The gateway's own fault.
    Internal,
}

impl SignIn {
    /// All results, in declaration order.
    pub const ALL: [Self; 20] = [
        Self::SignedIn,
        Self::CampaignRestarting,
        Self::AlreadySignedIn,
        Self::BegunAgain,
        Self::OtherOrganization,
        Self::NoGroup,
        Self::TooManyGroups,
        Self::Declined,
        Self::CookieMissing,
        Self::TooManyAttempts,
        Self::Malformed,
        Self::AnswerInvalid,
        Self::AnswerRefused,
        Self::Clock,
        Self::ImsUnavailable,
        Self::ImsBusy,
        Self::CampaignRefused,
        Self::CampaignUnavailable,
        Self::StoreUnavailable,
        Self::Internal,
    ];

    /// The labels `outcome` and `reason`.
    pub(super) fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::SignedIn => ("signed_in", "new_session"),
            Self::CampaignRestarting => ("signed_in", "campaign_restarting"),
            Self::AlreadySignedIn => ("signed_in", "already_signed_in"),
            Self::BegunAgain => ("begun_again", "late_or_repeated"),
            Self::OtherOrganization => ("refused", "other_organization"),
            Self::NoGroup => ("refused", "no_group"),
            Self::TooManyGroups => ("refused", "too_many_groups"),
            Self::Declined => ("failed", "declined"),
            Self::CookieMissing => ("failed", "cookie_missing"),
            Self::TooManyAttempts => ("failed", "too_many_attempts"),
            Self::Malformed => ("failed", "malformed"),
            Self::AnswerInvalid => ("failed", "ims_answer_invalid"),
            Self::AnswerRefused => ("failed", "ims_answer_refused"),
            Self::Clock => ("failed", "clock"),
            Self::ImsUnavailable => ("failed", "ims_unavailable"),
            Self::ImsBusy => ("failed", "ims_busy"),
            Self::CampaignRefused => ("failed", "campaign_refused"),
            Self::CampaignUnavailable => ("failed", "campaign_unavailable"),
            Self::StoreUnavailable => ("failed", "store_unavailable"),
            Self::Internal => ("failed", "internal"),
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

/// What IMS said when it was asked for the groups of a signed-in person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRecheck {
    /// The person still has access.
    Granted,
    /// The person has no access any more; the session ended.
    Refused,
    /// IMS accepts no token of the person; the session ended.
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
