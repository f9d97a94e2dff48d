//! A password with which the client console logs on as a signed-in person (`campaign.console_password`).
//!
//! The person makes it on `/ims/me` and types it into the console. Campaign never sees it: the gateway checks it, logs on with the person's
//! IMS token, and gives the console a ticket for the person's session.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::Authenticator;
use super::campaign_session::opened;
use super::identify::AuthRequest;
use crate::campaign::{CallFor, CampaignError, logon_response};
use crate::config::ConsolePasswordMode;
use crate::crypto::{random_letters, sha256_text};
use crate::session::{ConsoleAccess, ConsolePassword, Listed, LiveSession, Owner, StoreError};
use crate::telemetry::audit::{AuditAction, Subject};
use crate::unix_time::UnixTime;

/// A new password, to be shown once.
#[derive(Debug)]
pub struct NewPassword {
    /// What to type as the login.
    pub login: String,
    pub password: SecretString,
    /// How long it can be used.
    pub lifetime: Duration,
    /// True when it is good for one logon.
    pub once: bool,
}

#[derive(Debug)]
pub struct ConsoleLogon<'a> {
    /// The login, an e-mail address.
    pub login: &'a str,
    pub password: &'a SecretString,
    /// The address of the person.
    pub client: IpAddr,
    /// The build that the console names.
    pub build: Option<u32>,
    /// The session whose cookie came with the logon.
    pub beside: Option<&'a LiveSession>,
}

#[derive(Debug)]
pub enum ConsoleLogonOutcome {
    /// The console is signed in: Campaign's response, with a ticket instead of its tokens.
    SignedIn(String),
    /// Wrong, used or expired, or too many attempts.
    Refused,
    /// The console is older than this build.
    TooOld(u32),
    /// Campaign does not allow this person to use the console.
    NoConsole,
    /// Campaign refused the person, or did not answer.
    Campaign(CampaignError),
}

impl Authenticator {
    /// Makes a password for the owner of this session and replaces an earlier one. `None` when console passwords are off, for people without
    /// an e-mail address, and when the session has ended.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn new_console_password(
        &self,
        request: AuthRequest<'_>,
        session: &LiveSession,
    ) -> Result<Option<NewPassword>, StoreError> {
        let once = match self.instance.campaign.console_password {
            ConsolePasswordMode::Off => return Ok(None),
            ConsolePasswordMode::Once => true,
            ConsolePasswordMode::Session => false,
        };
        let Some(login) = session.data.identity.email.clone() else { return Ok(None) };
        let left = session.data.ends.since(request.now);
        let lifetime = if once { ONCE.min(left) } else { left };
        let password = readable_password();
        let made = ConsolePassword {
            hash: hash(&password),
            ends: request.now.plus(lifetime),
            once,
            session: session.cookie_value().into(),
        };
        let changed = self.state.sessions.change(session, |data| data.console.password = Some(made.clone()));
        if changed.await?.is_none() {
            return Ok(None);
        }
        self.audit(request, session.subject(), AuditAction::ConsolePasswordMade);
        Ok(Some(NewPassword { login, password: password.into(), lifetime, once }))
    }

    /// Withdraws the password of this session, and signs out the consoles that used one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn withdraw_console_password(
        &self,
        request: AuthRequest<'_>,
        session: &LiveSession,
    ) -> Result<(), StoreError> {
        self.state.sessions.change(session, |data| data.console = ConsoleAccess::default()).await?;
        self.audit(request, session.subject(), AuditAction::ConsolePasswordWithdrawn);
        Ok(())
    }

    /// Signs in a client console with such a password.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn console_logon(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        logon: ConsoleLogon<'_>,
    ) -> Result<ConsoleLogonOutcome, StoreError> {
        use ConsoleLogonOutcome as Outcome;
        if self.instance.campaign.console_password == ConsolePasswordMode::Off {
            return Ok(Outcome::Refused);
        }
        let name = logon.login;
        if logon.beside.is_some_and(|session| !is_of(session, name)) {
            // One client that acts as two people would mix them up.
            self.refused_logon(request, name, "sent with the session of another person");
            return Ok(Outcome::Refused);
        }
        let guesses = &self.state.guesses;
        if !guesses.may_try(name, logon.client) {
            self.refused_logon(request, name, "too many wrong passwords");
            return Ok(Outcome::Refused);
        }
        let hash = hash(secrecy::ExposeSecret::expose_secret(logon.password));
        let Some(session) = self.session_of_password(request, name, &hash).await? else {
            guesses.note_failure(name, logon.client);
            self.refused_logon(request, name, "wrong, used or expired password");
            return Ok(Outcome::Refused);
        };
        if let Some(least) =
            self.instance.campaign.min_console_build.filter(|least| is_older(logon.build, *least))
        {
            return Ok(Outcome::TooOld(least));
        }
        let access = &session.data.tokens.access;
        let for_person = CallFor {
            request_id: request.id.as_str(),
            client: Some(logon.client),
            upstream: session.upstream(),
        };
        let answer = match self.campaign.bearer_token_logon(access, for_person).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Outcome::Campaign(error)),
        };
        // The console uses the Campaign session that the person has. This one was for the description of the person.
        self.log_off_later(request.id, opened(&answer, logon.client, UnixTime::MAX));
        let advertised =
            answer.min_client_build.filter(|_| self.instance.campaign.min_console_build.is_none());
        if let Some(least) = advertised.filter(|least| is_older(logon.build, *least)) {
            return Ok(Outcome::TooOld(least));
        }
        if answer.no_console && logon.build.is_some() {
            return Ok(Outcome::NoConsole);
        }
        let (password, mut was_used) = (&hash[..NAME_LENGTH], false);
        let change =
            self.state.sessions.change(&session, |data| was_used = data.console.use_up(&hash, password));
        let Some(session) = change.await?.filter(|_| was_used) else {
            self.refused_logon(request, name, "the password was used meanwhile");
            return Ok(Outcome::Refused);
        };
        let response =
            self.ticket_of(&session, password).and_then(|ticket| logon_response(&answer.body, &ticket));
        let Some(response) = response else {
            let reason = "it has no session token to replace".to_owned();
            return Ok(Outcome::Campaign(CampaignError::Answer { upstream: answer.upstream, reason }));
        };
        self.audit(request, session.subject(), AuditAction::ConsoleLogon { build: logon.build });
        Ok(Outcome::SignedIn(response))
    }

    fn refused_logon(&self, request: AuthRequest<'_>, login: &str, reason: &str) {
        let (login, reason) = (login.to_owned(), reason.to_owned());
        self.audit(request, Subject::nobody(), AuditAction::ConsoleLogonRefused { login, reason });
    }

    /// The live session whose password this is, with an access token that is valid.
    async fn session_of_password(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        login: &str,
        hash: &str,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let sessions = self.state.sessions.of(Owner::Email(login)).await?;
        let is_it = |listed: &Listed| listed.data.console.accepts(hash, request.now);
        let Some(found) = sessions.into_iter().find(is_it) else { return Ok(None) };
        let Some(password) = found.data.console.password else { return Ok(None) };
        let cookie = secrecy::ExposeSecret::expose_secret(&password.session);
        let Some(session) = self.state.sessions.find_at(cookie, request.now).await? else {
            return Ok(None);
        };
        if !session.is_refresh_due(request.now) {
            return Ok(Some(session));
        }
        // If the refresh fails, Campaign refuses the logon with a clear message.
        Ok(self.refresh_before_use(session.clone(), request.now).await.unwrap_or(Some(session)))
    }
}

