//! Applies `[[campaign.rule]]` to requests: finds the rules that match, and checks client and caller.
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

/// The caller whose groups the rules check.
#[derive(Clone, Copy, Debug)]
pub enum Principal<'a> {
    Person(&'a LiveSession),
    Account(&'a ServiceAccount),
    /// A native account, or a caller who is not signed in. Neither has groups.
    Unknown,
}

impl Principal<'_> {
    fn groups(&self) -> &[String] {
        match self {
            Self::Person(session) => &session.data.identity.groups,
            Self::Account(account) => &account.identity.groups,
            Self::Unknown => &[],
        }
    }
}

/// The parts of a request that rules and their audit event need.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// The header fields, which may name the client's address.
    pub headers: &'a HeaderMap,
}

impl<'a> RequestView<'a> {
    /// This request. The gate has put the canonical path into it.
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self { method: request.method(), path: request.uri().path(), headers: request.headers() }
    }

    /// The request with this head, after its body was taken.
    pub fn of_head(head: &'a Parts) -> Self {
        Self { method: &head.method, path: head.uri.path(), headers: &head.headers }
    }
}

/// Checks the client against the rules that match the path, and adds these rules to the call.
///
/// # Errors
/// As [`check_client`].
#[inline]
pub fn with_rules<'a>(call: BaseCall<'a>, request: RequestView<'_>) -> Result<BaseCall<'a>, Rejection> {
    if call.site.campaign.request_rules.is_empty() {
        return Ok(call);
    }
    Ok(BaseCall { rules: check_client(call, request)?, ..call })
}

/// Checks networks and rates of the rules that match the path, and returns these rules. The groups are checked when the caller is known:
/// see [`check_groups`].
///
/// # Errors
/// When the client's address is in none of a rule's networks, or sends too many requests.
pub fn check_client(call: BaseCall<'_>, request: RequestView<'_>) -> Result<MatchedRules, Rejection> {
    let rules = &call.site.campaign.request_rules;
    let matched = rules.matching(request.path);
    if matched.is_empty() {
        return Ok(matched);
    }
    let client = call.context.client_address(request.headers);
    rules
        .check_address(matched, client)
        .map_err(|unmet| refuse(call, request, client, unmet, Principal::Unknown))?;
    check_rates(call, request, client, matched)?;
    Ok(matched)
}

/// Takes the request from the bucket of each rule with a rate.
fn check_rates(
    call: BaseCall<'_>,
    request: RequestView<'_>,
    client: IpAddr,
    matched: MatchedRules,
) -> Result<(), Rejection> {
    for (index, _) in call.site.campaign.request_rules.matched(matched) {
        if let Err(wait) = call.site.rule_states.take(index, client, Instant::now()) {
            let unmet = Unmet { index, condition: RuleCondition::Rate };
            let _ = refuse(call, request, client, unmet, Principal::Unknown);
            return Err(Rejection::RuleRate(wait));
        }
    }
    Ok(())
}

/// Checks the caller against the rules of the call.
///
/// # Errors
/// When the caller has no group that a rule asks for.
pub fn check_groups(
    call: BaseCall<'_>,
    request: RequestView<'_>,
    caller: Principal<'_>,
) -> Result<(), Rejection> {
    if !call.rules.needs_group() {
        return Ok(());
    }
    let checked = call.site.campaign.request_rules.check_groups(call.rules, caller.groups());
    checked.map_err(|unmet| {
        let client = call.context.client_address(request.headers);
        refuse(call, request, client, unmet, caller)
    })
}

/// Counts a refusal and writes it to the audit trail.
fn refuse(
    call: BaseCall<'_>,
    request: RequestView<'_>,
    client: IpAddr,
    unmet: Unmet,
    caller: Principal<'_>,
) -> Rejection {
    let condition = match unmet.condition {
        RuleCondition::Groups => RuleRefusal::Groups,
        RuleCondition::Networks => RuleRefusal::Networks,
        RuleCondition::Rate => RuleRefusal::Rate,
    };
    call.counters.rule_refusal(condition);
    let (subject, refused) = match caller {
        Principal::Person(session) => (session.subject(), Some(1)),
        Principal::Account(account) => (account.subject(), Some(1)),
        Principal::Unknown => {
            (Subject::nobody(), call.site.rule_states.count_refusal(unmet, call.context.now))
        }
    };
    if let Some(refused) = refused {
        let rule = call.site.campaign.request_rules.iter().nth(unmet.index);
        let details = RuleRefusedDetails {
            rule: rule.map_or("", RequestRule::name).to_owned(),
            condition,
            method: request.method.to_string(),
            path: request.path.to_owned(),
            refused,
        };
        call.audit_from(client, subject, AuditAction::RuleRefused(details));
    }
    Rejection::RuleUnmet
}
