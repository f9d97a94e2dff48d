//! What Adobe registered for the client: client id, secret, redirect URI and scopes. No sign-in is needed.
//!
//! The request to the authorization endpoint has `prompt=none`, so the answer is an error instead of a page. The token endpoint gets a
//! code that cannot be valid: it refuses either the client or the code, and so shows whether client and secret are right.

use secrecy::SecretString;
use url::Url;

use super::super::report::{CheckedKey, Item};
use super::{get, header};
use crate::config::{Instance, Places, TokenAuth};
use crate::crypto::random_text;
use crate::http_client::HttpClient;
use crate::ims::{ImsClient, ImsError};
use crate::policy::authorize_answer::{self, AuthorizeAnswer};
use crate::policy::login::Prompt;

fn about<'a>(places: &'a Places, key: &'a str) -> CheckedKey<'a> {
    let about = CheckedKey::new(places, key);
    if key == CALLBACK { about.named("ims.callback") } else { about }
}

/// The findings when IMS cannot be asked.
pub(super) fn not_checked(places: &Places, reason: &str) -> Vec<Item> {
    [CLIENT, SECRET, CALLBACK, SCOPE].map(|key| about(places, key).not_checked(reason, "")).into()
}

/// Asks the authorization endpoint and the token endpoint.
pub(super) async fn check(
    instance: &Instance,
    places: &Places,
    http: &HttpClient,
    relying_party: impl Fn(&Instance) -> ImsClient,
) -> Vec<Item> {
    let party = relying_party(instance);
    let asked = Authorize { instance, places, http };
    let mut items = asked.check(&party).await;
    items.push(secret(instance, places, relying_party).await);
    items
}

/// The authorization endpoint.
struct Authorize<'a> {
    instance: &'a Instance,
    places: &'a Places,
    http: &'a HttpClient,
}

/// An answer and the `x-debug-id` that Adobe support asks for.
struct AuthorizeResponse {
    answer: AuthorizeAnswer,
    debug_id: String,
}

