//! Fault injection for the IMS simulator.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::recorded::RecordedRequest;
use crate::demo::faults::{FaultFrequency, FaultSlot, InjectedResponse};
use crate::demo::random::lock;

/// Injects faults. Clones act on the same simulator.
#[derive(Clone, Default)]
pub struct ImsFaults(Arc<ImsFaultState>);

/// An endpoint of IMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImsEndpoint {
    /// Both discovery addresses.
    Discovery,
    /// `/ims/keys`
    Keys,
    /// `/ims/authorize/v2` and its sign-in form
    Authorize,
    /// `/ims/token/v3`
    Token,
    /// `/ims/userinfo/v2`
    UserInfo,
    /// `/ims/organizations/v6` and `v5`
    Organizations,
    /// `/ims/profile/v1`
    Profile,
    /// `/ims/validate_token/v1`
    ValidateToken,
    /// `/ims/revoke`
    Revoke,
    /// `/ims/logout/v1`
    Logout,
}

/// How an `id_token` is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// RS256 with the published key.
    Honest,
    /// `alg: none`, empty signature.
    None,
    /// HS256 with this secret.
    Hs256(Vec<u8>),
    /// RS256 with an unpublished key, but with the published `kid`.
    OtherKey,
    /// RS256 with the published key, but with an unpublished `kid`.
    UnknownKid,
    /// RS256 with the published key and no `kid`.
    NoKid,
    /// The valid signature with one changed bit.
    Broken,
}

type Tamper = Box<dyn Fn(&mut Value) + Send + Sync>;
type TamperIdToken = Box<dyn Fn(&mut Value, &mut Value) + Send + Sync>;

impl ImsFaults {
    /// While `true`, all endpoints answer 503.
    pub fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }

    /// Replaces the response of an endpoint.
    pub fn answer(&self, endpoint: ImsEndpoint, frequency: FaultFrequency, answer: InjectedResponse) {
        lock(&self.0.answers).entry(endpoint).or_default().set(frequency, answer);
    }

    /// Changes header and claims of the `id_token` before it is signed.
    pub fn tamper_id_token(
        &self,
        frequency: FaultFrequency,
        tamper: impl Fn(&mut Value, &mut Value) + Send + Sync + 'static,
    ) {
        self.0.id_token.set(frequency, Box::new(tamper));
    }

    /// Signs the `id_token` in this way.
    pub fn sign_id_token(&self, frequency: FaultFrequency, signing: Signing) {
        self.0.signing.set(frequency, signing);
    }

    /// Changes the JSON of a successful token response, for example removes a field.
    pub fn tamper_token_answer(
        &self,
        frequency: FaultFrequency,
        tamper: impl Fn(&mut Value) + Send + Sync + 'static,
    ) {
        self.0.token_answer.set(frequency, Box::new(tamper));
    }

    /// Sets `expires_in` of a successful token response.
    pub fn expires_in(&self, frequency: FaultFrequency, value: impl Into<Value>) {
        let value = value.into();
        self.tamper_token_answer(frequency, move |answer| answer["expires_in"] = value.clone());
    }

    /// Changes the discovery document.
    pub fn tamper_discovery(
        &self,
        frequency: FaultFrequency,
        tamper: impl Fn(&mut Value) + Send + Sync + 'static,
    ) {
        self.0.discovery.set(frequency, Box::new(tamper));
    }

    /// Sets `sub` in the userinfo response.
    pub fn userinfo_sub(&self, frequency: FaultFrequency, sub: impl Into<String>) {
        let sub = sub.into();
        self.0.userinfo.set(frequency, Box::new(move |answer| answer["sub"] = sub.as_str().into()));
    }

    /// Changes the userinfo response.
    pub fn tamper_userinfo(
        &self,
        frequency: FaultFrequency,
        tamper: impl Fn(&mut Value) + Send + Sync + 'static,
    ) {
        self.0.userinfo.set(frequency, Box::new(tamper));
    }

    /// Sets `userId` in the profile response.
    pub fn profile_user_id(&self, frequency: FaultFrequency, user_id: impl Into<String>) {
        let user_id = user_id.into();
        self.0.profile.set(frequency, Box::new(move |answer| answer["userId"] = user_id.as_str().into()));
    }

    /// Changes the organisations response, for example removes groups of a person.
    pub fn tamper_organizations(
        &self,
        frequency: FaultFrequency,
        tamper: impl Fn(&mut Value) + Send + Sync + 'static,
    ) {
        self.0.organizations.set(frequency, Box::new(tamper));
    }

    /// Changes the profile response.
    pub fn tamper_profile(
        &self,
        frequency: FaultFrequency,
        tamper: impl Fn(&mut Value) + Send + Sync + 'static,
    ) {
        self.0.profile.set(frequency, Box::new(tamper));
    }

    /// Removes all faults. Counts and records stay.
    pub fn clear(&self) {
        self.down(false);
        lock(&self.0.answers).clear();
        self.0.id_token.clear();
        self.0.signing.clear();
        for slot in [
            &self.0.token_answer,
            &self.0.discovery,
            &self.0.userinfo,
            &self.0.organizations,
            &self.0.profile,
        ] {
            slot.clear();
        }
    }
}

