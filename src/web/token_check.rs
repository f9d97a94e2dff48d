//! Checks the Campaign tokens in a request before it is forwarded, and replaces tokens of earlier Campaign sessions.
//!
//! Campaign takes the caller's identity from these values, even from `login/password`. So only this session's own tokens pass.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Uri};

use super::body_scanner::BodyScanner;
use super::call::{BaseCall, OwnedBaseCall};
use super::native_account;
use super::rejection::Rejection;
use crate::auth::{OperatorAttempt, PasswordResult, ServiceAccount};
use crate::config::ForeignTokens;
use crate::policy::campaign_tokens::{
    ForeignToken, Judge, OwnTokens, TokenAction, TokenKind, TokenPair, account_of, exchange_query,
};
use crate::policy::native_account::NativeProof;
use crate::proxy::{BodyFilter, BodyRefused, ClientBody, Forwarded, ProxyError};
use crate::session::{IssuedTokens, LiveSession};
use crate::telemetry::audit::{AuditAction, ForeignTokenDetails, Subject};
use crate::wire::fields::{SECURITY_TOKEN, header_text};

/// Who may hold which tokens in a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenHolder<'a> {
    /// The caller's session.
    pub session: Option<&'a Arc<LiveSession>>,
    /// The technical account that calls.
    pub account: Option<&'a Arc<ServiceAccount>>,
    /// The ticket that the gateway gave to this client in place of Campaign's tokens.
    pub ticket: Option<&'a TokenPair>,
    /// Campaign's tokens, when a technical or a native account opened its session by itself.
    pub client_held: Option<&'a TokenPair>,
}

#[derive(Debug, Default)]
pub struct Checked {
    wrong_security_token: bool,
    passwords: Vec<OperatorAttempt>,
    in_body: Option<Arc<Found>>,
}

/// What a judge has found so far.
#[derive(Debug, Default)]
struct Found {
    wrong_security_token: AtomicBool,
    /// Passwords of native accounts that go to Campaign.
    passwords: Mutex<Vec<OperatorAttempt>>,
}

impl Found {
    fn has_wrong_security_token(&self) -> bool {
        self.wrong_security_token.load(Ordering::Relaxed)
    }

