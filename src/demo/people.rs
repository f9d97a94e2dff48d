//! The people of the demo: one for each outcome of a sign-in.
//!
//! Their organisations and product profiles differ in format on purpose, as in IMS. `ident` is a number or a string, `groups` may
//! be absent, and the display name is in `groupName` or in `groupDisplayName`.

use serde_json::{Value, json};

/// A person with an Adobe ID.
#[derive(Clone, Debug)]
pub struct Person {
    /// The name for the sign-in form. The form also accepts the e-mail address.
    pub username: String,
    /// IMS user id, `<hex>@<hex>.e`.
    pub sub: String,
    /// E-mail address.
    pub email: String,
    /// Full name, given name first.
    pub name: String,
    /// The expected result of a sign-in, in one line.
    pub outcome: &'static str,
    /// The response of `/ims/organizations/v6`.
    pub organizations: Value,
    /// `projectedProductContext` in the response of `/ims/profile/v1`.
    pub product_contexts: Value,
}

/// alice, bob, carol, dave and erin, for the mask `Campaign - <tenant> - (.*)` and the organisation
/// `<ident>@<authSrc>`.
pub fn people(organization_id: &str, tenant: &str) -> Vec<Person> {
    let mask = |group: &str| format!("Campaign - {tenant} - {group}");
    vec![
        Person {
            outcome: "signs in: groups delivery and workflow",
            organizations: json!([organization(
                "Acme",
                organization_id,
                json!([
                    group_in_both(&mask("delivery"), json!(4711)),
                    { "groupName": mask("workflow"), "role": "GRP_ADMIN", "ident": "4712", "groupType": "USER" },
                    { "groupName": "Analytics users", "role": "TEAM_MEMBER", "ident": 4713, "groupType": "LICENSE",
                      "groupDisplayName": "Analytics users" },
                ])
            )]),
            product_contexts: json!([
                product(organization_id, "Analytics - all users", "dma_analytics"),
                // All fields are optional.
                { "prodCtx": { "serviceCode": "dma_campaign_classic" } },
            ]),
            ..person("alice", "Alice Martin", 1)
        },
        Person {
            outcome: "refused: group names nearly match (case, spaces, tenant, dash)",
            organizations: json!([organization(
                "Acme",
                organization_id,
                json!([
                    group_in_both(&mask("delivery").to_lowercase(), json!(4721)),
                    group_in_both(&format!("Campaign -  {tenant} - delivery"), json!("4722")),
                    group_in_both(&format!("Campaign - {tenant}-emea - delivery"), json!(4723)),
                    group_in_both(&format!("Campaign \u{2013} {tenant} \u{2013} delivery"), json!(4724)),
                ])
            )]),
            product_contexts: json!([product(organization_id, "campaign standard", "dma_campaign_classic")]),
            ..person("bob", "Bob Keller", 2)
        },
        Person {
            outcome: "refused: belongs only to another organisation",
            organizations: json!([organization(
                "Globex",
                FOREIGN_ORGANIZATION_ID,
                json!([group_in_both(&mask("delivery"), json!(4731)),])
            )]),
            product_contexts: json!([product(
                FOREIGN_ORGANIZATION_ID,
                &mask("report"),
                "dma_campaign_classic"
            )]),
            ..person("carol", "Carol Ng", 3)
        },
        Person {
            outcome: "signs in: group content; a group of another organisation is ignored",
            organizations: json!([
                organization(
                    "Globex",
                    FOREIGN_ORGANIZATION_ID,
                    json!([group_in_both(&mask("admin"), json!(4741))])
                ),
                organization(
                    "Acme",
                    organization_id,
                    json!([
                        { "groupName": "acme_4742", "role": "TEAM_MEMBER", "ident": "4742", "groupType": "USER",
                          "groupDisplayName": mask("content") },
                    ])
                ),
            ]),
            product_contexts: json!([product(
                FOREIGN_ORGANIZATION_ID,
                &mask("workflowSupervisor"),
                "dma_campaign_classic"
            ),]),
            ..person("dave", "Dave O\u{2019}Neill", 4)
        },
        Person {
            outcome: "signs in: group report, from a product profile alone",
            organizations: json!([without_groups(organization_id)]),
            product_contexts: json!([product(organization_id, &mask("report"), "dma_campaign_classic")]),
            ..person("erin", "Erin \u{0141}uczak", 5)
        },
    ]
}

