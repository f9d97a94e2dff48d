//! `imsgate reload --dry-run`: which signed-in people would lose access under a configuration, and whose groups would change. It decides
//! like a group recheck, with the membership that IMS last reported for each person. It changes nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::output::{Paint, visible};
use crate::config::Config;
use crate::policy::access::RefusalReason;
use crate::policy::membership::Membership;
use crate::policy::request_rules::RequestRule;

/// What would happen to a session under the configuration, in the order of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum Outcome {
    /// The next group recheck would end it.
    LosesAccess { reason: String },
    /// It would get other groups.
    GroupsChange { before: Vec<String>, after: Vec<String> },
    /// Nothing changes.
    Stays,
    /// Its record has no membership: an older version wrote it, or IMS reported too many groups.
    Unknown,
}

/// The sessions of one person at one instance with the same outcome.
#[derive(Debug, Serialize)]
struct CheckedPerson {
    user: String,
    email: Option<String>,
    instance: String,
    sessions: usize,
    /// The first path of each `[[campaign.rule]]` that keeps the person out, by the groups under this configuration.
    kept_from: Vec<String>,
    #[serde(flatten)]
    outcome: Outcome,
}

/// All people who are signed in.
pub(super) struct Preview {
    people: Vec<CheckedPerson>,
}

impl Preview {
    /// Decides about the sessions that an admin listener lists.
    pub(super) fn of(config: &Config, sessions: &[Value]) -> Self {
        let mut people = BTreeMap::<_, CheckedPerson>::new();
        for session in sessions {
            let text = |name: &str| session[name].as_str().unwrap_or_default().to_owned();
            let (user, instance, outcome) = (text("user"), text("instance"), outcome(config, session));
            let key = (outcome.clone(), instance.clone(), user.clone());
            let email = session["email"].as_str().map(str::to_owned);
            let kept_from = kept_from(config, &instance, groups_after(session, &outcome).as_deref());
            let person = CheckedPerson { user, email, instance, sessions: 0, kept_from, outcome };
            let person = people.entry(key).or_insert(person);
            person.sessions += 1;
        }
        Self { people: people.into_values().collect() }
    }

    /// True when somebody would lose access or get other groups.
    pub(super) fn has_changes(&self) -> bool {
        let changes =
            |outcome: &Outcome| matches!(outcome, Outcome::LosesAccess { .. } | Outcome::GroupsChange { .. });
        self.people.iter().any(|person| changes(&person.outcome))
    }

    /// One line for each affected person, and the number of unaffected sessions.
    pub(super) fn text(&self, file: &str, paint: Paint) -> String {
        let sessions: usize = self.people.iter().map(|person| person.sessions).sum();
        let s = if sessions == 1 { "" } else { "s" };
        let mut text = format!("{sessions} live session{s}; nothing was changed. With {file}:\n");
        let (mut stay, mut unknown) = (0, 0);
        for person in &self.people {
            let who = visible(person.email.as_deref().unwrap_or(&person.user));
            let at =
                if person.instance.is_empty() { String::new() } else { format!(" at {}", person.instance) };
            let groups =
                |groups: &[String]| groups.iter().map(|group| visible(group)).collect::<Vec<_>>().join(", ");
            let what = match &person.outcome {
                Outcome::LosesAccess { reason } => format!("{}: {reason}", paint.red("loses access")),
                Outcome::GroupsChange { before, after } => {
                    format!("{}: {} → {}", paint.yellow("groups change"), groups(before), groups(after))
                }
                Outcome::Stays => {
                    stay += person.sessions;
                    String::new()
                }
                Outcome::Unknown => {
                    unknown += person.sessions;
                    String::new()
                }
            };
            let rules: Vec<String> = person.kept_from.iter().map(|path| visible(path)).collect();
            let kept = if rules.is_empty() {
                String::new()
            } else {
                format!("no group for the rules about {}", rules.join(", "))
            };
            let what =
                [what, kept].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
            if what.is_empty() {
                continue;
            }
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {who}{at}  {what}  (sessions: {})", person.sessions);
        }
        let _ = writeln!(text, "  sessions that stay as they are: {stay}");
        if unknown > 0 {
            let _ =
                writeln!(text, "  not known before IMS is asked again (session.recheck_groups): {unknown}");
        }
        text
    }

    /// As JSON with a final line break.
    pub(super) fn json(&self) -> String {
        format!("{:#}\n", json!({ "people": self.people }))
    }
}

