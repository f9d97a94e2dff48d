//! `imsgate check --path`: what the gateway does with a path, and by which rule. It asks the functions that the gateway itself uses.

use serde::Serialize;

use crate::cli::output::visible;
use crate::policy::path::CanonicalPath;
use crate::policy::public::{PathRule, PublicPaths};

/// What happens to a request without a session.
#[derive(Debug, Serialize)]
pub(super) struct Decision {
    /// The path as it is decided on and sent to Campaign.
    path: String,
    access: Access,
    /// The rule that decides.
    rule: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Access {
    /// Everybody gets it.
    Public,
    /// Nobody gets it.
    Closed,
    /// People who are signed in get it.
    SignedIn,
    /// The gateway answers it itself.
    Gateway,
    /// Refused with status 400.
    Refused,
}

impl Decision {
    /// The decision about an address: a path, with or without a query, or a whole URL.
    pub(super) fn of(address: &str, public: &PublicPaths) -> Self {
        let path = without_origin(address);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let canonical = match CanonicalPath::parse(&path) {
            Ok(canonical) => canonical,
            Err(error) => {
                return Self { rule: format!("{error}: status 400"), access: Access::Refused, path };
            }
        };
        let text = canonical.as_str();
        let (access, rule) = if text == "/ims" || text.starts_with("/ims/") {
            (Access::Gateway, "addresses below /ims/ belong to the gateway".to_owned())
        } else {
            explained(&public.explain(text))
        };
        Self { path: text.to_owned(), access, rule }
    }

    /// One line for the decision, one for the rule.
    pub(super) fn text(&self) -> String {
        let access = match self.access {
            Access::Public => "public: everybody gets it without a sign-in",
            Access::Closed => "closed: nobody gets it, signed in or not",
            Access::SignedIn => "signed-in: people sign in first",
            Access::Gateway => "gateway: it never reaches Campaign",
            Access::Refused => "refused: two programs could read it differently",
        };
        format!("{}  {access}\n    rule: {}\n", visible(&self.path), visible(&self.rule))
    }

    /// As JSON with a final line break.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn explained(rule: &PathRule<'_>) -> (Access, String) {
    let reads = |pattern: &str, reading: &str| {
        format!(
            "`{pattern}` of campaign.public_paths matches, but some program may read `{reading}`, which no pattern matches"
        )
    };
    match rule {
        PathRule::Denied(reading) => (
            Access::Closed,
            format!("*ooconv.jsp* and /res/*.jsp* are always denied, and some program may read `{reading}`"),
        ),
        PathRule::Public(pattern) => {
            (Access::Public, format!("`{pattern}` of campaign.public_paths matches"))
        }
        PathRule::NoPattern => (Access::SignedIn, "no pattern of campaign.public_paths matches".to_owned()),
        PathRule::Reading(pattern, reading) => (Access::SignedIn, reads(pattern, reading)),
        PathRule::Ambiguous(pattern) => (
            Access::SignedIn,
            format!(
                "`{pattern}` of campaign.public_paths matches, but the path has parameters or is encoded twice"
            ),
        ),
        PathRule::TooManyReadings(pattern) => (
            Access::SignedIn,
            format!(
                "`{pattern}` of campaign.public_paths matches, but programs may read the path in too many ways"
            ),
        ),
    }
}

/// A whole URL loses its origin.
fn without_origin(address: &str) -> &str {
    let Some((_, rest)) = address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return address;
    };
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_or_an_origin_does_not_change_the_decision() {
        let public = PublicPaths::default_campaign();
        for address in ["/nl/jsp/m.jsp?id=1", "nl/jsp/m.jsp", "https://campaign.example.com/nl/jsp/m.jsp?x#y"]
        {
            let decision = Decision::of(address, &public);
            assert_eq!((decision.access, &*decision.path), (Access::Public, "/nl/jsp/m.jsp"), "{address}");
            assert!(decision.text().contains("rule: `/nl/jsp/m.jsp` of campaign.public_paths"));
        }
        for (address, access) in [
            ("/ims/me", Access::Gateway),
            ("/view/home", Access::SignedIn),
            ("/res/a.jsp", Access::Closed),
            ("/r/../x", Access::Refused),
            ("/r/x;y", Access::SignedIn),
            ("//r//x", Access::Public),
        ] {
            assert_eq!(Decision::of(address, &public).access, access, "{address}");
        }
        assert!(Decision::of("/view/home", &public).json().contains("\"access\": \"signed-in\""));
    }
}
