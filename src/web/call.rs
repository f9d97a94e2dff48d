//! One request and its configuration: the parameter of most functions in `web`.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use http::HeaderMap;

use super::context::Context;
use super::site::Site;
use super::snapshot::Snapshot;
use crate::auth::{AuthRequest, Authenticator};
use crate::pages::{Language, PageContext};
use crate::policy::request_rules::MatchedRules;
use crate::telemetry::audit::{AuditAction, AuditEvent, Subject};
use crate::telemetry::{Counters, RequestTimes};

/// A request in progress at any Campaign instance, also one where nobody signs in.
#[derive(Clone, Copy, Debug)]
pub struct BaseCall<'a> {
    /// The configuration that the request is served with.
    pub snapshot: &'a Arc<Snapshot>,
    /// Its Campaign instance.
    pub site: &'a Arc<Site>,
    /// What is known about the request.
    pub context: &'a Context,
    /// The counters of the worker that received it.
    pub counters: &'a Arc<Counters>,
    /// Its caller and its times, for metrics.
    pub times: &'a RequestTimes,
    /// The `[[campaign.rule]]` that match the path; none before they are looked for, and at the gateway's own routes.
    pub rules: MatchedRules,
}

/// A request in progress at a Campaign instance where people sign in.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What every request has.
    pub base: BaseCall<'a>,
    /// Identifies callers and signs people in.
    pub auth: &'a Arc<Authenticator>,
}

impl<'a> Deref for Call<'a> {
    type Target = BaseCall<'a>;

    fn deref(&self) -> &BaseCall<'a> {
        &self.base
    }
}

impl<'a> BaseCall<'a> {
    /// Records an audit event that this request caused.
    pub fn audit(self, subject: Subject, action: AuditAction) {
        self.audit_from(self.context.peer.ip, subject, action);
    }

    /// Like [`audit`](Self::audit), with the client address that a trusted proxy named.
    pub fn audit_from(self, client: IpAddr, subject: Subject, action: AuditAction) {
        let instance = self.site.name.to_string();
        let event = AuditEvent { request: self.context.id, peer: Some(client), instance, subject, action };
        self.snapshot.services.audit.record(self.context.now, event);
    }

    pub fn page(self) -> PageContext<'a> {
        PageContext {
            request_id: self.context.id.as_str(),
            support: &self.site.campaign.support_contact,
            now: self.context.now,
            brand: &self.site.brand,
            language: Language::preferred(self.context.accept_language.as_ref()),
        }
    }

    /// The same request with another context.
    #[must_use]
    pub fn with_context(self, context: &'a Context) -> Self {
        Self { context, ..self }
    }

    /// The same without the lifetime, for background work.
    pub fn to_owned(self) -> OwnedBaseCall {
        OwnedBaseCall {
            snapshot: self.snapshot.clone(),
            site: self.site.clone(),
            context: self.context.clone(),
            counters: self.counters.clone(),
            times: Arc::default(),
            rules: self.rules,
        }
    }
}

impl<'a> Call<'a> {
    /// What [`Authenticator::identify`] needs.
    pub fn auth_request<'h>(self, headers: &'h HeaderMap) -> AuthRequest<'h>
    where
        'a: 'h,
    {
        let Context { id, peer, now, .. } = self.context;
        AuthRequest { id: *id, peer: peer.ip, now: *now, headers, counters: self.counters }
    }

    /// The same without the lifetime, for routes and background work.
    pub fn to_owned(self) -> OwnedCall {
        OwnedCall { base: self.base.to_owned(), auth: self.auth.clone() }
    }
}

/// A request at any Campaign instance, for background work.
#[derive(Clone, Debug)]
pub struct OwnedBaseCall {
    snapshot: Arc<Snapshot>,
    site: Arc<Site>,
    context: Context,
    counters: Arc<Counters>,
    times: Arc<RequestTimes>,
    rules: MatchedRules,
}

impl OwnedBaseCall {
    pub fn get(&self) -> BaseCall<'_> {
        BaseCall {
            snapshot: &self.snapshot,
            site: &self.site,
            context: &self.context,
            counters: &self.counters,
            times: &self.times,
            rules: self.rules,
        }
    }
}

/// A request of a route, as axum passes it on.
#[derive(Clone, Debug)]
pub struct OwnedCall {
    base: OwnedBaseCall,
    auth: Arc<Authenticator>,
}

impl OwnedCall {
    pub fn times(&self) -> Arc<RequestTimes> {
        self.base.times.clone()
    }

    pub fn get(&self) -> Call<'_> {
        Call { base: self.base.get(), auth: &self.auth }
    }
}