    fn take_passwords(&self) -> Vec<OperatorAttempt> {
        std::mem::take(&mut *self.passwords.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Checked {
    /// Combines two results.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.wrong_security_token |= other.wrong_security_token;
        self.passwords.extend(other.passwords);
        self
    }

    /// With the password of a logon.
    pub fn add_password(&mut self, attempt: OperatorAttempt) {
        self.passwords.push(attempt);
    }

    /// True when the request holds a wrong security token. Then a refusal by Campaign says nothing about the session.
    pub fn has_wrong_security_token(&self) -> bool {
        self.wrong_security_token
            || self.in_body.as_ref().is_some_and(|found| found.has_wrong_security_token())
    }

    /// The passwords in the request that need a result from the response. None when there is no response: then they get their result here.
    pub fn passwords_for(
        &mut self,
        call: BaseCall<'_>,
        forwarded: &Result<Forwarded, ProxyError>,
    ) -> Vec<OperatorAttempt> {
        let passwords = self.take_passwords();
        match forwarded {
            Ok(_) => passwords,
            Err(error) => {
                native_account::end_unanswered(call, passwords, error);
                Vec::new()
            }
        }
    }

    /// The passwords of native accounts in the request, as far as it was read. Each needs a result.
    pub fn take_passwords(&mut self) -> Vec<OperatorAttempt> {
        let mut passwords = std::mem::take(&mut self.passwords);
        passwords.extend(self.in_body.iter().flat_map(|found| found.take_passwords()));
        passwords
    }
}

/// Checks and exchanges the tokens in query, header and form. A body is checked while it is forwarded.
///
/// # Errors
/// When the query holds a value that is not forwarded.
pub fn check(
    call: BaseCall<'_>,
    request: &mut Request<ClientBody>,
    holder: TokenHolder<'_>,
) -> Result<Checked, Rejection> {
    let mut checked = Checked::default();
    if let Some(query) = request.uri().query()
        && let Some(query) = exchanged(call, request, query, holder, &mut checked)?
    {
        *request.uri_mut() = with_query(request.uri(), &query).ok_or(Rejection::Internal)?;
    }
    if call.context.has.security_token {
        check_header(request.headers_mut(), holder, &mut checked);
    }
    if let Some(scanner) = BodyScanner::of(request) {
        let judge = TokenJudge::new(call, request, holder);
        checked.in_body = Some(judge.found.clone());
        request.body_mut().filter(Box::new(TokenFilter { judge, scanner }));
    }
    Ok(checked)
}

/// The head of a request that was checked before, for the Campaign session of `fresh`.
pub fn exchange_again(head: &Parts, fresh: &Arc<LiveSession>) -> Parts {
    let mut head = head.clone();
    let holder = TokenHolder { session: Some(fresh), ..TokenHolder::default() };
    let mut judge = |kind, value: &str| match holder.judge(kind, value) {
        // This value was checked before.
        TokenAction::Refuse => TokenAction::Keep,
        verdict => verdict,
    };
    if let Some(query) = head.uri.query()
        && let Ok(Some(query)) = exchange_query(query, &mut judge)
        && let Some(uri) = with_query(&head.uri, &query)
    {
        head.uri = uri;
    }
    check_header(&mut head.headers, holder, &mut Checked::default());
    head
}

fn exchanged(
    call: BaseCall<'_>,
    request: &Request<ClientBody>,
    query: &str,
    holder: TokenHolder<'_>,
    checked: &mut Checked,
) -> Result<Option<String>, Rejection> {
    // Made only for a query with a token.
    let mut judge: Option<TokenJudge> = None;
    let mut judged = |kind, value: &str| {
        judge.get_or_insert_with(|| TokenJudge::new(call, request, holder)).judge(kind, value)
    };
    let query = exchange_query(query, &mut judged);
    if let Some(judge) = judge {
        *checked = std::mem::take(checked).and(judge.finish(query.is_ok()));
    }
    query.map_err(|ForeignToken| Rejection::ForeignToken)
}

/// Exchanges the security token in the header field.
fn check_header(headers: &mut HeaderMap, holder: TokenHolder<'_>, checked: &mut Checked) {
    let Some(sent) = headers.get(SECURITY_TOKEN) else { return };
    let sent = sent.to_str().unwrap_or("?");
    match holder.judge(TokenKind::Security, sent) {
        TokenAction::Replace(token) => {
            headers.insert(SECURITY_TOKEN, header_text(&token));
        }
        TokenAction::Keep | TokenAction::Refuse => {
            checked.wrong_security_token |= holder.is_wrong_security_token(sent);
        }
    }
}

/// The address with another query.
fn with_query(uri: &Uri, query: &str) -> Option<Uri> {
    let target = PathAndQuery::from_maybe_shared(Bytes::from(format!("{}?{query}", uri.path()))).ok()?;
    Some(Uri::from(target))
}

impl<'a> TokenHolder<'a> {
    fn own(self) -> OwnTokens<'a> {
        let of_others = OwnTokens { current: self.client_held, earlier: &[] };
        self.session.map_or(of_others, |session| session.own_tokens())
    }

    /// Session tokens that Campaign has issued to this caller in responses.
    fn given_otherwise(self) -> Option<&'a IssuedTokens> {
        let of_account = || self.account.map(|account| &account.issued_tokens);
        self.session.map(|session| session.issued_tokens()).or_else(of_account)
    }

    fn judge(self, kind: TokenKind, value: &str) -> TokenAction {
        if self.ticket.is_some_and(|ticket| value == ticket.text(kind)) {
            return TokenAction::Replace(self.own().current_text(kind).to_owned());
        }
        self.own().judge(kind, value)
    }

    fn is_wrong_security_token(self, value: &str) -> bool {
        self.own().is_wrong_security_token(value)
    }
}

/// Judges the values of one request, and reports foreign ones.
#[derive(Debug)]
pub struct TokenJudge {
    call: OwnedBaseCall,
    method: Method,
    path: String,
    client: IpAddr,
    session: Option<Arc<LiveSession>>,
    account: Option<Arc<ServiceAccount>>,
    ticket: Option<TokenPair>,
    client_held: Option<TokenPair>,
    found: Arc<Found>,
}