fn outcome(config: &Config, session: &Value) -> Outcome {
    let named = session["instance"].as_str().unwrap_or_default();
    let Some(instance) = config.instances.iter().find(|instance| instance.name == named) else {
        return Outcome::LosesAccess {
            reason: format!("the configuration has no instance `{}`", visible(named)),
        };
    };
    let Ok(Some(membership)) = serde_json::from_value::<Option<Membership>>(session["membership"].clone())
    else {
        return Outcome::Unknown;
    };
    let before: Vec<String> = serde_json::from_value(session["groups"].clone()).unwrap_or_default();
    match instance.access_policy().decide(&membership) {
        Ok(granted) if granted.groups == before => Outcome::Stays,
        Ok(granted) => Outcome::GroupsChange { before, after: granted.groups },
        Err(refusal) => {
            let reason = match refusal.reason {
                RefusalReason::OtherOrganization => {
                    format!("IMS names no membership in {}", instance.ims.organization_id)
                }
                RefusalReason::NoGroup => {
                    let near = refusal.near_misses.first();
                    let near = near.map_or_else(String::new, |near| {
                        format!(" (near: `{}`: {})", visible(&near.name), near.why)
                    });
                    format!("no configuration name matches the association mask{near}")
                }
                RefusalReason::TooManyGroups(too_many) => format!(
                    "{} groups need {} bytes, more than campaign.groups_bytes ({})",
                    too_many.count, too_many.bytes, too_many.limit
                ),
            };
            Outcome::LosesAccess { reason }
        }
    }
}

/// The groups of a person under the configuration; none of somebody who loses access.
fn groups_after(session: &Value, outcome: &Outcome) -> Option<Vec<String>> {
    match outcome {
        Outcome::LosesAccess { .. } => None,
        Outcome::GroupsChange { after, .. } => Some(after.clone()),
        Outcome::Stays | Outcome::Unknown => serde_json::from_value(session["groups"].clone()).ok(),
    }
}

/// The rules that these groups do not meet.
fn kept_from(config: &Config, instance: &str, groups: Option<&[String]>) -> Vec<String> {
    let instance = config.instances.iter().find(|known| known.name == instance);
    let (Some(instance), Some(groups)) = (instance, groups) else { return Vec::new() };
    let lacks = |rule: &&RequestRule| !rule.has_group_of(groups);
    instance.campaign.request_rules.iter().filter(lacks).map(|rule| rule.name().to_owned()).collect()
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests {
    use super::*;
    use crate::config;

    fn configured(mask: &str) -> Config {
        let reference = include_str!("../../config/imsgate.toml");
        let text = reference.replace("Campaign - acme - (.*)", mask);
        assert!(text.contains(mask), "{mask}");
        config::from_text("imsgate.toml", &text, []).expect("the reference file is right").config
    }

    fn session(user: &str, names: Option<&[&str]>, groups: &[&str]) -> Value {
        let organization = |names: &[&str]| {
            let groups: Vec<Value> = names.iter().map(|name| json!([name])).collect();
            json!({"organizations": [{"id": "0123456789ABCDEF01234567@AdobeOrg", "name": "Acme", "groups": groups}]})
        };
        json!({"user": user, "email": format!("{user}@example.com"), "groups": groups, "membership": names.map(organization)})
    }

    #[test]
    fn people_are_told_apart_by_what_would_happen_to_them() {
        let sessions = [
            session("stays", Some(&["Campaign - acme - delivery"]), &["delivery"]),
            session("loses", Some(&["Campaign - acme - report"]), &["report"]),
            session("loses", Some(&["Campaign - acme - report"]), &["report"]),
            session(
                "changes",
                Some(&["Campaign - acme - delivery", "Campaign - acme - report"]),
                &["delivery", "report"],
            ),
            session("unknown", None, &["delivery"]),
        ];
        let same = Preview::of(&configured("Campaign - acme - (.*)"), &sessions);
        assert!(!same.has_changes());
        let other = Preview::of(&configured("Campaign - acme - (deliver.*)"), &sessions);
        assert!(other.has_changes());
        let text = other.text("new.toml", Paint::none());
        for part in [
            "5 live sessions; nothing was changed. With new.toml:\n",
            "  loses@example.com  loses access: no configuration name matches the association mask",
            "(sessions: 2)\n",
            "  changes@example.com  groups change: delivery, report → delivery  (sessions: 1)\n",
            "  sessions that stay as they are: 1\n",
            "  not known before IMS is asked again (session.recheck_groups): 1\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let json: Value = serde_json::from_str(&other.json()).unwrap();
        assert_eq!(json["people"][0]["outcome"], "loses-access");
        assert_eq!(json["people"][1]["after"], json!(["delivery"]));
    }

    #[test]
    fn rules_that_keep_a_person_out_are_named() {
        let reference = include_str!("../../config/imsgate.toml");
        let rules = "[[campaign.rule]]\npaths = [\"/report/*\", \"/x\"]\ngroups = [\"report\"]\n\
                     [[campaign.rule]]\npaths = [\"*\"]\ngroups = [\"delivery\"]\n\
                     [[campaign.rule]]\npaths = [\"*\"]\nrate = \"20/minute\"\n[listen]\n";
        let text = reference.replace("\n[listen]\n", &format!("\n{rules}"));
        let config = config::from_text("imsgate.toml", &text, []).unwrap().config;
        let sessions = [session("alice", Some(&["Campaign - acme - delivery"]), &["delivery"])];
        let preview = Preview::of(&config, &sessions);
        assert!(!preview.has_changes(), "a rule alone is no change of access or groups");
        let text = preview.text("new.toml", Paint::none());
        assert!(
            text.contains("  alice@example.com  no group for the rules about /report/*  (sessions: 1)\n"),
            "{text}"
        );
        assert!(text.contains("sessions that stay as they are: 1\n"), "{text}");
    }
}