/// An organisation other than the demo's.
pub const FOREIGN_ORGANIZATION_ID: &str = "9B8C7D6E5F4A3B2C1D0E9F8A@AdobeOrg";

fn person(username: &str, name: &str, number: u32) -> Person {
    Person {
        username: username.to_owned(),
        sub: format!("7E5A01C2{number:02X}D4F6B80A49{number:04X}@6F1B02A9{number:02X}495CC1.e"),
        email: format!("{username}@example.com"),
        name: name.to_owned(),
        outcome: "",
        organizations: json!([]),
        product_contexts: json!([]),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "reads as one literal at the call")]
fn organization(name: &str, id: &str, groups: Value) -> Value {
    let (ident, auth_src) = id.split_once('@').unwrap_or((id, "AdobeOrg"));
    json!({ "orgName": name, "orgRef": { "ident": ident, "authSrc": auth_src }, "orgType": "Enterprise", "groups": groups })
}

fn without_groups(id: &str) -> Value {
    let mut organization = organization("Acme", id, Value::Null);
    if let Some(fields) = organization.as_object_mut() {
        fields.remove("groups");
    }
    organization
}

#[expect(clippy::needless_pass_by_value, reason = "reads as one literal at the call")]
fn group_in_both(name: &str, ident: Value) -> Value {
    json!({ "groupName": name, "role": "TEAM_MEMBER", "ident": ident, "groupType": "USER", "groupDisplayName": name })
}

fn product(owner: &str, name: &str, service: &str) -> Value {
    json!({ "prodCtx": { "owningEntity": owner, "groupid": "348994793", "user_visible_name": name, "serviceCode": service,
        "label": name, "statusCode": "ACTIVE" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_groups_match_the_mask_and_no_others() {
        let mask = regex::Regex::new("^Campaign - acme - (.*)$").unwrap();
        let own = "4E3D60F754C8E5D0A4C98A21@AdobeOrg";
        let groups: Vec<(String, Vec<String>)> = people(own, "acme")
            .into_iter()
            .map(|person| {
                let mut names = Vec::new();
                for organization in person.organizations.as_array().unwrap() {
                    let reference = &organization["orgRef"];
                    if reference["ident"].as_str() != own.split('@').next() {
                        continue;
                    }
                    for group in organization["groups"].as_array().into_iter().flatten() {
                        names.extend(group["groupName"].as_str().map(str::to_owned));
                        names.extend(group["groupDisplayName"].as_str().map(str::to_owned));
                    }
                }
                for context in person.product_contexts.as_array().unwrap() {
                    if context["prodCtx"]["owningEntity"] == own {
                        names.extend(context["prodCtx"]["user_visible_name"].as_str().map(str::to_owned));
                    }
                }
                let mut taken: Vec<String> =
                    names.iter().filter_map(|name| Some(mask.captures(name)?[1].to_owned())).collect();
                taken.dedup();
                (person.username, taken)
            })
            .collect();
        let expected = [
            ("alice", vec!["delivery", "workflow"]),
            ("bob", vec![]),
            ("carol", vec![]),
            ("dave", vec!["content"]),
            ("erin", vec!["report"]),
        ];
        for ((name, taken), (expected_name, expected_groups)) in groups.iter().zip(expected) {
            assert_eq!(name, expected_name);
            assert_eq!(taken, &expected_groups, "{name}");
        }
    }
}