impl TokenJudge {
    pub fn new<B>(call: BaseCall<'_>, request: &Request<B>, holder: TokenHolder<'_>) -> Self {
        Self {
            call: call.to_owned(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            client: call.context.client_address(request.headers()),
            session: holder.session.cloned(),
            account: holder.account.cloned(),
            ticket: holder.ticket.cloned(),
            client_held: holder.client_held.cloned(),
            found: Arc::default(),
        }
    }

    fn holder(&self) -> TokenHolder<'_> {
        TokenHolder {
            session: self.session.as_ref(),
            account: self.account.as_ref(),
            ticket: self.ticket.as_ref(),
            client_held: self.client_held.as_ref(),
        }
    }

    /// What it has found. Passwords of a request that is refused have no result at Campaign.
    pub fn finish(self, is_forwarded: bool) -> Checked {
        let wrong_security_token = self.found.has_wrong_security_token();
        let mut passwords = self.found.take_passwords();
        if !is_forwarded {
            native_account::end(self.call.get(), std::mem::take(&mut passwords), PasswordResult::Unchecked);
        }
        Checked { wrong_security_token, passwords, in_body: None }
    }

    /// Whether the password of a native account may go to Campaign, where a wrong one counts.
    fn begin_password(&self, value: &str) -> bool {
        let (login, password) = value.split_once('/').unwrap_or((value, ""));
        let Some(attempt) = native_account::begin(self.call.get(), login, password) else { return false };
        self.found.passwords.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
        true
    }

    /// Whether a foreign value is still forwarded (`campaign.foreign_tokens = "report"`).
    fn foreign(&self, value: &str) -> TokenAction {
        let holder = self.holder();
        if holder.given_otherwise().is_some_and(|given| given.contains(value)) {
            return TokenAction::Keep;
        }
        let call = self.call.get();
        let account = account_of(value).unwrap_or_default();
        let asked = (self.client, self.path.as_str());
        let is_listed = native_account::allowed(call, account, asked, NativeProof::Password).is_some();
        let campaign = &call.site.campaign;
        let is_reported =
            campaign.foreign_tokens == ForeignTokens::Report && !campaign.is_emergency_login(account);
        let is_forwarded = (is_listed || is_reported) && (account.is_empty() || self.begin_password(value));
        if is_listed && is_forwarded {
            return TokenAction::Keep;
        }
        let refused = !is_forwarded;
        let of_account = || self.account.as_ref().map(|account| account.identity.user.as_str());
        let user =
            self.session.as_ref().map(|session| session.data.identity.user.as_str()).or_else(of_account);
        let found = ForeignTokenDetails {
            account: account.to_owned(),
            method: self.method.to_string(),
            path: self.path.clone(),
            refused,
        };
        call.counters.foreign_token(refused);
        call.snapshot.services.foreign_tokens.add(call.context.now, self.client, &found);
        call.audit(Subject::user(user.unwrap_or_default()), AuditAction::ForeignToken(found));
        if refused { TokenAction::Refuse } else { TokenAction::Keep }
    }
}

impl Judge for TokenJudge {
    fn judge(&mut self, kind: TokenKind, value: &str) -> TokenAction {
        match self.holder().judge(kind, value) {
            TokenAction::Refuse => self.foreign(value),
            TokenAction::Keep
                if kind == TokenKind::Security && self.holder().is_wrong_security_token(value) =>
            {
                self.found.wrong_security_token.store(true, Ordering::Relaxed);
                TokenAction::Keep
            }
            verdict => verdict,
        }
    }
}

/// Checks a body while it passes.
#[derive(Debug)]
struct TokenFilter {
    judge: TokenJudge,
    scanner: BodyScanner,
}

impl BodyFilter for TokenFilter {
    fn push(&mut self, bytes: Bytes) -> Result<Bytes, BodyRefused> {
        let mut output = self.may_change_length().then(Vec::new);
        let scanned = self.scanner.push(&bytes, &mut self.judge, output.as_mut());
        scanned.map_err(|ForeignToken| BodyRefused)?;
        Ok(output.map_or(bytes, Bytes::from))
    }

    fn finish(&mut self) -> Result<Bytes, BodyRefused> {
        let mut output = self.may_change_length().then(Vec::new);
        let scanned = self.scanner.finish(&mut self.judge, output.as_mut());
        scanned.map_err(|ForeignToken| BodyRefused)?;
        Ok(output.unwrap_or_default().into())
    }

    /// Without other tokens than the current ones, nothing is replaced.
    fn may_change_length(&self) -> bool {
        self.judge.ticket.is_some() || !self.judge.holder().own().earlier.is_empty()
    }
}
