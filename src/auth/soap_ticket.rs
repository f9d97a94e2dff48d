//! Tokens that the gateway gives to a SOAP client after a logon. They stand for a session and are exchanged for Campaign's own.
//!
//! A ticket is sealed and names its session, so any instance understands it, and nothing more is stored.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::Authenticator;
use super::identify::AuthRequest;
use crate::crypto::sha256_text;
use crate::policy::campaign_tokens::TokenPair;
use crate::session::{LiveSession, StoreError};

/// What a ticket holds.
#[derive(Serialize, Deserialize)]
struct Ticket {
    /// The cookie value of the session.
    session: String,
    /// The name of the password that was used.
    password: String,
}

impl Authenticator {
    /// Session token and security token that stand for this session, after a logon with the password of this name.
    pub(super) fn ticket_of(&self, session: &LiveSession, password: &str) -> Option<TokenPair> {
        let ticket = Ticket { session: session.cookie_value(), password: password.to_owned() };
        let sealed = self.services.sealer.seal(CONTEXT, &ticket).ok()?;
        Some(pair(format!("{PREFIX}{sealed}")))
    }

    /// The session that a ticket stands for, and the ticket with its security token. `None` for another value, when the session has
    /// ended, and when its owner has withdrawn the password. Counts as use.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn session_of_ticket(
        &self,
        request: AuthRequest<'_>,
        token: &str,
    ) -> Result<Option<(Arc<LiveSession>, TokenPair)>, StoreError> {
        let Some(sealed) = token.strip_prefix(PREFIX) else { return Ok(None) };
        let Some(ticket) = self.services.sealer.open::<Ticket>(CONTEXT, sealed) else { return Ok(None) };
        let session = self.services.sessions.find_at(&ticket.session, request.now).await?;
        let session = session.filter(|session| session.data.console.used.contains(&ticket.password));
        Ok(session.map(|session| (session, pair(token.to_owned()))))
    }

    /// Ends a ticket of this session: its client has logged off.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_ticket(&self, session: &LiveSession, ticket: &TokenPair) -> Result<(), StoreError> {
        let sealed = ticket.session.expose_secret().strip_prefix(PREFIX);
        let Some(ticket) = sealed.and_then(|sealed| self.services.sealer.open::<Ticket>(CONTEXT, sealed))
        else {
            return Ok(());
        };
        let change = self
            .services
            .sessions
            .change(session, |data| data.console.used.retain(|used| *used != ticket.password));
        change.await.map(drop)
    }
}

/// The security token belongs to the ticket: who does not know the ticket cannot make it.
fn pair(session: String) -> TokenPair {
    let digest = sha256_text(format!("security token of {session}").as_bytes());
    TokenPair { session: session.into(), security: format!("@{digest}=").into() }
}

/// How every ticket begins. Campaign's own tokens have a hexadecimal digit after the underscores.
pub const PREFIX: &str = "___ims.";
const CONTEXT: &str = "soap ticket";
