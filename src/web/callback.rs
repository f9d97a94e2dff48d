//! The end of a login: IMS sends the browser back with an authorization code.
//!
//! Whatever is late, replayed or lost begins again by itself, a bounded number of times; whatever is malformed or hostile
//! gets a page and no session.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use super::context::Context;
use super::destination::Destination;
use super::login::{self, Begin};
use super::rejection::Rejection;
use super::shared::Shared;
use super::{campaign_session, cookie, farewell, refusal, was};
use crate::config::SessionMode;
use crate::ims::{ImsError, Profile, Tokens as ImsTokens};
use crate::pages::{Problem, Text};
use crate::policy::access::{AccessPolicy, Granted};
use crate::policy::cookies;
use crate::policy::login::{CallbackQuery, LoginTransaction, MAX_ATTEMPTS, Prompt, State as LoginState};
use crate::policy::return_to::ReturnTo;
use crate::session::{Auth, CampaignSession, EndReason, Identity, OneTime, Tokens};
use crate::telemetry::audit::{self, Who};

/// `/ims/callback`
pub async fn handler(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let callback = Callback { shared: &shared, context: &context, headers: &headers };
    let parsed = CallbackQuery::parse(query.as_deref().unwrap_or_default());
    let Some((query, state)) = parsed.and_then(|query| {
        let state = LoginState::parse(query.state.as_deref()?)?;
        Some((query, state))
    }) else {
        return callback.malformed("no state of ours, or a parameter twice", &ReturnTo::default());
    };
    let name = state.cookie_name(&shared.cookies);
    let Some(transaction) = callback.transaction(&name) else {
        return callback.orphaned(&state).await;
    };
    match callback.answer(query, transaction, &state, &name).await {
        Ok(mut response) => {
            cookie::remove_login(response.headers_mut(), &name);
            response
        }
        Err(response) => *response,
    }
}

const STATE_USED: &str = "the state was used before";
const COOKIE_MISSING: &str = "the login's cookie did not come back";

struct Callback<'a> {
    shared: &'a Arc<Shared>,
    context: &'a Context,
    headers: &'a HeaderMap,
}

