//! The page for a person without access. It names the organisation and a contact. Near misses are only in the audit trail.

use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;

use crate::auth::RefusedLogin;
use crate::pages::{self, NoAccess};
use crate::policy::access::RefusalReason;
use crate::web::addresses::login_address;
use crate::web::call::Call;
use crate::web::set_cookies;

/// 403 for a person without a matching group, of another organisation, or with too many groups.
pub fn page(call: Call<'_>, headers: &HeaderMap, login: &RefusedLogin) -> Response {
    let RefusedLogin { person, refusal, to } = login;
    let auth = &call.auth;
    let organization = &auth.instance.ims.organization_id;
    let named = person
        .membership
        .organizations
        .iter()
        .flatten()
        .find(|found| found.id.eq_ignore_ascii_case(organization));
    let name = named.map(|found| found.name.as_str()).filter(|name| !name.is_empty());
    let email = person.email.as_deref().unwrap_or_default();
    let another = format!("{}&prompt=login", login_address(&to.return_to));
    let page = pages::refused(&NoAccess {
        person: if email.is_empty() { person.name.as_deref().unwrap_or(&person.user) } else { email },
        organization: name.unwrap_or(organization),
        other_organization: matches!(refusal.reason, RefusalReason::OtherOrganization),
        too_many_groups: match &refusal.reason {
            RefusalReason::TooManyGroups(all) => Some(all.count),
            RefusalReason::OtherOrganization | RefusalReason::NoGroup => None,
        },
        another: &another,
        page: call.page(),
    });
    let mut response = page.into_response();
    if auth.has_own_last_user(headers) {
        set_cookies::remove_last_user(response.headers_mut(), &auth.cookies);
    }
    response
}
