//! Decides who may sign in, and with which Campaign groups.
//!
//! Configuration names are the names of groups and product profiles of the configured organisation. The mask derives the Campaign
//! groups from them. Only the organisation with the configured ID counts, at any position in the list.

use super::identity::bytes_of_groups;
use super::mask::{Mask, MaskResult};
use super::membership::{Membership, Organization, ProductProfile};

/// The rules of one Campaign instance.
#[derive(Clone, Copy, Debug)]
pub struct AccessPolicy<'a> {
    /// ID of the organisation whose groups and product profiles count.
    pub organization_id: &'a str,
    /// The association mask.
    pub mask: &'a Mask,
    /// When set, only product profiles with this `serviceCode` count.
    pub product_context: Option<&'a str>,
    /// Most bytes that a person's groups may take in the head of a request, see `bytes_of_groups`.
    pub groups_bytes: usize,
}

/// The result for a person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Name of the configured organisation, if IMS sends one.
    pub organization_name: Option<String>,
    /// The Campaign groups: at least one, without duplicates, in order of first appearance.
    pub groups: Vec<String>,
}

/// The result for a person who may not sign in. The person sees only the reason; the rest is for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: RefusalReason,
    /// Configuration names of the configured organisation that were compared with the mask; at most [`LISTED`].
    pub seen: Vec<String>,
    /// The configuration names that nearly match; at most [`LISTED`].
    pub near_misses: Vec<NearMiss>,
    /// IDs of the person's organisations; at most [`LISTED`].
    pub organizations_seen: Vec<String>,
}

/// Why a person may not sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// The person is not a member of the configured organisation.
    OtherOrganization,
    /// The person is a member, but no configuration name matches the mask.
    NoGroup,
    /// The groups do not fit into a request head: Campaign would refuse every request.
    TooManyGroups(TooManyGroups),
}

/// Groups that do not fit into the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyGroups {
    /// How many groups the person has.
    pub count: usize,
    /// Size of the groups in bytes.
    pub bytes: usize,
    /// Largest allowed size in bytes.
    pub limit: usize,
}

/// A configuration name that was probably meant to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    pub name: String,
    /// The difference and its position.
    pub why: String,
}

impl AccessPolicy<'_> {
    /// Decides whether a person may sign in.
    ///
    /// # Errors
    /// `Refusal` when the person is not a member of the organisation, has no group that matches the mask, or has too many groups.
    pub fn decide(&self, membership: &Membership) -> Result<Granted, Refusal> {
        if !self.is_member(membership) {
            return Err(Refusal {
                reason: RefusalReason::OtherOrganization,
                seen: all_names(membership),
                near_misses: Vec::new(),
                organizations_seen: organizations_seen(membership),
            });
        }
        let names = unique(self.names(membership));
        let groups = unique(names.iter().filter_map(|name| self.mask.group(name)));
        if groups.is_empty() {
            return Err(self.no_group(&names, membership));
        }
        let groups: Vec<String> = groups.into_iter().map(str::to_owned).collect();
        let bytes = bytes_of_groups(&groups);
        if bytes > self.groups_bytes {
            let too_many = TooManyGroups { count: groups.len(), bytes, limit: self.groups_bytes };
            return Err(Refusal {
                reason: RefusalReason::TooManyGroups(too_many),
                seen: names.iter().take(LISTED).map(|&name| name.to_owned()).collect(),
                near_misses: Vec::new(),
                organizations_seen: organizations_seen(membership),
            });
        }
        Ok(Granted {
            organization_name: self
                .organizations(membership)
                .map(|o| o.name.clone())
                .find(|name| !name.is_empty()),
            groups,
        })
    }

    /// Organisations are more reliable. Product profiles prove membership only when the organisations were not asked for.
    fn is_member(&self, membership: &Membership) -> bool {
        match &membership.organizations {
            Some(_) => self.organizations(membership).next().is_some(),
            None => self.products(membership).next().is_some(),
        }
    }

    /// The ID is hexadecimal digits in either letter case.
    fn is_configured(&self, organization_id: &str) -> bool {
        organization_id.eq_ignore_ascii_case(self.organization_id)
    }

    fn organizations<'m>(&self, membership: &'m Membership) -> impl Iterator<Item = &'m Organization> {
        membership.organizations.iter().flatten().filter(|organization| self.is_configured(&organization.id))
    }

    fn products<'m>(&self, membership: &'m Membership) -> impl Iterator<Item = &'m ProductProfile> {
        membership
            .products
            .iter()
            .flatten()
            .filter(|profile| profile.owner.as_deref().is_some_and(|owner| self.is_configured(owner)))
    }

    /// The configuration names to compare with the mask: first those of groups, then those of product profiles.
    fn names<'m>(&self, membership: &'m Membership) -> impl Iterator<Item = &'m str> {
        let of_groups =
            self.organizations(membership).flat_map(|organization| organization.groups.iter().flatten());
        let of_products = self
            .products(membership)
            .filter(|profile| self.is_relevant(profile))
            .flat_map(|profile| &profile.names);
        of_groups.chain(of_products).map(String::as_str)
    }

    fn is_relevant(&self, profile: &ProductProfile) -> bool {
        let is_active = profile.status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case("ACTIVE"));
        let in_context =
            self.product_context.is_none_or(|context| profile.service_code.as_deref() == Some(context));
        is_active && in_context
    }

    fn no_group(&self, names: &[&str], membership: &Membership) -> Refusal {
        let near_miss = |name: &&str| match self.mask.explain(name) {
            MaskResult::NearMiss(why) => Some(NearMiss { name: (*name).to_owned(), why }),
            MaskResult::Group(_) | MaskResult::Unrelated => None,
        };
        Refusal {
            reason: RefusalReason::NoGroup,
            seen: names.iter().take(LISTED).map(|&name| name.to_owned()).collect(),
            near_misses: names.iter().filter_map(near_miss).take(LISTED).collect(),
            organizations_seen: organizations_seen(membership),
        }
    }
}

