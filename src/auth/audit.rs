//! Audit events of sign-in, sessions and sign-out.

use super::identify::AuthRequest;
use super::login_failure::LoginFailure;
use super::{Authenticator, refusal_code};
use crate::policy::access::{Refusal, RefusalReason, TooManyGroups};
use crate::telemetry::RequestId;
use crate::telemetry::audit::{AuditAction, AuditEvent, NearMissName, RefusalDetails, Subject};

impl Authenticator {
    /// Records an event that a request caused.
    pub(super) fn audit(&self, request: AuthRequest<'_>, subject: Subject, action: AuditAction) {
        let event = AuditEvent { peer: Some(request.peer), ..self.event(request.id, subject, action) };
        self.services.audit.record(self.services.clock.now(), event);
    }

    /// Records an event of work beside the requests.
    pub(super) fn audit_task(&self, request: RequestId, subject: Subject, action: AuditAction) {
        self.services.audit.record(self.services.clock.now(), self.event(request, subject, action));
    }

    /// Records a failed login.
    pub(super) fn audit_failure(
        &self,
        request: AuthRequest<'_>,
        subject: Subject,
        failure: LoginFailure,
        reason: &str,
    ) {
        let action = AuditAction::LoginFailed { code: failure.code, reason: reason.to_owned() };
        self.audit(request, subject, action);
    }

    fn event(&self, request: RequestId, subject: Subject, action: AuditAction) -> AuditEvent {
        AuditEvent { request, peer: None, instance: self.instance.name.clone(), subject, action }
    }
}

/// What IMS reported about a person who is refused.
pub(super) fn refusal(refusal: &Refusal) -> AuditAction {
    let too_many = match refusal.reason {
        RefusalReason::TooManyGroups(groups) => Some(groups),
        RefusalReason::OtherOrganization | RefusalReason::NoGroup => None,
    };
    let near_misses = refusal.near_misses.iter();
    AuditAction::Refusal(RefusalDetails {
        reason: refusal_code(refusal.reason),
        seen: refusal.seen.clone(),
        organizations_seen: refusal.organizations_seen.clone(),
        near_misses: near_misses
            .map(|miss| NearMissName { name: miss.name.clone(), why: miss.why.clone() })
            .collect(),
        group_count: too_many.map(|TooManyGroups { count, .. }| count),
        groups_bytes: too_many.map(|TooManyGroups { bytes, .. }| bytes),
        groups_bytes_limit: too_many.map(|TooManyGroups { limit, .. }| limit),
    })
}
