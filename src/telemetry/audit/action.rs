//! What happened: one variant for each audit event. Their names and fields are part of the log's format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened. `event` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuditAction {
    /// A person signed in.
    Login {
        /// The Campaign groups that the association mask gives.
        groups: Vec<String>,
        /// Those that Campaign does not have. Absent when its groups are not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groups_not_in_campaign: Option<Vec<String>>,
    },
    /// A person was refused: at sign-in, or with `sid` by a later check of the groups, which ended the session.
    Refusal(RefusalDetails),
    /// A login failed.
    LoginFailed {
        /// What failed.
        code: LoginFailureCode,
        /// The details, a sentence.
        reason: String,
    },
    /// A person's groups changed during a session.
    GroupsChanged {
        /// The groups before.
        before: Vec<String>,
        /// The groups now.
        groups: Vec<String>,
    },
    /// Campaign opened a new session in the place of the one that a person had.
    CampaignSessionOpened {
        /// Why: what happened to the previous one.
        reason: String,
    },
    /// A request with a session was refused because a page of another origin sent it.
    CrossOriginRefused {
        /// The header field `Origin`, empty when absent.
        origin: String,
        /// The header field `Sec-Fetch-Site`, empty when absent.
        site: String,
        /// The method.
        method: String,
        /// The path without the query.
        path: String,
    },
    /// A token of a technical account was accepted for the first time.
    Account {
        /// Its Campaign groups.
        groups: Vec<String>,
    },
    /// A request with a Bearer token was refused.
    AccountRefused {
        /// The path without the query; empty when the token itself is refused.
        path: String,
        /// A code.
        reason: String,
        /// A sentence without any part of the token.
        detail: String,
    },
    /// A person signed out everywhere.
    SignOutEverywhere {
        /// Sessions that ended beside the requesting one.
        ended: usize,
    },
    /// IMS reported that a person signed out there.
    BackchannelLogout {
        /// Id of the session at IMS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ims_session: Option<String>,
        /// Sessions that ended.
        ended: usize,
    },
    /// An operator ended one session, or all sessions of a person.
    Revoked {
        /// Sessions that ended.
        ended: usize,
    },
    /// A session ended otherwise than by its owner's signing out there.
    SessionEnded {
        /// Why, one word.
        reason: String,
    },
    /// A person signed out.
    Logout,
    /// A form was saved until its sender signs in.
    FormKept(FormDetails),
    /// A saved form was sent to Campaign.
    FormSent(FormDetails),
    /// A saved form was discarded by its sender.
    FormDiscarded(FormDetails),
    /// A saved form was deleted because another person signed in.
    FormDropped(FormDetails),
    /// A person made a console password.
    ConsolePasswordMade,
    /// A person withdrew the console password; consoles that used it are signed out.
    ConsolePasswordWithdrawn,
    /// A client console signed in with a console password.
    ConsoleLogon {
        /// The build that it names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        build: Option<u32>,
    },
    /// A logon with a login and a password was refused.
    ConsoleLogonRefused {
        /// The login.
        login: String,
        /// Why, a sentence.
        reason: String,
    },
    /// A request held a session token, or a login with a password, that is not of its session.
    ForeignToken(ForeignTokenDetails),
    /// A native account sent a logon to Campaign.
    NativeLogon {
        /// The login.
        login: String,
        /// Whether Campaign opened a session.
        signed_in: bool,
    },
}

/// What IMS reported about a person who was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusalDetails {
    /// Why.
    pub reason: RefusalCode,
    /// The configuration names that IMS sent.
    pub seen: Vec<String>,
    /// IDs of the person's organisations.
    pub organizations_seen: Vec<String>,
    /// Names that almost match the mask.
    pub near_misses: Vec<NearMissName>,
    /// Number of groups, when they exceed `campaign.groups_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_count: Option<usize>,
    /// Their size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_bytes: Option<usize>,
    /// `campaign.groups_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_bytes_limit: Option<usize>,
}

/// Why a person was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The person is not a member of the configured organisation.
    OtherOrganization,
    /// No configuration name of the person matches the association mask.
    NoGroup,
    /// The groups exceed `campaign.groups_bytes`.
    TooManyGroups,
}

/// A configuration name that almost matches the mask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NearMissName {
    /// The name.
    pub name: String,
    /// The difference.
    pub why: String,
}

/// What failed in a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginFailureCode {
    /// IMS declined.
    Declined,
    /// The browser did not send a cookie of the gateway back.
    CookieMissing,
    /// The login was begun again too often.
    TooManyAttempts,
    /// The callback is malformed.
    Malformed,
    /// The response of IMS cannot be used.
    AnswerInvalid,
    /// The response of IMS is readable, and failed a check.
    AnswerRefused,
    /// The clocks of IMS and of this machine differ too much.
    Clock,
    /// IMS does not answer.
    ImsUnavailable,
    /// Too many logins wait for IMS.
    Busy,
    /// Campaign opened no session for the person.
    CampaignRefused,
    /// Campaign does not answer.
    CampaignUnavailable,
    /// The gateway's own fault.
    Internal,
}

/// A form that was submitted after its session ended. It has neither its body nor its query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FormDetails {
    /// Where it was sent, without the query.
    pub path: String,
    /// Size of its body in bytes.
    pub bytes: usize,
}

/// A request with a foreign token. It has neither the token nor the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignTokenDetails {
    /// The native account that the value names; empty for a token.
    pub account: String,
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// False when it was forwarded (`campaign.foreign_tokens = "report"`).
    pub refused: bool,
}

impl AuditAction {
    /// What happened, for people.
    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::Login { .. } => "signed in",
            Self::Refusal(_) => "refused",
            Self::LoginFailed { .. } => "login failed",
            Self::GroupsChanged { .. } => "groups changed",
            Self::CampaignSessionOpened { .. } => "a new Campaign session is open",
            Self::CrossOriginRefused { .. } => "refused: a page of another origin sent this request",
            Self::Account { .. } => "token of a technical account accepted",
            Self::AccountRefused { .. } => "technical account refused",
            Self::SignOutEverywhere { .. } => "signed out everywhere",
            Self::BackchannelLogout { .. } => "signed out at the provider",
            Self::Revoked { .. } => "revoked by an operator",
            Self::SessionEnded { .. } => "session ended",
            Self::Logout => "signed out",
            Self::FormKept(_) => "form saved until its sender signs in",
            Self::FormSent(_) => "saved form sent to Campaign",
            Self::FormDiscarded(_) => "saved form discarded by its sender",
            Self::FormDropped(_) => "saved form deleted: another person signed in",
            Self::ConsolePasswordMade => "console password made",
            Self::ConsolePasswordWithdrawn => "console password withdrawn, and consoles signed out",
            Self::ConsoleLogon { .. } => "client console signed in",
            Self::ConsoleLogonRefused { .. } => "client console refused",
            Self::ForeignToken(_) => "a session token that is not of this session",
            Self::NativeLogon { .. } => "logon of a native account",
        }
    }

    /// True for an event of level `WARN`; the others have level `INFO`.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::Refusal(_)
                | Self::LoginFailed { .. }
                | Self::CrossOriginRefused { .. }
                | Self::AccountRefused { .. }
                | Self::ConsoleLogonRefused { .. }
                | Self::ForeignToken(_)
        )
    }
}
