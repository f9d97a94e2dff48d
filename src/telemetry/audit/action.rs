//! What happened: one variant for each audit event. Their names and fields are part of the log's format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::telemetry::sign_in_reasons::{LoginFailureCode, RefusalCode};

/// What happened. `event` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuditAction {
    /// A person signed in.
    Login {
        /// The Campaign groups that the association mask gives.
        groups: Vec<String>,
        /// The groups among them that Campaign does not have. Absent when Campaign's groups are not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groups_not_in_campaign: Option<Vec<String>>,
    },
    /// A person was refused at sign-in. With `sid`: a later check of the groups refused the person and ended this session.
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
    /// Campaign opened a new session for a signed-in person.
    CampaignSessionOpened {
        /// What happened to the previous Campaign session: one word.
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
        /// Why: one word.
        reason: String,
        /// Why: a sentence. It has no part of the token.
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
        /// How the operator acted.
        by: OperatorAccess,
        /// Sessions that ended.
        ended: usize,
    },
    /// An operator signed in at the admin page.
    AdminSignIn,
    /// A wrong admin token was sent.
    AdminRefused {
        /// Where it was sent.
        by: OperatorAccess,
    },
    /// Maintenance was turned on or off, or its time was over.
    Maintenance(SwitchDetails),
    /// An emergency was turned on or off, or its time was over.
    Emergency(SwitchDetails),
    /// An emergency account sent a logon to Campaign.
    EmergencyLogon {
        /// The login.
        login: String,
        /// Whether Campaign opened a session.
        signed_in: bool,
    },
    /// A session ended in another way than by a sign-out in its own browser.
    SessionEnded {
        /// Why, one word.
        reason: String,
    },
    /// A person signed out.
    Logout,
    /// A form was saved until its sender signs in.
    FormSaved(FormDetails),
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
        /// Its build number, as it reports it.
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
    /// A request held a Campaign session token of another session, or the login and password of a native account.
    ForeignToken(ForeignTokenDetails),
    /// A request did not meet a rule of the configuration.
    RuleRefused(RuleRefusedDetails),
    /// A native account sent a logon to Campaign.
    NativeLogon {
        /// The login.
        login: String,
        /// Whether Campaign opened a session.
        signed_in: bool,
    },
}

/// How an operator acts on the running gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperatorAccess {
    /// The admin page.
    AdminPage,
    /// A command of imsgate, or another program that calls the admin listener.
    Command,
}

/// What happened to a switch. The instance of the event is the one whose switch it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SwitchDetails {
    /// What happened.
    pub change: SwitchChange,
    /// How the operator acted. Absent when the time was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<OperatorAccess>,
    /// When it ends by itself (RFC 3339). Absent without such a time, and when it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What happened to a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwitchChange {
    /// An operator turned it on, or gave it another end.
    On,
    /// An operator turned it off.
    Off,
    /// Its time was over.
    Ended,
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

/// A configuration name that almost matches the mask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NearMissName {
    /// The name.
    pub name: String,
    /// The difference.
    pub why: String,
}

/// A form that was submitted after its session ended, without its body and its query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FormDetails {
    /// Where it was sent, without the query.
    pub path: String,
    /// Size of its body in bytes.
    pub bytes: usize,
}

/// A request with a foreign token, without the token and the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignTokenDetails {
    /// The login of the native account; empty for a session token.
    pub account: String,
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// False when it was forwarded (`campaign.foreign_tokens = "report"`).
    pub refused: bool,
}

/// A request that did not meet a `[[campaign.rule]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleRefusedDetails {
    /// The first path of the rule.
    pub rule: String,
    /// What the request does not meet.
    pub condition: RuleRefusal,
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// Refused requests since the last such event for this rule and condition, this one included. Only `groups` of a known person or
    /// technical account has an event for each refusal; otherwise there is at most one event in ten seconds.
    pub refused: u64,
}

/// What a request does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleRefusal {
    /// The caller has none of the groups.
    Groups,
    /// The client's address is in none of the networks.
    Networks,
    /// The client's address sends too many requests.
    Rate,
}

impl RuleRefusal {
    /// All conditions, in declaration order.
    pub const ALL: [Self; 3] = [Self::Groups, Self::Networks, Self::Rate];

    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Networks => "networks",
            Self::Rate => "rate",
        }
    }
}

impl AuditAction {
    /// The text of the log line.
    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::Login { .. } => "signed in",
            Self::Refusal(_) => "refused",
            Self::LoginFailed { .. } => "login failed",
            Self::GroupsChanged { .. } => "groups changed",
            Self::CampaignSessionOpened { .. } => "new Campaign session opened",
            Self::CrossOriginRefused { .. } => "refused: a page of another origin sent this request",
            Self::Account { .. } => "token of a technical account accepted",
            Self::AccountRefused { .. } => "technical account refused",
            Self::SignOutEverywhere { .. } => "signed out everywhere",
            Self::BackchannelLogout { .. } => "signed out at IMS",
            Self::Revoked { by: OperatorAccess::AdminPage, .. } => "revoked by an operator at the admin page",
            Self::Revoked { .. } => "revoked by an operator",
            Self::AdminSignIn => "an operator signed in at the admin page",
            Self::AdminRefused { .. } => "refused: a wrong admin token",
            Self::Maintenance(SwitchDetails { change: SwitchChange::On, .. }) => "maintenance is on",
            Self::Maintenance(_) => "maintenance is off",
            Self::Emergency(SwitchDetails { change: SwitchChange::On, .. }) => "emergency is on",
            Self::Emergency(_) => "emergency is off",
            Self::EmergencyLogon { .. } => "logon of an emergency account",
            Self::SessionEnded { .. } => "session ended",
            Self::Logout => "signed out",
            Self::FormSaved(_) => "form saved until its sender signs in",
            Self::FormSent(_) => "saved form sent to Campaign",
            Self::FormDiscarded(_) => "saved form discarded by its sender",
            Self::FormDropped(_) => "saved form deleted: another person signed in",
            Self::ConsolePasswordMade => "console password made",
            Self::ConsolePasswordWithdrawn => "console password withdrawn, and consoles signed out",
            Self::ConsoleLogon { .. } => "client console signed in",
            Self::ConsoleLogonRefused { .. } => "client console refused",
            Self::ForeignToken(_) => "session token of another session, or login of a native account",
            Self::RuleRefused(_) => "refused: a rule of the configuration is not met",
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
                | Self::RuleRefused(_)
                | Self::AdminRefused { .. }
                | Self::Emergency(SwitchDetails { change: SwitchChange::On, .. })
                | Self::EmergencyLogon { .. }
        )
    }
}
