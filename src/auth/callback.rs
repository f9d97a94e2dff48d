//! The end of a login: IMS sends the browser back with an authorization code.
//!
//! A callback that is late, replayed or lost begins a new login, a bounded number of times. A callback that is malformed or hostile
//! fails.

use std::net::IpAddr;
use std::sync::Arc;

use http::header;

use super::identify::AuthRequest;
use super::login::{BeginLogin, Destination};
use super::login_failure::LoginFailure;
use super::login_outcome::{FinishedLogin, LoginInterrupted, LoginOutcome, RefusedLogin};
use super::{Authenticator, audit};
use crate::config::SessionMode;
use crate::ims::{ImsError, ImsTokens, Profile};
use crate::policy::access::{Granted, Refusal};
use crate::policy::device::Device;
use crate::policy::login::{CallbackQuery, LoginState, LoginTransaction, MAX_ATTEMPTS, Prompt};
use crate::policy::{authorize_answer, cookies};
use crate::session::{CampaignSession, EndReason, Identity, LiveSession, OneTime, StoreError, Tokens};
use crate::telemetry::audit::{AuditAction, Subject};
use crate::telemetry::{LoginFailureCode, SignIn};
use crate::unix_time::UnixTime;

const STATE_USED: &str = "the state was used before";
const COOKIE_MISSING: &str = "the login's cookie did not come back";

impl Authenticator {
    /// Finishes a login with the query of the callback. `client` is the address of the browser.
    ///
    /// # Errors
    /// When the session store does not answer.
    pub async fn finish_login(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        query: &str,
        client: IpAddr,
    ) -> Result<FinishedLogin, LoginInterrupted> {
        let finished = self.answer_callback(request, query, client).await;
        self.metrics.sign_in(finished.as_ref().map_or(SignIn::StoreUnavailable, FinishedLogin::metric));
        finished
    }

    async fn answer_callback(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        query: &str,
        client: IpAddr,
    ) -> Result<FinishedLogin, LoginInterrupted> {
        let callback = Callback { auth: self, request, client };
        let parsed = CallbackQuery::parse(query).and_then(|query| {
            let state = LoginState::parse(query.state.as_deref()?)?;
            Some((query, state))
        });
        let Some((query, state)) = parsed else {
            let failure = callback.malformed("no state of this gateway, or a parameter twice");
            let outcome = LoginOutcome::Failed(failure, Destination::default());
            return Ok(FinishedLogin { outcome, cookie: None });
        };
        let name = state.cookie_name(&self.cookies);
        let Some(transaction) = callback.transaction(&name) else {
            // A saved form has a cookie of its own.
            let has_form = self.saved_form_ids(request.headers).next().is_some();
            let to = Destination { has_form, ..Destination::default() };
            let outcome = callback.begin_again(state.attempt() + 1, to, COOKIE_MISSING).await?;
            return Ok(FinishedLogin { outcome, cookie: None });
        };
        let outcome = callback.finish(query, transaction, &state, &name).await?;
        Ok(FinishedLogin { outcome, cookie: Some(name) })
    }
}

struct Callback<'a> {
    auth: &'a Arc<Authenticator>,
    request: AuthRequest<'a>,
    client: IpAddr,
}