/// True for a session of the person with this e-mail address.
fn is_of(session: &LiveSession, login: &str) -> bool {
    let email = session.data.identity.email.as_ref();
    email.is_some_and(|email| email.to_lowercase() == login.to_lowercase())
}

/// True for a console of an older build. Other clients send no build.
fn is_older(build: Option<u32>, least: u32) -> bool {
    build.is_some_and(|build| build < least)
}

/// Four groups of four letters, each one of 32: 80 random bits.
fn readable_password() -> String {
    let letters = random_letters::<16>(LETTERS);
    let groups: Vec<&str> = (0..4).map(|group| &letters[4 * group..4 * group + 4]).collect();
    groups.join("-")
}

/// The hash of a typed password. Letter case, spaces and hyphens do not matter.
fn hash(password: &str) -> String {
    let plain: String = password
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    sha256_text(format!("console password {plain}").as_bytes())
}

/// Letters and digits without `i`, `l`, `o` and `u`, which people confuse.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstvwxyz0123456789";
/// How long a password for one logon can be used.
const ONCE: Duration = Duration::from_mins(10);
/// Length of a password's name in a ticket: the beginning of its hash.
const NAME_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_readable_and_typed_in_any_form() {
        let password = readable_password();
        assert_eq!(password.len(), 19, "{password}");
        assert!(password.split('-').all(|group| group.len() == 4), "{password}");
        assert_eq!(hash("ab12-cd34-ef56-gh78"), hash(" AB12 cd34EF56-gh78\n"));
        assert_ne!(hash("ab12-cd34-ef56-gh78"), hash("ab12-cd34-ef56-gh79"));
        assert_ne!(readable_password(), readable_password());
    }

    #[test]
    fn only_a_console_that_names_an_older_build_is_too_old() {
        assert!(is_older(Some(9332), 9333));
        assert!(!is_older(Some(9333), 9333) && !is_older(None, 9333));
    }
}