impl Callback<'_> {
    /// The login under this name, if this gateway sealed it.
    fn transaction(&self, name: &str) -> Option<LoginTransaction> {
        let (_, sealed) = cookies::pairs(self.headers).find(|(sent, _)| *sent == name)?;
        self.shared.sealer.open(name, sealed)
    }

    /// Without a login that can be opened. Its cookie, if there is one, may be a neighbour's: it stays.
    async fn orphaned(&self, state: &LoginState) -> Response {
        // A form that waits is known by its own cookie.
        let resumes = cookie::kept(self.headers, &self.shared.cookies).next().is_some();
        let to = Destination { return_to: ReturnTo::default(), resumes };
        let again = self.again(state.attempt() + 1, to, COOKIE_MISSING).await;
        again.unwrap_or_else(|rejection| rejection.response(self.shared, self.context, false))
    }

    /// An error is an answer after which the login's cookie stays, because the session store is away: who loads this address
    /// again later goes on from here.
    async fn answer(
        &self,
        query: CallbackQuery,
        transaction: LoginTransaction,
        state: &LoginState,
        name: &str,
    ) -> Result<Response, Box<Response>> {
        let stopped = |rejection: Rejection| Box::new(rejection.response(self.shared, self.context, false));
        let to = Destination { return_to: transaction.return_to.clone(), resumes: transaction.resumes };
        if transaction.interrupted {
            return self.again(state.attempt(), to, "the session could not be kept").await.map_err(stopped);
        }
        // A store that is away is noticed before the code is spent. Nothing is written: anybody can send a callback.
        let used = self.shared.sessions.was_used(OneTime::LoginState, state.as_str()).await;
        if used.map_err(Rejection::from).map_err(stopped)? {
            return self.again(state.attempt() + 1, to, STATE_USED).await.map_err(stopped);
        }
        let interrupted = LoginTransaction { interrupted: true, ..transaction.clone() };
        self.go_on(query, transaction, state).await.map_err(|rejection| {
            let mut response = stopped(rejection);
            // The code is used up. That a person loads the address again is no attempt that the gateway made by itself.
            if let Ok(sealed) = self.shared.sealer.seal(name, &interrupted) {
                cookie::set_login(response.headers_mut(), name, &sealed);
            }
            response
        })
    }

    /// With a state whose login is not finished.
    async fn go_on(
        &self,
        query: CallbackQuery,
        transaction: LoginTransaction,
        state: &LoginState,
    ) -> Result<Response, Rejection> {
        let to = Destination { return_to: transaction.return_to.clone(), resumes: transaction.resumes };
        let age = self.context.now.0.saturating_sub(transaction.began);
        if Duration::from_secs(u64::try_from(age).unwrap_or(0)) > self.shared.login_timeout {
            return self.again(state.attempt() + 1, to, "the login took too long").await;
        }
        if transaction.is_from_the_future(self.context.now.0, self.shared.instance.ims.clock_skew) {
            let error = ImsError::Clock("the login began in the future".to_owned());
            return Ok(login::failed(self.shared, self.context, &error, &to.return_to));
        }
        match self.shared.ims.is_response_issuer(query.iss.as_deref()).await {
            Ok(true) => {}
            Ok(false) => {
                let why = "iss is missing, or is not the issuer of IMS (RFC 9207)";
                return Ok(self.malformed(why, &to.return_to));
            }
            Err(error) => return Ok(login::failed(self.shared, self.context, &error, &to.return_to)),
        }
        match (query.error, query.code.filter(|code| !code.is_empty())) {
            // IMS was to show nothing and could not (OIDC Core §3.1.2.6): now it may, once.
            (Some(_), _) if transaction.silent => Ok(self.begin(to, state.attempt()).await),
            (Some(error), _) => Ok(self.declined(&error, &to.return_to)),
            (None, None) => Ok(self.malformed("neither code nor error", &to.return_to)),
            (None, Some(code)) => self.redeem(&code, transaction, state).await,
        }
    }

    /// From code to session.
    async fn redeem(
        &self,
        code: &str,
        transaction: LoginTransaction,
        state: &LoginState,
    ) -> Result<Response, Rejection> {
        let shared = self.shared;
        let to = Destination { return_to: transaction.return_to, resumes: transaction.resumes };
        let (replaces, began) = (transaction.replaces, transaction.began);
        // One call to IMS a login: whoever has begun one could send codes under its state without end.
        if !shared.attempts.is_first(state.as_str()) {
            return self.again(state.attempt() + 1, to, STATE_USED).await;
        }
        let (verifier, nonce) = (&transaction.verifier, &transaction.nonce);
        let address = self.context.client_address(self.headers);
        let tokens = match shared.ims.exchange(code, verifier, nonce, address).await {
            Ok(tokens) => tokens,
            // The code was used or is too old: a new one is a redirect away.
            Err(ImsError::Refused { code, .. }) if code == "invalid_grant" => {
                let why = "IMS does not take this code (any more)";
                return self.again(state.attempt() + 1, to, why).await;
            }
            Err(error) => return Ok(login::failed(shared, self.context, &error, &to.return_to)),
        };
        // Only now, because only IMS gives codes that it takes: the store keeps nothing for anybody else.
        let first =
            shared.sessions.first_use(OneTime::LoginState, state.as_str(), shared.login_timeout).await;
        if !matches!(first, Ok(true)) {
            self.discard(&tokens).await;
            first?;
            return self.again(state.attempt() + 1, to, STATE_USED).await;
        }
        let person = match shared.ims.person(&tokens).await {
            Ok(person) => person,
            Err(error) => {
                self.discard(&tokens).await;
                return Ok(login::failed(shared, self.context, &error, &to.return_to));
            }
        };
        let ims = &shared.instance.ims;
        let policy = AccessPolicy {
            organization_id: &ims.organization_id,
            mask: &ims.association_mask,
            product_context: ims.product_context.as_deref(),
            groups_bytes: shared.instance.campaign.groups_bytes,
        };
        match policy.decide(&person.membership) {
            Ok(granted) => {
                let old = match self.live_session().await {
                    Ok(old) => old,
                    Err(rejection) => {
                        self.discard(&tokens).await;
                        return Err(rejection);
                    }
                };
                if old
                    .as_ref()
                    .is_some_and(|old| is_of_another_tab(old, began, replaces.as_deref(), &person, &granted))
                {
                    self.discard(&tokens).await;
                    return Ok(to.redirect());
                }
                self.enter(person, granted, tokens, old, &to).await
            }
            Err(refused) => {
                self.discard(&tokens).await;
                let mut response = refusal::answer(shared, self.context, &person, &refused, &to.return_to);
                if was::is_ours(shared, self.headers) {
                    cookie::remove_was(response.headers_mut(), &shared.cookies);
                }
                Ok(response)
            }
        }
    }

    /// Opens the Campaign session and ours; the old one, if any, dies.
    async fn enter(
        &self,
        person: Profile,
        granted: Granted,
        tokens: ImsTokens,
        old: Option<Arc<Auth>>,
        to: &Destination,
    ) -> Result<Response, Rejection> {
        let shared = self.shared;
        let campaign = match self.campaign_logon(&tokens, &to.return_to).await {
            Ok(campaign) => campaign,
            Err(response) => {
                self.discard(&tokens).await;
                return Ok(*response);
            }
        };
        let identity = Identity {
            ims_session: tokens.session,
            original: Some(tokens.original),
            user: person.user,
            email: person.email,
            name: person.name,
            organization: shared.instance.ims.organization_id.clone(),
            organization_name: granted.organization_name,
            groups: granted.groups,
        };
        let tokens = Tokens {
            access: tokens.access_token,
            access_expires: tokens.access_expires,
            refresh: tokens.refresh_token,
        };
        let auth = match self.replace_session(old, identity, &tokens, campaign.as_ref()).await {
            Ok(auth) => auth,
            Err(rejection) => {
                // Nobody will use what was just opened for this session.
                farewell::say(shared, self.context.id, &tokens, campaign.as_ref()).await;
                return Err(rejection);
            }
        };
        if let Some(most) = shared.max_per_user
            && let Err(error) = shared.sessions.limit_sessions(&auth, most).await
        {
            tracing::warn!(request = %self.context.id, %error, "this person may have more sessions than allowed");
        }
        let identity = &auth.data.identity;
        let who = Who {
            user: &identity.user,
            email: identity.email.as_deref().unwrap_or_default(),
            organization: &identity.organization,
        };
        audit::login(self.context.id, &self.context.peer_text(), who, &identity.groups, &auth.sid);
        let mut response = to.redirect();
        cookie::set_session(response.headers_mut(), shared, &auth.cookie_value(), self.context.now);
        was::set(shared, response.headers_mut(), &auth);
        Ok(response)
    }

    async fn campaign_logon(
        &self,
        tokens: &ImsTokens,
        return_to: &ReturnTo,
    ) -> Result<Option<CampaignSession>, Box<Response>> {
        if self.shared.instance.campaign.session != SessionMode::BearerLogon {
            return Ok(None);
        }
        match campaign_session::open(self.shared, self.context, &tokens.access_token).await {
            Ok(campaign) => Ok(Some(campaign)),
            Err(error) => {
                audit::login_failed(self.context.id, &self.context.peer_text(), &error.to_string());
                Err(Box::new(refusal::campaign(self.shared, self.context, &error, return_to)))
            }
        }
    }

    /// A new id for the new session; a cookie planted before the login is worthless from here on.
    async fn replace_session(
        &self,
        old: Option<Arc<Auth>>,
        identity: Identity,
        tokens: &Tokens,
        campaign: Option<&CampaignSession>,
    ) -> Result<Arc<Auth>, Rejection> {
        let sessions = &self.shared.sessions;
        if let Some(old) = old {
            sessions.end_key(old.key(), EndReason::Replaced).await?;
        }
        Ok(sessions.create(identity, tokens.clone(), campaign.cloned()).await?)
    }

    /// A late, replayed or orphaned callback: who is signed in already goes on, everybody else begins again.
    async fn again(&self, attempt: u8, to: Destination, why: &str) -> Result<Response, Rejection> {
        tracing::info!(request = %self.context.id, why, attempt, "login begins again");
        if self.live_session().await?.is_some() {
            return Ok(to.redirect());
        }
        if attempt > MAX_ATTEMPTS {
            audit::login_failed(self.context.id, &self.context.peer_text(), why);
            let text = if why == COOKIE_MISSING { Text::LoginCookieMissing } else { Text::LoginLoop };
            return Ok(self.failure(StatusCode::BAD_REQUEST, text, &to.return_to));
        }
        Ok(self.begin(to, attempt).await)
    }

    /// Once more, and IMS may show what it has to.
    async fn begin(&self, to: Destination, attempt: u8) -> Response {
        let Destination { return_to, resumes } = to;
        let begin = Begin { return_to, attempt, prompt: Prompt::AsUsual, resumes };
        login::begin(self.shared, self.context, self.headers, begin).await
    }

    async fn live_session(&self) -> Result<Option<Arc<Auth>>, Rejection> {
        match self.shared.cookies.session_cookie(self.headers) {
            Some(cookie) => Ok(self.shared.sessions.find(cookie).await?),
            None => Ok(None),
        }
    }

    /// IMS sent an error instead of a code (RFC 6749 §4.1.2.1). The code is logged only when it has the RFC's shape.
    fn declined(&self, error: &str, return_to: &ReturnTo) -> Response {
        let shaped = !error.is_empty()
            && error.len() <= 60
            && error.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let shown = if shaped { error } else { "(not an OAuth error code)" };
        if matches!(error, "temporarily_unavailable" | "server_error") {
            let error =
                ImsError::Unavailable { endpoint: "authorize", reason: shown.to_owned(), retry_after: None };
            return login::failed(self.shared, self.context, &error, return_to);
        }
        if error == "invalid_scope" {
            let error = ImsError::Refused {
                endpoint: "authorize",
                code: shown.to_owned(),
                description: "a scope in ims.scope is not provisioned for this client".to_owned(),
                debug_id: "-".to_owned(),
            };
            return login::failed(self.shared, self.context, &error, return_to);
        }
        audit::login_failed(self.context.id, &self.context.peer_text(), &format!("IMS declined: {shown}"));
        self.failure(StatusCode::FORBIDDEN, Text::LoginDeclined, return_to)
    }

    fn malformed(&self, why: &str, return_to: &ReturnTo) -> Response {
        tracing::warn!(request = %self.context.id, why, "callback refused");
        audit::login_failed(self.context.id, &self.context.peer_text(), why);
        self.failure(StatusCode::BAD_REQUEST, Text::LoginInvalid, return_to)
    }

    fn failure(&self, status: StatusCode, text: Text, return_to: &ReturnTo) -> Response {
        let retry = login::login_path(return_to);
        Problem::new(status, text).with_link(&retry).page(self.context.page(self.shared)).into_response()
    }

    /// Tokens that nobody will use are given back.
    async fn discard(&self, tokens: &ImsTokens) {
        let (refresh, access) = (tokens.refresh_token.as_ref(), Some(&tokens.access_token));
        let tokens = [refresh, access].into_iter().flatten().cloned().collect();
        farewell::give_back(self.shared, self.context.id, tokens).await;
    }
}

/// True when the browser's session came into being after this login began, for the same person with the same groups:
/// another tab was quicker. Its session is kept, because the pages of that tab carry Campaign's security token.
fn is_of_another_tab(
    session: &Auth,
    began: i64,
    replaces: Option<&str>,
    person: &Profile,
    granted: &Granted,
) -> bool {
    let identity = &session.data.identity;
    session.data.created.0 >= began
        && replaces != Some(&*session.sid)
        && identity.user == person.user
        && identity.groups == granted.groups
}