impl Callback<'_> {
    /// The login with this cookie name, if this gateway sealed it.
    fn transaction(&self, name: &str) -> Option<LoginTransaction> {
        let (_, sealed) = cookies::pairs(self.request.headers).find(|(sent, _)| *sent == name)?;
        self.auth.state.sealer.open(name, sealed)
    }

    async fn finish(
        &self,
        query: CallbackQuery,
        transaction: LoginTransaction,
        state: &LoginState,
        name: &str,
    ) -> Result<LoginOutcome, LoginInterrupted> {
        let to = Destination { return_to: transaction.return_to.clone(), has_form: transaction.resumes };
        if transaction.interrupted {
            return Ok(self.begin_again(state.attempt(), to, "the session could not be saved").await?);
        }
        // The store is asked before the code is used. Nothing is written: anybody can send a callback.
        if self.auth.state.sessions.was_used(OneTime::LoginState, state.as_str()).await? {
            return Ok(self.begin_again(state.attempt() + 1, to, STATE_USED).await?);
        }
        let interrupted = LoginTransaction { interrupted: true, ..transaction.clone() };
        self.check(query, transaction, state, to).await.map_err(|error| {
            // The code is used up. A reload by the person does not count as an automatic attempt.
            let sealed = self.auth.state.sealer.seal(name, &interrupted).ok();
            LoginInterrupted { error, cookie: sealed.map(|sealed| (name.to_owned(), sealed)) }
        })
    }

    /// Checks everything except the code.
    async fn check(
        &self,
        query: CallbackQuery,
        transaction: LoginTransaction,
        state: &LoginState,
        to: Destination,
    ) -> Result<LoginOutcome, StoreError> {
        let now = self.request.now;
        let age = now.since(transaction.began);
        if age > self.auth.login_timeout {
            return self.begin_again(state.attempt() + 1, to, "the login took too long").await;
        }
        if transaction.is_from_the_future(now, self.auth.instance.ims.clock_skew) {
            let error = ImsError::Clock("the login began in the future".to_owned());
            return Ok(LoginOutcome::Failed(self.auth.failed(self.request, &error), to));
        }
        match self.auth.ims.is_response_issuer(query.iss.as_deref()).await {
            Ok(true) => {}
            Ok(false) => {
                let failure = self.malformed("iss is missing, or is not the issuer of IMS (RFC 9207)");
                return Ok(LoginOutcome::Failed(failure, to));
            }
            Err(error) => return Ok(LoginOutcome::Failed(self.auth.failed(self.request, &error), to)),
        }
        match (query.error, query.code.filter(|code| !code.is_empty())) {
            // IMS was asked for a silent sign-in, which was not possible (OIDC Core §3.1.2.6). The next login may show a page, once.
            (Some(_), _) if transaction.silent => Ok(self.begin(to, state.attempt()).await),
            (Some(error), _) => Ok(LoginOutcome::Failed(self.declined(&error), to)),
            (None, None) => Ok(LoginOutcome::Failed(self.malformed("neither code nor error"), to)),
            (None, Some(code)) => self.redeem(&code, transaction, state, to).await,
        }
    }

    /// Exchanges the code and decides about access.
    async fn redeem(
        &self,
        code: &str,
        transaction: LoginTransaction,
        state: &LoginState,
        to: Destination,
    ) -> Result<LoginOutcome, StoreError> {
        let (auth, services) = (self.auth, &self.auth.services);
        // One call to IMS for each login: a browser could send any number of codes with its state.
        if !services.attempts.add(state.as_str()) {
            return self.begin_again(state.attempt() + 1, to, STATE_USED).await;
        }
        let (verifier, nonce) = (&transaction.verifier, &transaction.nonce);
        let tokens = match auth.ims.exchange(code, verifier, nonce, self.client).await {
            Ok(tokens) => tokens,
            // The code was used or has expired: a new one is one redirect away.
            Err(ImsError::Refused { code, .. }) if code == "invalid_grant" => {
                let why = "IMS does not accept this code, or no longer accepts it";
                return self.begin_again(state.attempt() + 1, to, why).await;
            }
            Err(error) => return Ok(LoginOutcome::Failed(self.auth.failed(self.request, &error), to)),
        };
        // The state is saved only now: a code that IMS accepts proves that it comes from IMS, so an attacker cannot fill the store.
        let first =
            auth.state.sessions.first_use(OneTime::LoginState, state.as_str(), auth.login_timeout).await;
        if !matches!(first, Ok(true)) {
            self.discard(&tokens).await;
            first?;
            return self.begin_again(state.attempt() + 1, to, STATE_USED).await;
        }
        let person = match auth.ims.fetch_profile(&tokens).await {
            Ok(person) => person,
            Err(error) => {
                self.discard(&tokens).await;
                return Ok(LoginOutcome::Failed(self.auth.failed(self.request, &error), to));
            }
        };
        let granted = match auth.instance.access_policy().decide(&person.membership) {
            Ok(granted) => granted,
            Err(refusal) => {
                self.discard(&tokens).await;
                return Ok(self.refused(person, refusal, to));
            }
        };
        let old = match self.auth.live_session(self.request).await {
            Ok(old) => old,
            Err(error) => {
                self.discard(&tokens).await;
                return Err(error);
            }
        };
        let (began, replaces) = (transaction.began, transaction.replaces.as_deref());
        if old.as_ref().is_some_and(|old| is_of_another_tab(old, began, replaces, &person, &granted)) {
            self.discard(&tokens).await;
            return Ok(LoginOutcome::AlreadySignedIn(to));
        }
        self.create_session(person, granted, tokens, old, to).await
    }

    fn refused(&self, person: Profile, refusal: Refusal, to: Destination) -> LoginOutcome {
        self.auth.audit(self.request, self.subject(&person), audit::refusal(&refusal));
        LoginOutcome::Refused(Box::new(RefusedLogin { person, refusal, to }))
    }

    fn subject(&self, person: &Profile) -> Subject {
        Subject::person(&person.user, person.email.as_deref(), &self.auth.instance.ims.organization_id)
    }

    /// Opens the Campaign session and the gateway's session. The old session, if any, ends.
    async fn create_session(
        &self,
        person: Profile,
        granted: Granted,
        tokens: ImsTokens,
        old: Option<Arc<LiveSession>>,
        to: Destination,
    ) -> Result<LoginOutcome, StoreError> {
        let (auth, id) = (self.auth, self.request.id);
        let (campaign, restarting) = match self.campaign_logon(&tokens, &person).await {
            Ok(opened) => opened,
            Err(failure) => {
                self.discard(&tokens).await;
                return Ok(LoginOutcome::Failed(failure, to));
            }
        };
        let identity = Identity {
            ims_session: tokens.session,
            original: Some(tokens.original),
            user: person.user,
            email: person.email,
            name: person.name,
            organization: auth.instance.ims.organization_id.clone(),
            organization_name: granted.organization_name,
            groups: granted.groups,
            membership: person.membership.for_record(),
        };
        let tokens = Tokens {
            access: tokens.access_token,
            access_expires: tokens.access_expires,
            refresh: tokens.refresh_token,
        };
        let session = match self.replace_session(old, identity, &tokens, campaign.as_ref()).await {
            Ok(session) => session,
            Err(error) => {
                // Nobody will use what was opened for this session.
                auth.clean_up(id, &tokens, campaign.as_ref()).await;
                return Err(error);
            }
        };
        if let Some(most) = auth.max_per_user
            && let Err(error) = auth.state.sessions.limit_sessions(&session, most).await
        {
            tracing::warn!(request = %id, %error, "this person may have more sessions than session.max_per_user allows");
        }
        let identity = &session.data.identity;
        let login = AuditAction::Login {
            groups: identity.groups.clone(),
            groups_not_in_campaign: auth.groups_not_in_campaign(&identity.groups),
        };
        auth.audit(self.request, session.subject(), login);
        Ok(if restarting {
            LoginOutcome::CampaignRestarting(session, to)
        } else {
            LoginOutcome::SignedIn(session, to)
        })
    }

    /// The new Campaign session, and whether there is none because Campaign is being restarted.
    async fn campaign_logon(
        &self,
        tokens: &ImsTokens,
        person: &Profile,
    ) -> Result<(Option<CampaignSession>, bool), LoginFailure> {
        if self.auth.instance.campaign.session != SessionMode::BearerLogon {
            return Ok((None, false));
        }
        match self.auth.open_campaign_session(self.request.id, self.client, &tokens.access_token).await {
            Ok(campaign) => Ok((Some(campaign), false)),
            Err(error) if error.is_restarting() => {
                tracing::warn!(request = %self.request.id, %error, "signed in without a Campaign session");
                Ok((None, true))
            }
            Err(error) => {
                let failure = LoginFailure::from(&error);
                self.auth.audit_failure(self.request, self.subject(person), failure, &error.to_string());
                tracing::warn!(request = %self.request.id, %error, "Campaign logon failed");
                Err(failure)
            }
        }
    }

    /// Each session has a new id: a cookie planted before the login is worthless afterwards.
    async fn replace_session(
        &self,
        old: Option<Arc<LiveSession>>,
        identity: Identity,
        tokens: &Tokens,
        campaign: Option<&CampaignSession>,
    ) -> Result<Arc<LiveSession>, StoreError> {
        let sessions = &self.auth.state.sessions;
        if let Some(old) = old {
            sessions.end_key(old.key(), EndReason::Replaced).await?;
        }
        let device = self.request.headers.get(header::USER_AGENT).map(|field| Device::of(field.as_bytes()));
        sessions.create(identity, tokens.clone(), campaign.cloned(), device).await
    }

    /// After a late, replayed or lost callback: a person with a session continues; without one the login begins again.
    async fn begin_again(&self, attempt: u8, to: Destination, why: &str) -> Result<LoginOutcome, StoreError> {
        tracing::info!(request = %self.request.id, why, attempt, "login begins again");
        if self.auth.live_session(self.request).await?.is_some() {
            return Ok(LoginOutcome::AlreadySignedIn(to));
        }
        if attempt > MAX_ATTEMPTS {
            let code = if why == COOKIE_MISSING {
                LoginFailureCode::CookieMissing
            } else {
                LoginFailureCode::TooManyAttempts
            };
            let failure = LoginFailure::from(code);
            self.auth.audit_failure(self.request, Subject::nobody(), failure, why);
            return Ok(LoginOutcome::Failed(failure, to));
        }
        Ok(self.begin(to, attempt).await)
    }

    /// Begins a new login, in which IMS may show a page.
    async fn begin(&self, to: Destination, attempt: u8) -> LoginOutcome {
        let begin = BeginLogin { to: to.clone(), attempt, prompt: Prompt::AsUsual };
        match self.auth.start_login(self.request, begin).await {
            Ok(start) => LoginOutcome::Restart(start),
            Err(failure) => LoginOutcome::Failed(failure, to),
        }
    }

    /// IMS sent an error instead of a code (RFC 6749 §4.1.2.1). The error code is logged only when it has the RFC's form.
    fn declined(&self, error: &str) -> LoginFailure {
        let is_code = (1..=60).contains(&error.len()) && authorize_answer::is_error_code(error);
        let shown = if is_code { error } else { "(not an OAuth error code)" };
        if matches!(error, "temporarily_unavailable" | "server_error") {
            let error =
                ImsError::Unavailable { endpoint: "authorize", reason: shown.to_owned(), retry_after: None };
            return self.auth.failed(self.request, &error);
        }
        if error == "invalid_scope" {
            let error = ImsError::Refused {
                endpoint: "authorize",
                code: shown.to_owned(),
                description: "a scope in ims.scope is not provisioned for this client".to_owned(),
                debug_id: "-".to_owned(),
            };
            return self.auth.failed(self.request, &error);
        }
        let reason = format!("IMS declined: {shown}");
        self.auth.audit_failure(self.request, Subject::nobody(), LoginFailureCode::Declined.into(), &reason);
        LoginFailureCode::Declined.into()
    }

    fn malformed(&self, why: &str) -> LoginFailure {
        tracing::warn!(request = %self.request.id, why, "callback refused");
        self.auth.audit_failure(self.request, Subject::nobody(), LoginFailureCode::Malformed.into(), why);
        LoginFailureCode::Malformed.into()
    }

    /// Revokes tokens that nobody will use.
    async fn discard(&self, tokens: &ImsTokens) {
        let (refresh, access) = (tokens.refresh_token.as_ref(), Some(&tokens.access_token));
        let tokens = [refresh, access].into_iter().flatten().cloned().collect();
        self.auth.revoke_unused(self.request.id, tokens).await;
    }
}

/// True when the browser's session was created after this login began, for the same person with the same groups: another tab was
/// faster. Its session is kept, because the pages of that tab carry its Campaign security token.
fn is_of_another_tab(
    session: &LiveSession,
    began: UnixTime,
    replaces: Option<&str>,
    person: &Profile,
    granted: &Granted,
) -> bool {
    let identity = &session.data.identity;
    session.data.created >= began
        && replaces != Some(&*session.sid)
        && identity.user == person.user
        && identity.groups == granted.groups
}
