//! Somebody is known and not let in: the person hears which organisation and whom to ask, the operator why.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::context::Context;
use super::login;
use super::shared::Shared;
use crate::campaign::CampaignError;
use crate::ims::Profile;
use crate::pages::{self, Problem, Text};
use crate::policy::access::{Refusal, RefusalReason, TooManyGroups};
use crate::policy::return_to::ReturnTo;
use crate::telemetry::audit::{self, Seen, TooMany, Who};

/// 403 for a person without a matching group or of another organisation. Near misses go to the audit trail only.
pub fn answer(
    shared: &Shared,
    context: &Context,
    person: &Profile,
    refusal: &Refusal,
    return_to: &ReturnTo,
) -> Response {
    let organization = &shared.instance.ims.organization_id;
    let email = person.email.as_deref().unwrap_or_default();
    let other_organization = matches!(refusal.reason, RefusalReason::OtherOrganization);
    let near = near(refusal);
    audit::refusal(
        context.id,
        &context.peer_text(),
        Who { user: &person.user, email, organization },
        refusal.reason.code(),
        seen(refusal, &near),
    );
    let named = person
        .membership
        .organizations
        .iter()
        .flatten()
        .find(|org| org.id.eq_ignore_ascii_case(organization));
    let name = named.map(|org| org.name.as_str()).filter(|name| !name.is_empty());
    let organization = name.map_or_else(|| organization.clone(), |name| format!("{name} ({organization})"));
    pages::refused(&pages::Refused {
        person: if email.is_empty() { person.name.as_deref().unwrap_or(&person.user) } else { email },
        organization: &organization,
        other_organization,
        too_many_groups: too_many(refusal).map(|all| all.count),
        another: &format!("{}&prompt=login", login::login_path(return_to)),
        page: context.page(shared),
    })
    .into_response()
}

/// What IMS said of somebody who is refused, for an audit line; `near` comes of [`near`].
pub fn seen<'a>(refusal: &'a Refusal, near: &'a [(String, String)]) -> Seen<'a> {
    let too_many = too_many(refusal);
    Seen { organizations: &refusal.organizations_seen, names: &refusal.seen, near, too_many }
}

/// The near misses, each with its reason.
pub fn near(refusal: &Refusal) -> Vec<(String, String)> {
    refusal.near_misses.iter().map(|miss| (miss.name.clone(), miss.why.clone())).collect()
}

fn too_many(refusal: &Refusal) -> Option<TooMany> {
    match refusal.reason {
        RefusalReason::TooManyGroups(TooManyGroups { count, bytes, limit }) => {
            Some(TooMany { count, bytes, limit })
        }
        RefusalReason::OtherOrganization | RefusalReason::NoGroup => None,
    }
}

/// Campaign itself gave no session.
pub fn campaign(shared: &Shared, context: &Context, error: &CampaignError, return_to: &ReturnTo) -> Response {
    tracing::warn!(request = %context.id, %error, "Campaign logon failed");
    let retry = login::login_path(return_to);
    let problem = match error {
        CampaignError::Refused { .. } => Problem::new(StatusCode::FORBIDDEN, Text::CampaignRefused),
        CampaignError::Unreachable { .. } | CampaignError::Answer { .. } => {
            Problem::new(StatusCode::BAD_GATEWAY, Text::PublicPageUnavailable)
                .with_link(&retry)
                .with_retry_after(Duration::from_secs(10))
        }
    };
    problem.page(context.page(shared)).into_response()
}
