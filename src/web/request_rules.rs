//! `[[campaign.rule]]` at the gate: which rules match, and what of a request they are compared with.
//!
//! The decisions are in [`policy::request_rules`](crate::policy::request_rules).

use std::net::IpAddr;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderMap, Method, Request};

use super::call::BaseCall;
use super::rejection::Rejection;
use crate::auth::ServiceAccount;
use crate::policy::request_rules::{MatchedRules, RequestRule, RuleCondition, Unmet};
use crate::session::LiveSession;
use crate::telemetry::audit::{AuditAction, RuleRefusal, RuleRefusedDetails, Subject};

/// Who sends a request, as far as rules ask.
#[derive(Clone, Copy, Debug)]
pub enum RuledCaller<'a> {
    /// A person.
    Person(&'a LiveSession),
    /// A technical account.
    Account(&'a ServiceAccount),
    /// A native account, or nobody.
    Unknown,
}

impl RuledCaller<'_> {
    fn groups(&self) -> &[String] {
        match self {
            Self::Person(session) => &session.data.identity.groups,
            Self::Account(account) => &account.identity.groups,
            Self::Unknown => &[],
        }
    }
}

/// A request as the audit trail names it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// The canonical path.
    pub path: &'a str,
    /// The header fields, which may name the client's address.
    pub headers: &'a HeaderMap,
}

impl<'a> Asked<'a> {
    /// This request. The gate has put the canonical path into it.
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self { method: request.method(), path: request.uri().path(), headers: request.headers() }
    }

    /// This request, whose body is away.
    pub fn of_head(head: &'a Parts) -> Self {
        Self { method: &head.method, path: head.uri.path(), headers: &head.headers }
    }
}

/// The call with the rules that match its path, after they were compared with the client.
///
/// # Errors
/// As [`check_client`].
#[inline]
pub fn restricted<'a>(call: BaseCall<'a>, asked: Asked<'_>) -> Result<BaseCall<'a>, Rejection> {
    if call.site.campaign.request_rules.is_empty() {
        return Ok(call);
    }
    Ok(BaseCall { rules: check_client(call, asked)?, ..call })
}

/// The rules that match a path, after its networks and rates were checked. The groups are checked when the caller is known: see
/// [`check_groups`].
///
/// # Errors
/// When the client's address is in none of a rule's networks, or sends too many requests.
pub fn check_client(call: BaseCall<'_>, asked: Asked<'_>) -> Result<MatchedRules, Rejection> {
    let rules = &call.site.campaign.request_rules;
    let matched = rules.matching(asked.path);
    if matched.is_empty() {
        return Ok(matched);
    }
    let client = call.context.client_address(asked.headers);
    rules
        .check_address(matched, client)
        .map_err(|unmet| refuse(call, asked, client, unmet, RuledCaller::Unknown))?;
    check_rates(call, asked, client, matched)?;
    Ok(matched)
}

/// Takes the request from the bucket of each rule with a rate.
fn check_rates(
    call: BaseCall<'_>,
    asked: Asked<'_>,
    client: IpAddr,
    matched: MatchedRules,
) -> Result<(), Rejection> {
    for (index, _) in call.site.campaign.request_rules.matched(matched) {
        if let Err(wait) = call.site.rule_states.take(index, client, Instant::now()) {
            let unmet = Unmet { index, condition: RuleCondition::Rate };
            let _ = refuse(call, asked, client, unmet, RuledCaller::Unknown);
            return Err(Rejection::RuleRate(wait));
        }
    }
    Ok(())
}

/// Checks the caller against the rules of the call.
///
/// # Errors
/// When the caller has no group that a rule asks for.
pub fn check_groups(call: BaseCall<'_>, asked: Asked<'_>, caller: RuledCaller<'_>) -> Result<(), Rejection> {
    if !call.rules.needs_group() {
        return Ok(());
    }
    let checked = call.site.campaign.request_rules.check_groups(call.rules, caller.groups());
    checked.map_err(|unmet| {
        let client = call.context.client_address(asked.headers);
        refuse(call, asked, client, unmet, caller)
    })
}

/// Counts a refusal and writes it to the audit trail.
fn refuse(
    call: BaseCall<'_>,
    asked: Asked<'_>,
    client: IpAddr,
    unmet: Unmet,
    caller: RuledCaller<'_>,
) -> Rejection {
    let condition = match unmet.condition {
        RuleCondition::Groups => RuleRefusal::Groups,
        RuleCondition::Networks => RuleRefusal::Networks,
        RuleCondition::Rate => RuleRefusal::Rate,
    };
    call.counters.rule_refusal(condition);
    let (subject, refused) = match caller {
        RuledCaller::Person(session) => (session.data.identity.subject().with_session(&session.sid), Some(1)),
        RuledCaller::Account(account) => (account.subject(), Some(1)),
        RuledCaller::Unknown => {
            (Subject::nobody(), call.site.rule_states.count_refusal(unmet, call.context.now))
        }
    };
    if let Some(refused) = refused {
        let rule = call.site.campaign.request_rules.iter().nth(unmet.index);
        let details = RuleRefusedDetails {
            rule: rule.map_or("", RequestRule::name).to_owned(),
            condition,
            method: asked.method.to_string(),
            path: asked.path.to_owned(),
            refused,
        };
        call.audit_from(client, subject, AuditAction::RuleRefused(details));
    }
    Rejection::RuleUnmet
}
