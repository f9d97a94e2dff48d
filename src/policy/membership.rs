//! The organisations, groups and product profiles of a person, as IMS reports them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The membership of a person, as IMS reports it. A part is `None` when its scope is not requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Membership {
    /// The organisations the person belongs to.
    pub organizations: Option<Vec<Organization>>,
    /// The product profiles the person holds.
    pub products: Option<Vec<ProductProfile>>,
}

/// An organisation that a person belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// `ident@authSrc`.
    pub id: String,
    /// `orgName`; may be empty.
    pub name: String,
    /// The names of each group: `groupName` and `groupDisplayName`.
    pub groups: Vec<Vec<String>>,
}

/// A product profile that a person holds (`prodCtx`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProductProfile {
    /// `owningEntity`: the organisation's ID.
    pub owner: Option<String>,
    /// `serviceCode`.
    pub service_code: Option<String>,
    /// `statusCode`.
    pub status: Option<String>,
    /// The names of the profile: `user_visible_name` and `label`.
    pub names: Vec<String>,
}

impl Membership {
    /// The membership for the record of a session; `None` when it is too long.
    pub fn for_record(self) -> Option<Arc<Self>> {
        (self.bytes() <= MAX_RECORDED).then(|| Arc::new(self))
    }

    /// The approximate length as JSON.
    fn bytes(&self) -> usize {
        let of_list = |names: &Vec<String>| names.iter().map(|name| name.len() + PUNCTUATION).sum::<usize>();
        let organizations = self.organizations.iter().flatten().map(|organization| {
            let groups = organization.groups.iter().map(of_list).sum::<usize>();
            FIELDS + organization.id.len() + organization.name.len() + groups
        });
        let products = self.products.iter().flatten().map(|profile| {
            let texts = [&profile.owner, &profile.service_code, &profile.status];
            FIELDS + texts.into_iter().flatten().map(String::len).sum::<usize>() + of_list(&profile.names)
        });
        organizations.chain(products).sum()
    }
}

/// Names of fields and punctuation of an object.
const FIELDS: usize = 60;
/// Quotes, comma and brackets around a name.
const PUNCTUATION: usize = 5;
/// Longest membership in a record: some 500 groups. Every change of a session writes it again.
const MAX_RECORDED: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusually_long_membership_is_not_recorded() {
        let with = |count: usize| {
            let groups = vec![vec!["Campaign - acme - delivery".to_owned(); 2]; count];
            let organization = Organization { id: "x@AdobeOrg".to_owned(), name: String::new(), groups };
            Membership { organizations: Some(vec![organization]), products: None }
        };
        let recorded = with(400).for_record().unwrap();
        let text = serde_json::to_string(&*recorded).unwrap();
        assert!(text.len() <= MAX_RECORDED, "{}", text.len());
        assert_eq!(serde_json::from_str::<Membership>(&text).unwrap(), *recorded);
        assert_eq!(with(1000).for_record(), None);
        assert_eq!(serde_json::from_str::<Membership>("{}").unwrap(), Membership::default());
    }
}
