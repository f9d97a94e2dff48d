//! Tokens that the gateway gives to a SOAP client after a logon. They stand for a session, and the gateway replaces them by Campaign's own
//! tokens.
//!
//! A ticket is sealed and holds its session or the session's cookie value. So any instance can use it, and nothing is stored.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::Authenticator;
use super::identify::AuthRequest;
use crate::campaign::CallFor;
use crate::crypto::sha256_text;
use crate::policy::campaign_tokens::TokenPair;
use crate::policy::native_account::TicketOrigin;
use crate::session::{LiveSession, StoreError};
use crate::telemetry::RequestId;
use crate::unix_time::UnixTime;

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
    /// A session of an emergency account at Campaign.
    Emergency { login: String, session: String, security: String, made: UnixTime },
}

#[derive(Debug)]
pub enum TicketOwner {
    /// A person's live session, and the ticket with its security token.
    Person(Arc<LiveSession>, TokenPair),
    Native(Arc<NativeSession>, TokenPair),
}

/// A session of a native account at Campaign.
#[derive(Debug)]
pub struct NativeSession {
    pub login: String,
    /// Campaign's tokens.
    pub tokens: TokenPair,
    pub origin: TicketOrigin,
}

impl Authenticator {
    /// A ticket for this session, after a logon with the password of this name.
    pub(super) fn ticket_of(&self, session: &LiveSession, password: &str) -> Option<TokenPair> {
        self.ticket(&Ticket::Person { session: session.cookie_value(), password: password.to_owned() })
    }

    pub fn native_ticket(&self, session: &NativeSession) -> Option<TokenPair> {
        let login = session.login.clone();
        let [session_token, security] =
            [&session.tokens.session, &session.tokens.security].map(|token| token.expose_secret().to_owned());
        self.ticket(&match session.origin {
            TicketOrigin::Usual => Ticket::Native { login, session: session_token, security },
            TicketOrigin::Emergency(made) => {
                Ticket::Emergency { login, session: session_token, security, made }
            }
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
                Some(native((login, session, security), TicketOrigin::Usual, token))
            }
            Some(Ticket::Emergency { login, session, security, made }) => {
                Some(native((login, session, security), TicketOrigin::Emergency(made), token))
            }
        })
    }

    /// Ends sessions of emergency accounts at Campaign in the background, with one attempt each.
    pub fn end_native_sessions(&self, sessions: Vec<TokenPair>) {
        let (campaign, id) = (self.campaign.clone(), RequestId::random());
        self.services.tasks.spawn(async move {
            for TokenPair { session, security } in sessions {
                let call = CallFor { request_id: id.as_str(), client: None, upstream: None };
                if let Err(error) = campaign.logoff(&session, &security, call).await {
                    tracing::info!(request = %id, %error, "the Campaign session of an emergency account was not ended; it expires by itself");
                }
            }
        });
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

fn native(
    (login, session, security): (String, String, String),
    origin: TicketOrigin,
    token: &str,
) -> TicketOwner {
    let tokens = TokenPair { session: session.into(), security: security.into() };
    TicketOwner::Native(Arc::new(NativeSession { login, tokens, origin }), pair(token.to_owned()))
}

/// The security token is derived from the ticket, so only the holder of the ticket knows it.
fn pair(session: String) -> TokenPair {
    let digest = sha256_text(format!("security token of {session}").as_bytes());
    TokenPair { session: session.into(), security: format!("@{digest}=").into() }
}

/// The prefix of every ticket. Campaign's own tokens have a hexadecimal digit after the underscores.
pub const PREFIX: &str = "___ims.";
const CONTEXT: &str = "soap ticket";
