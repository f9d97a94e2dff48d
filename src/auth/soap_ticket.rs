//! Tokens that the gateway gives to a SOAP client after a logon. They stand for a session, and the gateway replaces them by Campaign's own
//! tokens.
//!
//! A ticket is sealed and holds its session or the session's cookie value. So any instance can use it, and nothing is stored.

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
enum Ticket {
    /// A person's session.
    Person {
        /// The cookie value of the session.
        session: String,
        /// The name of the password that was used.
        password: String,
    },
    /// A session of a native account at Campaign.
    Native {
        login: String,
        /// Campaign's session token and security token.
        session: String,
        security: String,
    },
}

/// The owner of a ticket.
#[derive(Debug)]
pub enum TicketOwner {
    /// A person's live session, and the ticket with its security token.
    Person(Arc<LiveSession>, TokenPair),
    /// A native account.
    Native(Arc<NativeSession>, TokenPair),
}

/// A session of a native account at Campaign.
#[derive(Debug)]
pub struct NativeSession {
    /// The login of the account.
    pub login: String,
    /// Campaign's tokens.
    pub tokens: TokenPair,
}

impl Authenticator {
    /// A ticket for this session, after a logon with the password of this name.
    pub(super) fn ticket_of(&self, session: &LiveSession, password: &str) -> Option<TokenPair> {
        self.ticket(&Ticket::Person { session: session.cookie_value(), password: password.to_owned() })
    }

    /// A ticket for this session of a native account.
    pub fn native_ticket(&self, session: &NativeSession) -> Option<TokenPair> {
        self.ticket(&Ticket::Native {
            login: session.login.clone(),
            session: session.tokens.session.expose_secret().to_owned(),
            security: session.tokens.security.expose_secret().to_owned(),
        })
    }

    fn ticket(&self, ticket: &Ticket) -> Option<TokenPair> {
        let sealed = self.state.sealer.seal(CONTEXT, ticket).ok()?;
        Some(pair(format!("{PREFIX}{sealed}")))
    }

    /// The owner of a ticket. `None` for any other text, after the end of the person's session, and after the password was withdrawn.
    /// Counts as use of the session.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn owner_of_ticket(
        &self,
        request: AuthRequest<'_>,
        token: &str,
    ) -> Result<Option<TicketOwner>, StoreError> {
        let sealed = token.strip_prefix(PREFIX);
        let ticket = sealed.and_then(|sealed| self.state.sealer.open::<Ticket>(CONTEXT, sealed));
        Ok(match ticket {
            None => None,
            Some(Ticket::Person { session, password }) => {
                let session = self.state.sessions.find_at(&session, request.now).await?;
                let session = session.filter(|session| session.data.console.used.contains(&password));
                session.map(|session| TicketOwner::Person(session, pair(token.to_owned())))
            }
            Some(Ticket::Native { login, session, security }) => {
                let tokens = TokenPair { session: session.into(), security: security.into() };
                let session = Arc::new(NativeSession { login, tokens });
                Some(TicketOwner::Native(session, pair(token.to_owned())))
            }
        })
    }

    /// Ends a ticket of this session after its client has logged off.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_ticket(&self, session: &LiveSession, ticket: &TokenPair) -> Result<(), StoreError> {
        let sealed = ticket.session.expose_secret().strip_prefix(PREFIX);
        let opened = sealed.and_then(|sealed| self.state.sealer.open::<Ticket>(CONTEXT, sealed));
        let Some(Ticket::Person { password, .. }) = opened else { return Ok(()) };
        let change =
            self.state.sessions.change(session, |data| data.console.used.retain(|used| *used != password));
        change.await.map(drop)
    }
}

/// The security token is derived from the ticket, so only the holder of the ticket knows it.
fn pair(session: String) -> TokenPair {
    let digest = sha256_text(format!("security token of {session}").as_bytes());
    TokenPair { session: session.into(), security: format!("@{digest}=").into() }
}

/// The prefix of every ticket. Campaign's own tokens have a hexadecimal digit after the underscores.
pub const PREFIX: &str = "___ims.";
const CONTEXT: &str = "soap ticket";
