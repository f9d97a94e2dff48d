//! Metrics of rare events: sign-ins, token refreshes, calls to IMS and Campaign, operations of the session store. All workers and the
//! background work share these values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::outcomes::{CallOutcome, GroupRecheck, SavedFormEvent, SignIn, TokenRefresh};

/// The values of all Campaign instances.
#[derive(Debug)]
pub(super) struct Events {
    sign_ins: Family<SignInLabels, Counter>,
    /// Sign-ins that made a new session, of all instances.
    signed_in: AtomicU64,
    refreshes: Family<OutcomeLabels, Counter>,
    rechecks: Family<OutcomeLabels, Counter>,
    forms: Family<EventLabels, Counter>,
    ims: Family<CallLabels, Histogram, NewHistogram>,
    soap: Family<CallLabels, Histogram, NewHistogram>,
    store: StoreMetrics,
}

/// Makes the histogram for a new label set.
type NewHistogram = fn() -> Histogram;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignInLabels {
    campaign_instance: Arc<str>,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    campaign_instance: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    campaign_instance: Arc<str>,
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    campaign_instance: Arc<str>,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    operation: &'static str,
    outcome: &'static str,
}

/// The metrics of one Campaign instance. Clones share the values.
#[derive(Clone, Debug)]
pub struct InstanceMetrics {
    name: Arc<str>,
    events: Arc<Events>,
}

/// Times of the session store's operations. Clones share the values.
#[derive(Clone, Debug)]
pub struct StoreMetrics(Family<StoreLabels, Histogram, NewHistogram>);

impl Default for Events {
    fn default() -> Self {
        Self {
            sign_ins: Family::default(),
            signed_in: AtomicU64::new(0),
            refreshes: Family::default(),
            rechecks: Family::default(),
            forms: Family::default(),
            ims: Family::new_with_constructor(calls as NewHistogram),
            soap: Family::new_with_constructor(calls as NewHistogram),
            store: StoreMetrics::default(),
        }
    }
}

impl Events {
    /// The metrics of this instance. Creates all its counters, so that the first event is an increase from 0.
    pub(super) fn of_instance(self: &Arc<Self>, name: &str) -> InstanceMetrics {
        let instance = InstanceMetrics { name: instance_label(name).into(), events: self.clone() };
        for result in SignIn::all() {
            instance.count_sign_in(result, 0);
        }
        for outcome in TokenRefresh::ALL {
            self.refreshes.get_or_create(&instance.outcome(outcome.name())).inc_by(0);
        }
        for outcome in GroupRecheck::ALL {
            self.rechecks.get_or_create(&instance.outcome(outcome.name())).inc_by(0);
        }
        for event in SavedFormEvent::ALL {
            self.forms.get_or_create(&instance.event(event)).inc_by(0);
        }
        instance
    }

    /// Sign-ins that made a new session, of all instances.
    pub(super) fn signed_in(&self) -> u64 {
        self.signed_in.load(Ordering::Relaxed)
    }

    /// The session store's times.
    pub(super) fn store(&self) -> StoreMetrics {
        self.store.clone()
    }

    /// Registers all families. The library adds a full stop to each text.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "imsgate_sign_ins",
            "Sign-ins of people in a browser, by outcome and reason",
            self.sign_ins.clone(),
        );
        registry.register("imsgate_token_refreshes", "Token refreshes, by outcome", self.refreshes.clone());
        registry.register(
            "imsgate_group_rechecks",
            "Requests to IMS for the groups of signed-in people, by outcome",
            self.rechecks.clone(),
        );
        registry.register(
            "imsgate_saved_form_events",
            "What happened to forms that were posted without a session",
            self.forms.clone(),
        );
        let seconds = || Unit::Seconds;
        registry.register_with_unit(
            "imsgate_ims_call_duration",
            "Time of calls to IMS, by operation and outcome",
            seconds(),
            self.ims.clone(),
        );
        registry.register_with_unit(
            "imsgate_campaign_soap_duration",
            "Time of the gateway's own SOAP calls to Campaign, by operation and outcome",
            seconds(),
            self.soap.clone(),
        );
        registry.register_with_unit(
            "imsgate_store_operation_duration",
            "Time of operations of the session store, by operation and outcome",
            seconds(),
            self.store.0.clone(),
        );
    }
}

impl Default for InstanceMetrics {
    /// Values that no scrape reads, for commands.
    fn default() -> Self {
        Self { name: UNNAMED.into(), events: Arc::default() }
    }
}

impl InstanceMetrics {
    /// The value of the label `campaign_instance`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Counts the end of a sign-in.
    pub fn sign_in(&self, result: SignIn) {
        if matches!(result, SignIn::SignedIn | SignIn::CampaignRestarting) {
            self.events.signed_in.fetch_add(1, Ordering::Relaxed);
        }
        self.count_sign_in(result, 1);
    }

    /// Counts a token refresh.
    pub fn token_refresh(&self, outcome: TokenRefresh) {
        self.events.refreshes.get_or_create(&self.outcome(outcome.name())).inc();
    }

    /// Counts a request to IMS for groups.
    pub fn group_recheck(&self, outcome: GroupRecheck) {
        self.events.rechecks.get_or_create(&self.outcome(outcome.name())).inc();
    }

    /// Counts what happened to a saved form.
    pub fn saved_form(&self, event: SavedFormEvent) {
        self.events.forms.get_or_create(&self.event(event)).inc();
    }

    /// Adds a call to IMS. `operation` is the name of the endpoint.
    pub fn ims_call(&self, operation: &'static str, outcome: CallOutcome, took: Duration) {
        self.events.ims.get_or_create(&self.call(operation, outcome)).observe(took.as_secs_f64());
    }

    /// Adds a SOAP call to Campaign. `operation` is the name of the method.
    pub fn soap_call(&self, operation: &'static str, outcome: CallOutcome, took: Duration) {
        self.events.soap.get_or_create(&self.call(operation, outcome)).observe(took.as_secs_f64());
    }

    fn count_sign_in(&self, result: SignIn, by: u64) {
        let (outcome, reason) = result.labels();
        let labels = SignInLabels { campaign_instance: self.name.clone(), outcome, reason };
        self.events.sign_ins.get_or_create(&labels).inc_by(by);
    }

    fn outcome(&self, outcome: &'static str) -> OutcomeLabels {
        OutcomeLabels { campaign_instance: self.name.clone(), outcome }
    }

    fn event(&self, event: SavedFormEvent) -> EventLabels {
        EventLabels { campaign_instance: self.name.clone(), event: event.name() }
    }

    fn call(&self, operation: &'static str, outcome: CallOutcome) -> CallLabels {
        CallLabels { campaign_instance: self.name.clone(), operation, outcome: outcome.name() }
    }
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self(Family::new_with_constructor(store_operations as NewHistogram))
    }
}

impl StoreMetrics {
    /// Adds an operation. `answered` is false when the store did not answer.
    pub fn operation(&self, operation: &'static str, answered: bool, took: Duration) {
        let outcome = if answered { CallOutcome::Answered } else { CallOutcome::Failed };
        let labels = StoreLabels { operation, outcome: outcome.name() };
        self.0.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// The value of the label `campaign_instance` for the instance of this name; the single instance has an empty name.
pub fn instance_label(name: &str) -> &str {
    if name.is_empty() { UNNAMED } else { name }
}

/// Calls over a network to another system.
fn calls() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

/// A write to a file or to Redis nearby.
fn store_operations() -> Histogram {
    Histogram::new([0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0])
}

/// The label value of the single instance, which has no name.
const UNNAMED: &str = "default";
