//! A person's profile and memberships: userinfo, organisations and product profiles.
//!
//! The responses vary between IMS versions, so every field except the subject is optional.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::ImsError;
use super::{ImsClient, ImsTokens};
use crate::policy::email::{EmailClaim, identity_email, is_unverified};
use crate::policy::membership::{Membership, Organization, ProductProfile};
use crate::wire::loose_json;

/// A person's data from IMS.
#[derive(Clone, Debug)]
pub struct Profile {
    /// IMS user id: the `id_token`'s subject.
    pub user: String,
    /// E-mail address, if IMS sent one and did not mark it as unverified.
    pub email: Option<String>,
    /// Display name, if IMS sent one.
    pub name: Option<String>,
    /// Organisations, groups and product profiles.
    pub membership: Membership,
}

impl ImsClient {
    /// Fetches the profile of the tokens' owner: up to three requests at once, each only if its scope is configured. Every
    /// response that names a person must name the `id_token`'s subject (OIDC Core §5.3.2).
    pub async fn fetch_profile(&self, tokens: &ImsTokens) -> Result<Profile, ImsError> {
        let token = &tokens.access_token;
        let (info, organizations, profile) =
            tokio::try_join!(self.user_info(token), self.organizations(token), self.raw_profile(token))?;
        if info.as_ref().is_some_and(|info| info.sub != tokens.subject) {
            return Err(ImsError::OtherPerson { endpoint: USERINFO });
        }
        check_owner(profile.as_ref(), &tokens.subject)?;
        let info = info.unwrap_or_default();
        let profile_name = profile.as_ref().and_then(|profile| profile.display_name.clone());
        let profile_email = profile.as_ref().map(RawProfile::email_claim).unwrap_or_default();
        let emails = [&info.email_claim(), &profile_email, &tokens.email];
        if is_unverified(emails) {
            tracing::info!(
                user = tokens.subject,
                "the e-mail address is not used: IMS marks it as unverified"
            );
        }
        Ok(Profile {
            user: tokens.subject.clone(),
            email: identity_email(emails),
            name: info.name.or(profile_name).or_else(|| tokens.name.clone()),
            membership: membership(organizations, profile),
        })
    }

    /// Fetches the current memberships of the access token's owner, who must be `subject`.
    pub async fn membership(&self, token: &SecretString, subject: &str) -> Result<Membership, ImsError> {
        let (organizations, profile) = tokio::try_join!(self.organizations(token), self.raw_profile(token))?;
        check_owner(profile.as_ref(), subject)?;
        Ok(membership(organizations, profile))
    }

    /// Fetches the memberships of a technical account. Its token may lack the scope of one source, which then counts as not asked.
    pub async fn account_membership(
        &self,
        token: &SecretString,
        subject: &str,
    ) -> Result<Membership, ImsError> {
        let (organizations, profile) = tokio::join!(self.organizations(token), self.raw_profile(token));
        let (organizations, profile) = (if_allowed(organizations)?, if_allowed(profile)?);
        check_owner(profile.as_ref(), subject)?;
        Ok(membership(organizations, profile))
    }

    async fn user_info(&self, token: &SecretString) -> Result<Option<UserInfo>, ImsError> {
        let metadata = self.provider.metadata().await?;
        let Some(url) = metadata.userinfo_endpoint() else { return Ok(None) };
        self.get(USERINFO, url.as_str(), token).await.map(Some)
    }

    async fn organizations(&self, token: &SecretString) -> Result<Option<Organizations>, ImsError> {
        let url = self.endpoint("ims/organizations/v6");
        if self.has_scope("read_organizations") {
            self.get("organizations", &url, token).await.map(Some)
        } else {
            Ok(None)
        }
    }

    async fn raw_profile(&self, token: &SecretString) -> Result<Option<RawProfile>, ImsError> {
        let url = self.endpoint("ims/profile/v1");
        let wanted =
            self.has_scope("additional_info.projectedProductContext") || self.has_scope("additional_info");
        if wanted { self.get(PROFILE, &url, token).await.map(Some) } else { Ok(None) }
    }

    fn has_scope(&self, name: &str) -> bool {
        self.instance.ims.scopes.iter().any(|scope| scope == name)
    }

    /// The address of an endpoint that the discovery document does not list.
    pub(super) fn endpoint(&self, path: &str) -> String {
        format!("{}/{path}", self.instance.ims.server.as_str().trim_end_matches('/'))
    }

    /// Sends a GET with the access token (RFC 6750 §2.1) and parses the JSON response.
    async fn get<T: DeserializeOwned>(
        &self,
        endpoint: &'static str,
        url: &str,
        token: &SecretString,
    ) -> Result<T, ImsError> {
        let request = Request::get(url)
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new());
        let body = self.http.send(endpoint, request).await?;
        serde_json::from_slice(&body).map_err(|error| ImsError::json(endpoint, &error))
    }
}

/// `None` when the token lacks the scope of this source (403, RFC 6750 §3.1).
fn if_allowed<T>(answer: Result<Option<T>, ImsError>) -> Result<Option<T>, ImsError> {
    match answer {
        Err(ImsError::Refused { code, .. }) if code == StatusCode::FORBIDDEN.as_str() => Ok(None),
        answer => answer,
    }
}

