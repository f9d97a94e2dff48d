//! An audit event in words: why it happened, and what to do.

use super::{AuditAction, AuditEvent, RefusalDetails, SwitchChange, SwitchDetails};
use crate::telemetry::sign_in_reasons::{LoginFailureCode, RefusalCode};

/// Why something happened, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// A sentence or a few words; may be empty.
    pub what: String,
    /// What to do; empty when nothing is to be done.
    pub fix: String,
}

impl AuditEvent {
    /// The event in words.
    pub fn explain(&self) -> Explanation {
        let only = |what: String| Explanation { what, fix: String::new() };
        match &self.action {
            AuditAction::Login { groups, groups_not_in_campaign } => Explanation {
                what: format!("groups: {}", groups.join(", ")),
                fix: missing(groups_not_in_campaign.as_deref().unwrap_or_default()),
            },
            AuditAction::Refusal(details) => {
                refusal(details, self.subject.organization.as_deref().unwrap_or_default())
            }
            AuditAction::LoginFailed { code, reason } => {
                Explanation { what: reason.clone(), fix: code.fix().to_owned() }
            }
            AuditAction::GroupsChanged { before, groups } => {
                only(format!("from {} to {}", before.join(", "), groups.join(", ")))
            }
            AuditAction::CampaignSessionOpened { reason } | AuditAction::SessionEnded { reason } => {
                only(reason.replace('_', " "))
            }
            AuditAction::CrossOriginRefused { origin, method, path, .. } => Explanation {
                what: format!("{method} {path} from a page of {origin}"),
                fix: "If that page is yours, list its origin in campaign.cors_origins.".to_owned(),
            },
            AuditAction::Account { groups } => only(format!("groups: {}", groups.join(", "))),
            AuditAction::AccountRefused { path, detail, .. } => Explanation {
                what: if path.is_empty() { detail.clone() } else { format!("{path}: {detail}") },
                fix: "Compare the token with [[campaign.technical_account]]: docs/technical-accounts.md."
                    .to_owned(),
            },
            AuditAction::SignOutEverywhere { ended }
            | AuditAction::BackchannelLogout { ended, .. }
            | AuditAction::Revoked { ended, .. } => only(format!("sessions ended: {ended}")),
            AuditAction::FormSaved(form)
            | AuditAction::FormSent(form)
            | AuditAction::FormDiscarded(form)
            | AuditAction::FormDropped(form) => only(format!("{}, {} bytes", form.path, form.bytes)),
            AuditAction::ConsoleLogon { build } => {
                only(build.map(|build| format!("build {build}")).unwrap_or_default())
            }
            AuditAction::ConsoleLogonRefused { login, reason } => Explanation {
                what: format!("{login}: {reason}"),
                fix: "The person makes a new console password at /ims/me.".to_owned(),
            },
            AuditAction::ForeignToken(found) => Explanation {
                what: format!("{} {}", found.method, found.path),
                fix: "See docs/campaign.md about session tokens, and imsgate check.".to_owned(),
            },
            AuditAction::RuleRefused(refused) => Explanation {
                what: format!(
                    "{} {} does not meet `{}` of the [[campaign.rule]] about {}",
                    refused.method,
                    refused.path,
                    refused.condition.name(),
                    refused.rule
                ),
                fix: "If the request should pass, change that rule, or the groups of the person: docs/rules.md.".to_owned(),
            },
            AuditAction::NativeLogon { login, signed_in }
            | AuditAction::EmergencyLogon { login, signed_in } => {
                only(format!("{login}: {}", if *signed_in { "signed in" } else { "refused by Campaign" }))
            }
            AuditAction::AdminRefused { .. } => Explanation {
                what: String::new(),
                fix: "Compare the token with listen.admin_token. Many such events may mean that somebody is guessing the token."
                    .to_owned(),
            },
            AuditAction::Maintenance(details) | AuditAction::Emergency(details) => only(details.explain()),
            AuditAction::Logout
            | AuditAction::AdminSignIn
            | AuditAction::ConsolePasswordMade
            | AuditAction::ConsolePasswordWithdrawn => Explanation::default(),
        }
    }
}

impl SwitchDetails {
    fn explain(&self) -> String {
        match (self.change, &self.until) {
            (SwitchChange::On, Some(until)) => format!("until {until}"),
            (SwitchChange::On, None) => "until an operator turns it off".to_owned(),
            (SwitchChange::Off, _) => "an operator turned it off".to_owned(),
            (SwitchChange::Ended, _) => "its time was over".to_owned(),
        }
    }
}

fn missing(groups: &[String]) -> String {
    if groups.is_empty() {
        return String::new();
    }
    format!("Campaign does not have: {}. Create these operator groups there.", groups.join(", "))
}

fn refusal(details: &RefusalDetails, organization: &str) -> Explanation {
    let (what, fix) = match details.reason {
        RefusalCode::OtherOrganization => (
            format!(
                "not a member of {organization}; IMS named these organisations: {}",
                list(&details.organizations_seen)
            ),
            "Add the person to the organisation in the Adobe Admin Console, or correct ims.organization_id.",
        ),
        RefusalCode::NoGroup if details.near_misses.is_empty() => (
            format!("no configuration name matches the association mask: {}", list(&details.seen)),
            "In the Adobe Admin Console, add the person to a group whose name matches ims.association_mask.",
        ),
        RefusalCode::NoGroup => (
            format!("no configuration name matches the association mask: {}", list(&details.seen)),
            "A name nearly matches. Rename the group in the Adobe Admin Console, or correct ims.association_mask.",
        ),
        RefusalCode::TooManyGroups => (
            format!(
                "{} groups take {} bytes; campaign.groups_bytes allows {}",
                details.group_count.unwrap_or_default(),
                details.groups_bytes.unwrap_or_default(),
                details.groups_bytes_limit.unwrap_or_default()
            ),
            "Remove the person from groups, or raise campaign.groups_bytes as far as Campaign's web server allows.",
        ),
    };
    Explanation { what, fix: fix.to_owned() }
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

impl LoginFailureCode {
    /// What to do. docs/logs.md says the same.
    fn fix(self) -> &'static str {
        match self {
            Self::Declined => {
                "Nothing, if the person cancelled. Otherwise `reason` has the error code of IMS."
            }
            Self::CookieMissing => "The person must allow cookies for this host.",
            Self::TooManyAttempts => {
                "The person closes old tabs and tries again. If it happens again, compare the clocks, and check that nothing caches `/ims/callback`."
            }
            Self::Malformed => "Nothing, for single lines: anybody can call `/ims/callback`.",
            Self::ImsAnswerInvalid => {
                "`imsgate check` compares client, secret, scopes and redirect URI with IMS."
            }
            Self::ImsAnswerRefused => "`imsgate check` compares issuer and keys with IMS.",
            Self::Clock => "Set the clock of this machine (NTP).",
            Self::ImsUnavailable => "See the state of Adobe IMS and the network to `ims.server`.",
            Self::ImsBusy => "IMS limits the requests of this client. Wait.",
            Self::CampaignRefused => "See `reason`: the operator in Campaign, its groups, its security zone.",
            Self::CampaignUnavailable => "See whether Campaign runs and `campaign.upstream` is right.",
            Self::Internal => "See the messages with the same request id.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_logs_says_the_same_to_do_for_each_code() {
        let page = include_str!("../../../docs/logs.md");
        for code in LoginFailureCode::ALL {
            assert!(page.contains(&format!("| {} |", code.fix())), "{code:?}");
        }
    }
}
