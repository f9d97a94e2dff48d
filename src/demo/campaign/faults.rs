//! Fault injection for the Campaign simulator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::demo::faults::{FaultFrequency, FaultSlot, InjectedResponse};

/// Injects faults. Clones act on the same simulator.
#[derive(Clone, Default)]
pub struct CampaignFaults(Arc<CampaignFaultState>);

/// How `BearerTokenLogon` is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerLogonRefusal {
    /// XSV-350012 as a SOAP fault, 403: Campaign has no such user.
    InvalidLogin,
    /// XSV-350012 as plain text, 403.
    InvalidLoginAsText,
    /// XSV-350013 as a SOAP fault, 403: the address or security zone is refused.
    Zone,
    /// XSV-350014 as a SOAP fault, 500: the client address is in no security zone.
    Address,
}

impl CampaignFaults {
    /// While `true`, every request is answered with 503.
    pub fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }

    /// While `true`, logons fail as during the daily restart. Sessions stay.
    pub fn restarting(&self, restarting: bool) {
        self.0.restarting.store(restarting, Ordering::Relaxed);
    }

    /// Replaces the response to any request.
    pub fn answer(&self, frequency: FaultFrequency, answer: InjectedResponse) {
        self.0.answer.set(frequency, answer);
    }

    /// Replaces the response of the SOAP router.
    pub fn soap_answer(&self, frequency: FaultFrequency, answer: InjectedResponse) {
        self.0.soap_answer.set(frequency, answer);
    }

    /// Refuses `BearerTokenLogon`, even with a valid token.
    pub fn refuse_bearer_logon(&self, frequency: FaultFrequency, refusal: BearerLogonRefusal) {
        self.0.logon.set(frequency, refusal);
    }

    /// Removes all faults. Sessions and records stay.
    pub fn clear(&self) {
        self.down(false);
        self.restarting(false);
        self.0.answer.clear();
        self.0.soap_answer.clear();
        self.0.logon.clear();
    }
}

// === for the endpoints ===

impl CampaignFaults {
    pub(super) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Relaxed)
    }

    pub(super) fn is_restarting(&self) -> bool {
        self.0.restarting.load(Ordering::Relaxed)
    }

    pub(super) fn take_answer(&self) -> Option<Arc<InjectedResponse>> {
        self.0.answer.take()
    }

    pub(super) fn take_soap_answer(&self) -> Option<Arc<InjectedResponse>> {
        self.0.soap_answer.take()
    }

    pub(super) fn take_logon_refusal(&self) -> Option<BearerLogonRefusal> {
        self.0.logon.take().map(|refusal| *refusal)
    }
}

#[derive(Default)]
struct CampaignFaultState {
    down: AtomicBool,
    restarting: AtomicBool,
    answer: FaultSlot<InjectedResponse>,
    soap_answer: FaultSlot<InjectedResponse>,
    logon: FaultSlot<BearerLogonRefusal>,
}
