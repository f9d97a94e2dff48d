//! Tickets of the gateway in the head of a request: of SOAP clients, and of views inside the client console.

use http::Request;

use crate::auth::TICKET_PREFIX;
use crate::policy::campaign_tokens::{TokenAction, TokenKind, exchange_query};
use crate::policy::cookies::{self, CAMPAIGN_COOKIE};

/// The ticket in the field `X-Session-Token`, in Campaign's cookie, or in the query.
pub fn in_head<B>(request: &Request<B>) -> Option<String> {
    let headers = request.headers();
    let in_field = headers.get("x-session-token").and_then(|value| value.to_str().ok());
    let in_cookie = cookies::pairs(headers)
        .filter(|(name, _)| *name == CAMPAIGN_COOKIE)
        // Tomcat may have quoted it.
        .map(|(_, value)| value.trim_matches('"'));
    let found = in_field.into_iter().chain(in_cookie).find(|token| is_ticket(token)).map(str::to_owned);
    found.or_else(|| in_query(request.uri().query()?))
}

/// True for a value that may be a ticket.
pub fn is_ticket(token: &str) -> bool {
    token.starts_with(TICKET_PREFIX)
}

fn in_query(query: &str) -> Option<String> {
    let mut found = None;
    let mut look = |kind, value: &str| {
        if kind == TokenKind::Session && is_ticket(value) {
            found.get_or_insert_with(|| value.to_owned());
        }
        TokenAction::Keep
    };
    exchange_query(query, &mut look).ok()?;
    found
}