impl Authorize<'_> {
    /// Findings about the client id, the redirect URI and the scopes.
    async fn check(&self, party: &ImsClient) -> Vec<Item> {
        let url = match party.authorize("imsgate-check", Prompt::Silent).await {
            Ok(authorization) => authorization.url,
            Err(error) => return self.unknown(&error.to_string()),
        };
        let asked = match self.ask(&url).await {
            Ok(asked) => asked,
            Err(error) => {
                return self.unknown(&format!("the authorization endpoint did not answer: {error}"));
            }
        };
        let Self { instance, places, .. } = self;
        let (id, uri) = (&instance.ims.client_id, instance.ims.redirect_uri());
        let known = about(places, CLIENT).ok(format!("IMS knows the client {id}"));
        let registered = about(places, CALLBACK).ok(format!("IMS accepts the redirect URI {uri}"));
        let (client, callback, scope) = match &asked.answer {
            AuthorizeAnswer::ToClient(None) => (known, registered, self.accepted()),
            AuthorizeAnswer::ToClient(Some(error)) if authorize_answer::needs_person(error) => {
                (known, registered, self.accepted())
            }
            AuthorizeAnswer::ToClient(Some(error)) if error == INVALID_SCOPE => {
                (known, registered, self.refused_scopes(&url).await)
            }
            AuthorizeAnswer::ToClient(Some(error)) => {
                let client = about(places, CLIENT).error(
                    format!("IMS refuses the authorization request: {error}; x-debug-id {}", asked.debug_id),
                    format!("ask Adobe to allow the authorization code flow for the client {id}"),
                );
                (client, registered, self.open(SCOPE, "IMS refused the request for another reason"))
            }
            AuthorizeAnswer::Elsewhere(_, Some(error)) if error == INVALID_SCOPE => {
                let reason = "IMS refused a scope before it looked at the redirect URI";
                (known, self.open(CALLBACK, reason), self.refused_scopes(&url).await)
            }
            AuthorizeAnswer::Elsewhere(address, _) => {
                let callback = about(places, CALLBACK).error(
                    format!("{uri} is not registered: IMS sends the browser to {address} instead"),
                    format!("ask Adobe to register exactly {uri} as a redirect URI of the client {id}"),
                );
                (
                    known,
                    callback,
                    self.open(SCOPE, "IMS looks at the scopes only with a registered redirect URI"),
                )
            }
            AuthorizeAnswer::OwnPage(page) => {
                let reason = format!("IMS leads to its page {page} first and says no more without a person");
                (known, self.open(CALLBACK, &reason), self.open(SCOPE, &reason))
            }
            AuthorizeAnswer::Status(status) if (400..500).contains(status) => {
                let client = about(places, CLIENT).error(
                    format!(
                        "IMS refuses the authorization request with status {status}: it does not know the client {id}; x-debug-id {}",
                        asked.debug_id
                    ),
                    "correct ims.client_id, or ims.server if Adobe issued the client for another environment",
                );
                let reason = "IMS does not know the client";
                (client, self.open(CALLBACK, reason), self.open(SCOPE, reason))
            }
            AuthorizeAnswer::Status(status) => {
                return self
                    .unknown(&format!("the authorization endpoint answers with a page, status {status}"));
            }
        };
        vec![client, callback, scope]
    }

    async fn ask(&self, url: &Url) -> Result<AuthorizeResponse, String> {
        let answer = get(self.http, url).await?;
        let (status, uri) = (answer.status().as_u16(), self.instance.ims.redirect_uri());
        Ok(AuthorizeResponse {
            answer: authorize_answer::read(status, header(&answer, "location"), &uri),
            debug_id: header(&answer, "x-debug-id").unwrap_or("-").to_owned(),
        })
    }

    fn accepted(&self) -> Item {
        let count = self.instance.ims.scopes.len();
        about(self.places, SCOPE).ok(format!("IMS accepts all {count} scopes"))
    }

    /// Tries each scope alone, with `openid`, and names those that IMS refuses.
    async fn refused_scopes(&self, url: &Url) -> Item {
        let mut refused = Vec::new();
        for scope in &self.instance.ims.scopes {
            let wanted = if scope == OPENID { OPENID.to_owned() } else { format!("{OPENID} {scope}") };
            let asked = match self.ask(&with_scope(url, &wanted)).await {
                Ok(asked) => asked,
                Err(error) => {
                    return self.open(SCOPE, &format!("IMS refuses a scope; asked which one: {error}"));
                }
            };
            let (AuthorizeAnswer::ToClient(error) | AuthorizeAnswer::Elsewhere(_, error)) = asked.answer
            else {
                continue;
            };
            if error.as_deref() == Some(INVALID_SCOPE) {
                refused.push(scope.as_str());
            }
        }
        if refused.is_empty() || refused.contains(&OPENID) {
            let message = "IMS refuses the scopes together (invalid_scope), but does not say which one";
            let fix = "ask Adobe which scopes are provisioned for the client, and write only those";
            return about(self.places, SCOPE).error(message, fix);
        }
        let names = refused.join(", ");
        about(self.places, SCOPE).error(
            format!("IMS refuses {names} (invalid_scope): not provisioned for this client"),
            format!("remove {names} from ims.scope, or ask Adobe to provision it for the client"),
        )
    }

    fn open(&self, key: &str, reason: &str) -> Item {
        about(self.places, key).not_checked(reason, "")
    }

    /// Nothing is known about client id, redirect URI and scopes.
    fn unknown(&self, reason: &str) -> Vec<Item> {
        not_checked(self.places, reason).into_iter().filter(|item| *item.id != *SECRET).collect()
    }
}

fn with_scope(url: &Url, scope: &str) -> Url {
    let mut changed = url.clone();
    let pairs = url.query_pairs().filter(|(name, _)| name != "scope");
    changed.query_pairs_mut().clear().extend_pairs(pairs).append_pair("scope", scope);
    changed
}