// === for the endpoints ===

impl ImsFaults {
    pub(super) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Relaxed)
    }

    pub(super) fn take_answer(&self, endpoint: ImsEndpoint) -> Option<Arc<InjectedResponse>> {
        lock(&self.0.answers).get(&endpoint)?.take()
    }

    pub(super) fn apply_to_id_token(&self, header: &mut Value, claims: &mut Value) -> Signing {
        if let Some(tamper) = self.0.id_token.take() {
            tamper(header, claims);
        }
        self.0.signing.take().map_or(Signing::Honest, |signing| (*signing).clone())
    }

    pub(super) fn apply(&self, endpoint: ImsEndpoint, answer: &mut Value) {
        let slot = match endpoint {
            ImsEndpoint::Token => &self.0.token_answer,
            ImsEndpoint::Discovery => &self.0.discovery,
            ImsEndpoint::UserInfo => &self.0.userinfo,
            ImsEndpoint::Organizations => &self.0.organizations,
            ImsEndpoint::Profile => &self.0.profile,
            _ => return,
        };
        if let Some(tamper) = slot.take() {
            tamper(answer);
        }
    }

    pub(super) fn count(&self, endpoint: ImsEndpoint) {
        *lock(&self.0.fetches).entry(endpoint).or_default() += 1;
    }

    pub(super) fn fetches(&self, endpoint: ImsEndpoint) -> usize {
        lock(&self.0.fetches).get(&endpoint).copied().unwrap_or(0)
    }

    pub(super) fn record_token_request(&self, request: RecordedRequest) {
        let mut requests = lock(&self.0.token_requests);
        if requests.len() == MAX_RECORDED {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    pub(super) fn token_requests(&self) -> Vec<RecordedRequest> {
        lock(&self.0.token_requests).iter().cloned().collect()
    }
}

#[derive(Default)]
struct ImsFaultState {
    down: AtomicBool,
    answers: Mutex<HashMap<ImsEndpoint, FaultSlot<InjectedResponse>>>,
    id_token: FaultSlot<TamperIdToken>,
    signing: FaultSlot<Signing>,
    token_answer: FaultSlot<Tamper>,
    discovery: FaultSlot<Tamper>,
    userinfo: FaultSlot<Tamper>,
    organizations: FaultSlot<Tamper>,
    profile: FaultSlot<Tamper>,
    fetches: Mutex<HashMap<ImsEndpoint, usize>>,
    token_requests: Mutex<VecDeque<RecordedRequest>>,
}

const MAX_RECORDED: usize = 1000;
