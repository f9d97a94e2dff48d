//! Session tokens and passwords in a request that is refused because its caller is unknown. During a migration they are listed like those
//! that are forwarded (`campaign.foreign_tokens = "report"`).

use std::net::IpAddr;

use http::{Method, Request};

use super::call::BaseCall;
use super::ticket::is_ticket;
use crate::config::ForeignTokens;
use crate::policy::campaign_tokens::{Judge, TokenAction, TokenKind, account_of, exchange_query};
use crate::policy::cookies::{self, CAMPAIGN_COOKIE};
use crate::telemetry::audit::{AuditAction, ForeignTokenDetails, Subject};

/// Lists the values of one request. As a judge, it refuses nothing.
pub struct RefusedTokens<'a> {
    call: BaseCall<'a>,
    method: Method,
    path: String,
    client: IpAddr,
}

impl<'a> RefusedTokens<'a> {
    pub fn new<B>(call: BaseCall<'a>, request: &Request<B>) -> Self {
        Self {
            call,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            client: call.context.client_address(request.headers()),
        }
    }

    /// Lists what is in the query, and the accounts in the field `X-Session-Token` and in Campaign's cookie. A token there may be left over
    /// from the time before the gateway.
    pub fn in_head<B>(&mut self, request: &Request<B>) {
        if let Some(query) = request.uri().query() {
            // Nothing is refused.
            let _ = exchange_query(query, self);
        }
        let headers = request.headers();
        let in_field = headers.get("x-session-token").and_then(|value| value.to_str().ok());
        let in_cookie = cookies::pairs(headers).filter(|(name, _)| *name == CAMPAIGN_COOKIE);
        for value in in_field.into_iter().chain(in_cookie.map(|(_, value)| value.trim_matches('"'))) {
            if account_of(value).is_some() {
                self.judge(TokenKind::Session, value);
            }
        }
    }

    /// Lists the login of a native account that logs on. An e-mail address is the login of a person.
    pub fn login(&mut self, login: &str) {
        if !login.is_empty() && !login.contains('@') {
            self.list(login);
        }
    }

    fn list(&self, account: &str) {
        let call = self.call;
        if call.site.campaign.foreign_tokens == ForeignTokens::Refuse {
            return;
        }
        let found = ForeignTokenDetails {
            account: account.to_owned(),
            method: self.method.to_string(),
            path: self.path.clone(),
            refused: true,
        };
        call.counters.foreign_token(true);
        call.snapshot.services.foreign_tokens.add(call.context.now, self.client, &found);
        call.audit(Subject::nobody(), AuditAction::ForeignToken(found));
    }
}

impl Judge for RefusedTokens<'_> {
    fn judge(&mut self, kind: TokenKind, value: &str) -> TokenAction {
        if kind == TokenKind::Session && !value.is_empty() && !is_ticket(value) {
            self.list(account_of(value).unwrap_or_default());
        }
        TokenAction::Keep
    }
}