/// What the token endpoint says about a code that cannot be valid.
enum TokenEndpointAnswer {
    /// `invalid_grant`: client and secret are right, the code is not.
    CodeRefused,
    /// `invalid_client`
    ClientRefused,
    Other(ImsError),
    /// A token for a made-up code.
    Accepted,
}

async fn secret(instance: &Instance, places: &Places, party: impl Fn(&Instance) -> ImsClient) -> Item {
    let key = if places.is_set("ims.client_secret_file") { "ims.client_secret_file" } else { SECRET };
    let key = CheckedKey::new(places, key).named(SECRET);
    let made_up = |change: &dyn Fn(&mut Instance)| {
        let mut changed = instance.clone();
        change(&mut changed);
        changed
    };
    let other_auth = |instance: &mut Instance| {
        instance.ims.token_auth = match instance.ims.token_auth {
            TokenAuth::Post => TokenAuth::Basic,
            TokenAuth::Basic => TokenAuth::Post,
        };
    };
    match token(&party(instance)).await {
        TokenEndpointAnswer::CodeRefused => {
            let wrong_secret = |instance: &mut Instance| {
                instance.ims.client_secret = SecretString::from(random_text::<24>());
            };
            match token(&party(&made_up(&wrong_secret))).await {
                TokenEndpointAnswer::ClientRefused => key.ok("IMS accepts client id and secret"),
                _ => key.not_checked(
                    "IMS gives the same answer for a made-up secret, so it does not say whether this one is right",
                    "",
                ),
            }
        }
        TokenEndpointAnswer::ClientRefused => {
            if matches!(token(&party(&made_up(&other_auth))).await, TokenEndpointAnswer::CodeRefused) {
                let other = if instance.ims.token_auth == TokenAuth::Post { "basic" } else { "post" };
                CheckedKey::new(places, "ims.token_auth").named(SECRET).error(
                    "IMS accepts client id and secret only in the other way (client authentication)",
                    format!("write token_auth = \"{other}\""),
                )
            } else {
                key.error(
                    "IMS refuses client id and secret (invalid_client)",
                    "copy ims.client_id and the secret again from Adobe: they must belong to one client, without spaces or line breaks",
                )
            }
        }
        TokenEndpointAnswer::Other(error) if error.is_temporary() => {
            key.not_checked(format!("the token endpoint did not answer: {error}"), "try again later")
        }
        TokenEndpointAnswer::Other(error) if matches!(&error, ImsError::Refused { code, .. } if code == INVALID_SCOPE) =>
        {
            let fix = "write only scopes that Adobe provisioned for the client";
            about(places, SCOPE).named(SECRET).error(error.to_string(), fix)
        }
        TokenEndpointAnswer::Other(error) => key.warning(
            format!("not the answer that was expected for a made-up code (invalid_grant): {error}"),
            "send the x-debug-id to Adobe support if sign-ins fail",
        ),
        TokenEndpointAnswer::Accepted => {
            key.warning("IMS accepted a made-up authorization code", "check that ims.server is Adobe IMS")
        }
    }
}

async fn token(party: &ImsClient) -> TokenEndpointAnswer {
    let code = format!("imsgate-check-{}", random_text::<8>());
    let here = std::net::Ipv4Addr::LOCALHOST.into();
    match party.exchange(&code, &random_text::<32>(), "none", here).await {
        Ok(_) => TokenEndpointAnswer::Accepted,
        Err(ImsError::Refused { code, .. }) if code == "invalid_grant" => TokenEndpointAnswer::CodeRefused,
        Err(ImsError::Refused { code, .. }) if code == "invalid_client" => TokenEndpointAnswer::ClientRefused,
        Err(error) => TokenEndpointAnswer::Other(error),
    }
}

const CLIENT: &str = "ims.client_id";
const SECRET: &str = "ims.client_secret";
const CALLBACK: &str = "ims.callback_server";
const SCOPE: &str = "ims.scope";
const OPENID: &str = "openid";
const INVALID_SCOPE: &str = "invalid_scope";
