//! The latest audit events, in memory.
//!
//! Anybody can cause events without a proven identity, such as a malformed callback. These are in a second list, so that many of them do not
//! push out the events about people, and of operators.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{AuditAction, AuditEvent, AuditLine};
use crate::unix_time::UnixTime;

/// An event and when it happened.
#[derive(Debug)]
pub struct RecordedEvent {
    /// When.
    pub at: UnixTime,
    /// Its number among the events of this process.
    pub number: u64,
    /// What.
    pub event: AuditEvent,
}

impl RecordedEvent {
    /// Its log line. The time has whole seconds.
    pub fn line(&self) -> AuditLine {
        AuditLine::new(self.at.rfc3339().unwrap_or_default(), self.event.clone())
    }
}

/// The latest events.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    count: u64,
    proven: EventList,
    unproven: EventList,
}

#[derive(Debug, Default)]
struct EventList {
    events: VecDeque<(Arc<RecordedEvent>, usize)>,
    bytes: usize,
}

impl Recent {
    /// Adds an event. `bytes` is its approximate size in memory.
    pub(super) fn add(&self, at: UnixTime, event: AuditEvent, bytes: usize) {
        let mut lists = self.lists();
        lists.count += 1;
        let number = lists.count;
        let list = if is_proven(&event) { &mut lists.proven } else { &mut lists.unproven };
        list.add(RecordedEvent { at, number, event }, bytes);
    }

    /// All events, the oldest first.
    pub(super) fn all(&self) -> Vec<Arc<RecordedEvent>> {
        let lists = self.lists();
        let both = lists.proven.events.iter().chain(&lists.unproven.events);
        let mut all: Vec<Arc<RecordedEvent>> = both.map(|(event, _)| event.clone()).collect();
        drop(lists);
        all.sort_unstable_by_key(|recorded| recorded.number);
        all
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventList {
    fn add(&mut self, recorded: RecordedEvent, bytes: usize) {
        self.bytes += bytes;
        self.events.push_back((Arc::new(recorded), bytes));
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some((_, bytes)) = self.events.pop_front() else { break };
            self.bytes -= bytes;
        }
    }
}

/// True for an event that nobody can cause without a proven identity: that of a person or account, or an operator's admin token.
fn is_proven(event: &AuditEvent) -> bool {
    match event.action {
        AuditAction::AccountRefused { .. }
        | AuditAction::ConsoleLogonRefused { .. }
        | AuditAction::ForeignToken(_) => false,
        AuditAction::AdminSignIn
        | AuditAction::Revoked { .. }
        | AuditAction::Maintenance(_)
        | AuditAction::Emergency(_) => true,
        AuditAction::EmergencyLogon { signed_in, .. } | AuditAction::NativeLogon { signed_in, .. } => {
            signed_in
        }
        _ => event.subject.user.as_ref().is_some_and(|user| !user.is_empty()),
    }
}

/// Events in each list.
const MAX_EVENTS: usize = 5_000;
/// Bytes in each list. A refused person with many groups takes some 10 kB.
const MAX_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::LoginFailureCode;
    use crate::telemetry::RequestId;
    use crate::telemetry::audit::Subject;

    fn event(subject: Subject, action: AuditAction) -> AuditEvent {
        AuditEvent { request: RequestId::random(), peer: None, instance: String::new(), subject, action }
    }

    #[test]
    fn a_flood_of_events_about_nobody_hides_none_about_people_and_operators() {
        let recent = Recent::default();
        recent.add(UnixTime(1), event(Subject::nobody(), AuditAction::AdminSignIn), 100);
        recent.add(UnixTime(1), event(Subject::user("alice"), AuditAction::Logout), 100);
        for number in 0..2 * MAX_EVENTS {
            let (text, alice) = (String::new, Subject::account("client", "alice", "s"));
            let (subject, action) = match number % 4 {
                0 => {
                    let code = LoginFailureCode::Malformed;
                    (Subject::nobody(), AuditAction::LoginFailed { code, reason: text() })
                }
                1 => {
                    let login = "admin".into();
                    (Subject::nobody(), AuditAction::NativeLogon { login, signed_in: false })
                }
                2 => (alice, AuditAction::ConsoleLogonRefused { login: "alice".into(), reason: text() }),
                _ => (alice, AuditAction::AccountRefused { path: text(), reason: text(), detail: text() }),
            };
            recent.add(UnixTime(2), event(subject, action), 100);
        }
        let all = recent.all();
        assert_eq!(all.len(), MAX_EVENTS + 2);
        assert_eq!(all[0].event.action, AuditAction::AdminSignIn);
        assert_eq!((all[1].at, all[1].event.action.clone()), (UnixTime(1), AuditAction::Logout));
    }

    #[test]
    fn long_events_are_bounded_by_their_bytes() {
        let recent = Recent::default();
        for _ in 0..10 {
            recent.add(UnixTime(1), event(Subject::user("alice"), AuditAction::Logout), MAX_BYTES / 4);
        }
        assert_eq!(recent.all().len(), 4);
    }
}