fn check_owner(profile: Option<&RawProfile>, subject: &str) -> Result<(), ImsError> {
    match profile.and_then(|profile| profile.user_id.as_ref()) {
        Some(user) if user != subject => Err(ImsError::OtherPerson { endpoint: PROFILE }),
        _ => Ok(()),
    }
}

/// Reads memberships from the response bodies of `/ims/organizations/v6` and `/ims/profile/v1`.
///
/// # Errors
/// When a body does not have the documented format.
pub fn read_membership(organizations: &[u8], profile: &[u8]) -> serde_json::Result<Membership> {
    let organizations = serde_json::from_slice(organizations)?;
    let profile = serde_json::from_slice(profile)?;
    Ok(membership(Some(organizations), Some(profile)))
}

fn membership(organizations: Option<Organizations>, profile: Option<RawProfile>) -> Membership {
    Membership {
        organizations: organizations
            .map(|Organizations(all)| all.into_iter().map(RawOrganization::read).collect()),
        products: profile.map(RawProfile::products),
    }
}

#[derive(Default, Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(default, deserialize_with = "text_or_none")]
    email: Option<String>,
    #[serde(default)]
    email_verified: Value,
    #[serde(default, rename = "emailVerified")]
    email_verified_camel: Value,
    #[serde(default, deserialize_with = "text_or_none")]
    name: Option<String>,
}

/// A list of organisations. Invalid elements are skipped.
struct Organizations(Vec<RawOrganization>);

impl<'de> Deserialize<'de> for Organizations {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let all = Vec::<Value>::deserialize(from)?;
        Ok(Self(all.into_iter().filter_map(object).collect()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOrganization {
    #[serde(default, deserialize_with = "text_or_number")]
    org_name: Option<String>,
    #[serde(default, deserialize_with = "readable_or_none")]
    org_ref: Option<OrgRef>,
    #[serde(default, deserialize_with = "readable")]
    groups: Vec<RawGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrgRef {
    #[serde(default, deserialize_with = "text_or_number")]
    ident: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    auth_src: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawGroup {
    #[serde(default, deserialize_with = "text_or_number")]
    group_name: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    group_display_name: Option<String>,
}

impl OrgRef {
    /// `ident@authSrc`. `None` if a part is missing; such an organisation never matches the configured one.
    fn id(self) -> Option<String> {
        Some(format!("{}@{}", self.ident?, self.auth_src?))
    }
}

impl RawOrganization {
    fn read(self) -> Organization {
        let groups = self.groups.into_iter();
        Organization {
            id: self.org_ref.and_then(OrgRef::id).unwrap_or_default(),
            name: self.org_name.unwrap_or_default(),
            groups: groups
                .map(|group| [group.group_name, group.group_display_name].into_iter().flatten().collect())
                .collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawProfile {
    #[serde(default, deserialize_with = "text_or_none")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "text_or_none")]
    email: Option<String>,
    #[serde(default)]
    email_verified: Value,
    #[serde(default, rename = "email_verified")]
    email_verified_snake: Value,
    #[serde(default, deserialize_with = "text_or_none")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "readable")]
    projected_product_context: Vec<RawContext>,
}

#[derive(Deserialize)]
struct RawContext {
    #[serde(default, rename = "prodCtx", deserialize_with = "readable_or_none")]
    product: Option<RawProduct>,
}

#[derive(Deserialize)]
struct RawProduct {
    #[serde(default, rename = "owningEntity", deserialize_with = "text_or_number")]
    owning_entity: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    user_visible_name: Option<String>,
    #[serde(default, rename = "serviceCode", deserialize_with = "text_or_number")]
    service_code: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    label: Option<String>,
    #[serde(default, rename = "statusCode", deserialize_with = "text_or_number")]
    status_code: Option<String>,
}

impl UserInfo {
    fn email_claim(&self) -> EmailClaim {
        EmailClaim::new(self.email.clone(), [&self.email_verified, &self.email_verified_camel])
    }
}

impl RawProfile {
    fn email_claim(&self) -> EmailClaim {
        EmailClaim::new(self.email.clone(), [&self.email_verified, &self.email_verified_snake])
    }

    fn products(self) -> Vec<ProductProfile> {
        let products = self.projected_product_context.into_iter().filter_map(|context| context.product);
        products
            .map(|product| ProductProfile {
                owner: product.owning_entity,
                service_code: product.service_code,
                status: product.status_code,
                names: [product.user_visible_name, product.label].into_iter().flatten().collect(),
            })
            .collect()
    }
}

/// A non-empty string. Any other value counts as absent.
fn text_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
}

/// A name or an identifier: a string or a number. Any other value counts as absent.
fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(loose_json::text(&Value::deserialize(from)?))
}

/// The readable elements of a list. Any value other than a list counts as an empty list.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(all) => all.into_iter().filter_map(object).collect(),
        _ => Vec::new(),
    })
}

/// An unreadable value counts as absent.
fn readable_or_none<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(object(Value::deserialize(from)?))
}

/// Accepts only JSON objects: serde would also read a struct from a JSON array.
fn object<T: DeserializeOwned>(value: Value) -> Option<T> {
    if value.is_object() { serde_json::from_value(value).ok() } else { None }
}

const USERINFO: &str = "userinfo";
const PROFILE: &str = "profile";
