//! Identifies technical accounts by the IMS access token in `Authorization: Bearer`.
//!
//! A token is verified once: signature, claims, and at IMS if the configuration says so. Later requests cost one look-up.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};
use secrecy::SecretString;

use super::bearer_refusal::BearerRefusal;
use super::identify::{AuthRequest, Caller};
use super::service_account::ServiceAccount;
use super::service_accounts::TokenDigest;
use super::{Authenticator, Authenticators};
use crate::policy::access::AccessPolicy;
use crate::policy::access_token::{AccessToken, InvalidAccessToken};
use crate::telemetry::BearerResult;
use crate::telemetry::audit::{AuditAction, Subject};

impl Authenticator {
    /// The technical account that sends this request, which has no session cookie.
    pub(super) async fn service(self: &Arc<Self>, request: AuthRequest<'_>) -> Caller {
        match bearer(request.headers) {
            Some(token) => self.account_of(request, token).await,
            None => self
                .client_held_session(request.headers, request.now)
                .map_or(Caller::Anonymous, Caller::ClientHeld),
        }
    }

    /// The technical account with this access token.
    pub async fn account_of(self: &Arc<Self>, request: AuthRequest<'_>, token: &str) -> Caller {
        let digest = TokenDigest::of(token);
        let known = &self.state.service_accounts;
        if let Some(account) = known.find(&digest, &self.instance, request.now) {
            request.counters.account(BearerResult::Accepted);
            return Caller::Service(account);
        }
        // Boxed: rare, and its states would make every request's future larger.
        let verified = match known.refusal(&digest, &self.instance, request.now) {
            Some(refusal) => Err(refusal),
            None => Box::pin(self.verify(request, token, digest)).await,
        };
        let result = match &verified {
            Ok(_) => BearerResult::Accepted,
            Err(BearerRefusal::Unavailable(_)) => BearerResult::Failed,
            Err(_) => BearerResult::Refused,
        };
        request.counters.account(result);
        verified.map_or_else(Caller::Refused, Caller::Service)
    }

    /// True when a technical account is configured.
    pub fn has_accounts(&self) -> bool {
        !self.instance.campaign.technical_accounts.is_empty()
    }

    /// Verifies an unknown token, and stores the result.
    async fn verify(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        token: &str,
        digest: TokenDigest,
    ) -> Result<Arc<ServiceAccount>, BearerRefusal> {
        let (known, sid) = (&self.state.service_accounts, digest.shown());
        let mut client = String::new();
        let verified = self.verified(request, token, digest, &mut client).await;
        match &verified {
            Ok((account, true)) => {
                let identity = &account.identity;
                let subject = account.subject().with_organization(&identity.organization);
                self.audit(request, subject, AuditAction::Account { groups: identity.groups.clone() });
            }
            Ok((_, false)) => {}
            Err(refusal) => {
                known.refuse(digest, refusal.clone(), self.instance.clone(), request.now);
                let (reason, detail) = (refusal.code().to_owned(), refusal.to_string());
                let refused = AuditAction::AccountRefused { path: String::new(), reason, detail };
                self.audit(request, Subject::account(&client, "", &sid), refused);
            }
        }
        verified.map(|(account, _)| account)
    }

    /// The account, and whether this call has verified it. `client` becomes the client ID once the signature is good.
    async fn verified(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        token: &str,
        digest: TokenDigest,
        client: &mut String,
    ) -> Result<(Arc<ServiceAccount>, bool), BearerRefusal> {
        let accounts = &self.instance.campaign.technical_accounts;
        let is_listed = |client: &str| accounts.iter().any(|account| account.client_id == client);
        let claims = self.ims.access_token(token, is_listed).await?;
        client.clone_from(&claims.client_id);
        let known = &self.state.service_accounts;
        let _alone = known.ask_alone(&digest).await;
        if let Some(account) = known.find(&digest, &self.instance, request.now) {
            return Ok((account, false));
        }
        let index = accounts.iter().position(|account| account.client_id == claims.client_id);
        let index = index.ok_or_else(|| InvalidAccessToken::Client(claims.client_id.clone()))?;
        let token = SecretString::from(token);
        if self.instance.ims.validate_token {
            self.ims.validate_access_token(&token, &claims.client_id).await?;
        }
        let groups = match &accounts[index].groups {
            Some(groups) => groups.clone(),
            None => self.account_groups(&token, &claims, &accounts[index].organization_id).await?,
        };
        let account = ServiceAccount::new(self, (token, claims), index, groups, digest.shown());
        let account = Arc::new(account);
        known.accept(digest, account.clone());
        Ok((account, true))
    }

    /// The groups that the association mask gives the owner of this token.
    async fn account_groups(
        &self,
        token: &SecretString,
        claims: &AccessToken,
        organization_id: &str,
    ) -> Result<Vec<String>, BearerRefusal> {
        let membership = self.ims.account_membership(token, &claims.user).await?;
        let policy = AccessPolicy { organization_id, ..self.instance.access_policy() };
        match policy.decide(&membership) {
            Ok(granted) => Ok(granted.groups),
            Err(refusal) => Err(BearerRefusal::NoRight(refusal.reason)),
        }
    }
}

/// Ends the accounts whose tokens have expired. Runs for ever, once, on the control runtime.
pub async fn keep_service_accounts(authenticators: Arc<Authenticators>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        for auth in authenticators.all().iter() {
            auth.state.service_accounts.sweep(auth.services.clock.now());
        }
    }
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1). `None` for another scheme, and for several fields.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next().filter(|_| fields.next().is_none())?.to_str().ok()?;
    let (scheme, token) = field.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= LONGEST).then_some(token)
}

/// Characters of a token; those of IMS have up to 2,000.
const LONGEST: usize = 8 * 1024;
/// How often expired tokens are looked for.
const SWEEP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_read_from_one_field_of_its_scheme() {
        let of = |fields: &[&str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(header::AUTHORIZATION, HeaderValue::from_str(field).unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["bearer  abc "]).as_deref(), Some("abc"));
        let (longest, longer) = ("x".repeat(LONGEST), "x".repeat(LONGEST + 1));
        assert_eq!(of(&[&format!("Bearer {longest}")]), Some(longest));
        for none in [&["Basic abc"][..], &["Bearer"], &["Bearer "], &["Bearer a", "Bearer a"], &[]] {
            assert_eq!(of(none), None, "{none:?}");
        }
        assert_eq!(of(&[&format!("Bearer {longer}")]), None);
    }
}