fn organizations_seen(membership: &Membership) -> Vec<String> {
    let listed = membership.organizations.iter().flatten().map(|organization| organization.id.as_str());
    let owners = membership.products.iter().flatten().filter_map(|profile| profile.owner.as_deref());
    unique(listed.chain(owners)).into_iter().take(LISTED).map(str::to_owned).collect()
}

/// The configuration names of all organisations, for the audit log.
fn all_names(membership: &Membership) -> Vec<String> {
    let of_groups = membership
        .organizations
        .iter()
        .flatten()
        .flat_map(|organization| organization.groups.iter().flatten());
    let of_products = membership.products.iter().flatten().flat_map(|profile| &profile.names);
    unique(of_groups.chain(of_products).map(String::as_str))
        .into_iter()
        .take(LISTED)
        .map(str::to_owned)
        .collect()
}

/// Removes duplicates; the first of equal texts stays.
fn unique<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    texts.filter(|&text| seen.insert(text)).collect()
}

/// The longest list in a [`Refusal`]: it limits the length of an audit record.
pub const LISTED: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = "4E3D60F754C8E5D0A4C98A2@AdobeOrg";
    const OTHER: &str = "2345B0EA551D747@AdobeOrg";

    fn organization(id: &str, groups: &[&str]) -> Organization {
        let groups = groups.iter().map(|&group| vec![group.to_owned()]).collect();
        Organization { id: id.into(), name: format!("Name of {id}"), groups }
    }

    fn profile(name: &str) -> ProductProfile {
        ProductProfile {
            owner: Some(ACME.into()),
            service_code: Some("dma_campaign_classic".into()),
            status: Some("ACTIVE".into()),
            names: vec![name.into()],
        }
    }

    fn decide(organizations: Vec<Organization>, products: Vec<ProductProfile>) -> Result<Granted, Refusal> {
        decide_on(&Membership { organizations: Some(organizations), products: Some(products) })
    }

    fn decide_on(membership: &Membership) -> Result<Granted, Refusal> {
        let mask = Mask::parse("Campaign - acme - (.*)").unwrap();
        let policy = AccessPolicy {
            organization_id: ACME,
            mask: &mask,
            product_context: Some("dma_campaign_classic"),
            groups_bytes: 8192,
        };
        policy.decide(membership)
    }

    fn groups(decision: Result<Granted, Refusal>) -> Vec<String> {
        decision.unwrap().groups
    }

    #[test]
    fn names_that_match_the_mask_give_the_groups() {
        let alice =
            organization(ACME, &["Campaign - acme - delivery", "All users", "Campaign - acme - operation"]);
        let granted = decide(vec![alice], vec![]).unwrap();
        assert_eq!(granted.groups, ["delivery", "operation"]);
        assert_eq!(granted.organization_name.as_deref(), Some("Name of 4E3D60F754C8E5D0A4C98A2@AdobeOrg"));
    }

    #[test]
    fn a_person_with_only_near_misses_is_refused() {
        let names = [
            "campaign - acme - delivery",
            "Campaign - acme -  operation",
            "Campaign - globex - admin",
            "Other",
        ];
        let refusal = decide(vec![organization(ACME, &names)], vec![]).unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::NoGroup);
        assert_eq!(refusal.seen, names);
        let why: Vec<_> = refusal.near_misses.iter().map(|miss| miss.why.as_str()).collect();
        assert_eq!(
            why,
            [
                "differs in case: `campaign` where the mask has `Campaign`",
                "double space after `acme -`",
                "other tenant: `globex` where the mask has `acme`",
            ]
        );
    }

    #[test]
    fn a_person_of_another_organisation_is_refused() {
        let carol = organization(OTHER, &["Campaign - acme - delivery"]);
        let refusal = decide(vec![carol], vec![profile("Campaign - acme - delivery")]).unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::OtherOrganization);
        assert_eq!(refusal.organizations_seen, [OTHER, ACME]);
        assert_eq!(refusal.seen, ["Campaign - acme - delivery"], "for the operator");
    }

    #[test]
    fn groups_of_another_organisation_do_not_count_at_any_position() {
        let foreign = organization(OTHER, &["Campaign - acme - admin"]);
        let own = organization(ACME, &["Campaign - acme - content"]);
        assert_eq!(groups(decide(vec![foreign.clone(), own.clone()], vec![])), ["content"]);
        assert_eq!(groups(decide(vec![own, foreign], vec![])), ["content"]);
    }

    #[test]
    fn a_product_profile_alone_is_enough() {
        let erin = decide(vec![organization(ACME, &[])], vec![profile("Campaign - acme - delivery")]);
        assert_eq!(groups(erin), ["delivery"]);
    }

    #[test]
    fn only_active_profiles_of_the_organisation_and_the_product_count() {
        let with = |change: fn(&mut ProductProfile)| {
            let mut profile = profile("Campaign - acme - delivery");
            change(&mut profile);
            decide(vec![organization(ACME, &[])], vec![profile])
        };
        assert_eq!(groups(with(|p| p.status = None)), ["delivery"]);
        assert_eq!(groups(with(|p| p.status = Some("active".into()))), ["delivery"]);
        for refused in [
            with(|p| p.status = Some("INACTIVE".into())),
            with(|p| p.owner = None),
            with(|p| p.owner = Some(OTHER.into())),
            with(|p| p.service_code = None),
            with(|p| p.service_code = Some("dma_analytics".into())),
        ] {
            assert_eq!(refused.unwrap_err().reason, RefusalReason::NoGroup);
        }
    }

    #[test]
    fn without_a_product_context_every_product_counts() {
        let mask = Mask::parse("Campaign - acme - (.*)").unwrap();
        let policy =
            AccessPolicy { organization_id: ACME, mask: &mask, product_context: None, groups_bytes: 8192 };
        let profile = ProductProfile { service_code: None, ..profile("Campaign - acme - delivery") };
        let membership = Membership { organizations: None, products: Some(vec![profile]) };
        assert_eq!(groups(policy.decide(&membership)), ["delivery"]);
    }

    #[test]
    fn profiles_prove_membership_only_when_organisations_were_not_asked_for() {
        let products = Some(vec![profile("Campaign - acme - delivery")]);
        let unasked = Membership { organizations: None, products: products.clone() };
        let granted = decide_on(&unasked).unwrap();
        assert_eq!((granted.groups, granted.organization_name), (vec!["delivery".to_owned()], None));

        let empty = Membership { organizations: Some(Vec::new()), products };
        assert_eq!(decide_on(&empty).unwrap_err().reason, RefusalReason::OtherOrganization);
        assert_eq!(decide_on(&Membership::default()).unwrap_err().reason, RefusalReason::OtherOrganization);
    }

    #[test]
    fn all_matches_give_groups_and_duplicates_are_removed() {
        let mut own = organization(ACME, &["Campaign - acme - b", "Campaign - acme - a"]);
        own.groups.push(vec!["4711".into(), "Campaign - acme - c".into()]);
        let again = decide(vec![own], vec![profile("Campaign - acme - a"), profile("Campaign - acme - d")]);
        assert_eq!(groups(again), ["b", "a", "c", "d"]);
    }

    #[test]
    fn the_lists_of_a_refusal_are_limited() {
        let names: Vec<String> = (0..200).map(|n| format!("campaign - acme - {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let refusal = decide(vec![organization(ACME, &names)], vec![]).unwrap_err();
        assert_eq!((refusal.seen.len(), refusal.near_misses.len()), (LISTED, LISTED));
    }
}
