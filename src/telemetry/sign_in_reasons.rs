//! Why a sign-in is refused or fails. The audit trail has these codes, and the metrics have them as the label `reason`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// What failed in a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginFailureCode {
    /// IMS declined.
    Declined,
    /// The browser did not send a cookie of the gateway back.
    CookieMissing,
    /// The gateway started the login again too often.
    TooManyAttempts,
    /// The callback is malformed.
    Malformed,
    /// The response of IMS cannot be used.
    ImsAnswerInvalid,
    /// The response of IMS is readable, and failed a check.
    ImsAnswerRefused,
    /// The clocks of IMS and of this machine differ too much.
    Clock,
    /// IMS does not answer.
    ImsUnavailable,
    /// Too many logins wait for IMS.
    ImsBusy,
    /// Campaign opened no session for the person.
    CampaignRefused,
    /// Campaign does not answer.
    CampaignUnavailable,
    /// The gateway's own fault.
    Internal,
}

impl RefusalCode {
    /// All codes, in declaration order.
    pub const ALL: [Self; 3] = [Self::OtherOrganization, Self::NoGroup, Self::TooManyGroups];

    /// The code, as in the audit trail.
    pub fn code(self) -> &'static str {
        match self {
            Self::OtherOrganization => "other_organization",
            Self::NoGroup => "no_group",
            Self::TooManyGroups => "too_many_groups",
        }
    }
}

impl LoginFailureCode {
    /// All codes, in declaration order.
    pub const ALL: [Self; 12] = [
        Self::Declined,
        Self::CookieMissing,
        Self::TooManyAttempts,
        Self::Malformed,
        Self::ImsAnswerInvalid,
        Self::ImsAnswerRefused,
        Self::Clock,
        Self::ImsUnavailable,
        Self::ImsBusy,
        Self::CampaignRefused,
        Self::CampaignUnavailable,
        Self::Internal,
    ];

    /// The code, as in the audit trail.
    pub fn code(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::CookieMissing => "cookie_missing",
            Self::TooManyAttempts => "too_many_attempts",
            Self::Malformed => "malformed",
            Self::ImsAnswerInvalid => "ims_answer_invalid",
            Self::ImsAnswerRefused => "ims_answer_refused",
            Self::Clock => "clock",
            Self::ImsUnavailable => "ims_unavailable",
            Self::ImsBusy => "ims_busy",
            Self::CampaignRefused => "campaign_refused",
            Self::CampaignUnavailable => "campaign_unavailable",
            Self::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_audit_trail_have_the_same_codes_in_declaration_order() {
        for (index, code) in RefusalCode::ALL.into_iter().enumerate() {
            assert_eq!((code as usize, serde_json::json!(code)), (index, code.code().into()));
        }
        for (index, code) in LoginFailureCode::ALL.into_iter().enumerate() {
            assert_eq!((code as usize, serde_json::json!(code)), (index, code.code().into()));
        }
    }
}
