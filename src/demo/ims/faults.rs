//! Fault injection for the IMS simulator.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::recorded::RecordedRequest;
use crate::demo::faults::{Answer, Slot, Times};
use crate::demo::random::lock;

/// Injects faults. Clones act on the same simulator.
#[derive(Clone, Default)]
pub struct Faults(Arc<State>);

/// An endpoint of IMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
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

impl Faults {
    /// While `true`, all endpoints answer 503.
    pub fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }

    /// Replaces the response of an endpoint.
    pub fn answer(&self, endpoint: Endpoint, times: Times, answer: Answer) {
        lock(&self.0.answers).entry(endpoint).or_default().set(times, answer);
    }

    /// Changes header and claims of the `id_token` before it is signed.
    pub fn tamper_id_token(
        &self,
        times: Times,
        tamper: impl Fn(&mut Value, &mut Value) + Send + Sync + 'static,
    ) {
        self.0.id_token.set(times, Box::new(tamper));
    }

    /// Signs the `id_token` in this way.
    pub fn sign_id_token(&self, times: Times, signing: Signing) {
        self.0.signing.set(times, signing);
    }

    /// Changes the JSON of a successful token response, for example removes a field.
    pub fn tamper_token_answer(&self, times: Times, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.0.token_answer.set(times, Box::new(tamper));
    }

    /// Sets `expires_in` of a successful token response.
    pub fn expires_in(&self, times: Times, value: impl Into<Value>) {
        let value = value.into();
        self.tamper_token_answer(times, move |answer| answer["expires_in"] = value.clone());
    }

    /// Changes the discovery document.
    pub fn tamper_discovery(&self, times: Times, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.0.discovery.set(times, Box::new(tamper));
    }

    /// Sets `sub` in the userinfo response.
    pub fn userinfo_sub(&self, times: Times, sub: impl Into<String>) {
        let sub = sub.into();
        self.0.userinfo.set(times, Box::new(move |answer| answer["sub"] = sub.as_str().into()));
    }

    /// Changes the userinfo response.
    pub fn tamper_userinfo(&self, times: Times, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.0.userinfo.set(times, Box::new(tamper));
    }

    /// Sets `userId` in the profile response.
    pub fn profile_user_id(&self, times: Times, user_id: impl Into<String>) {
        let user_id = user_id.into();
        self.0.profile.set(times, Box::new(move |answer| answer["userId"] = user_id.as_str().into()));
    }

    /// Changes the organisations response, for example removes groups of a person.
    pub fn tamper_organizations(&self, times: Times, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.0.organizations.set(times, Box::new(tamper));
    }

    /// Changes the profile response.
    pub fn tamper_profile(&self, times: Times, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.0.profile.set(times, Box::new(tamper));
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

impl Faults {
    pub(super) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Relaxed)
    }

    pub(super) fn take_answer(&self, endpoint: Endpoint) -> Option<Arc<Answer>> {
        lock(&self.0.answers).get(&endpoint)?.take()
    }

    pub(super) fn apply_to_id_token(&self, header: &mut Value, claims: &mut Value) -> Signing {
        if let Some(tamper) = self.0.id_token.take() {
            tamper(header, claims);
        }
        self.0.signing.take().map_or(Signing::Honest, |signing| (*signing).clone())
    }

    pub(super) fn apply(&self, endpoint: Endpoint, answer: &mut Value) {
        let slot = match endpoint {
            Endpoint::Token => &self.0.token_answer,
            Endpoint::Discovery => &self.0.discovery,
            Endpoint::UserInfo => &self.0.userinfo,
            Endpoint::Organizations => &self.0.organizations,
            Endpoint::Profile => &self.0.profile,
            _ => return,
        };
        if let Some(tamper) = slot.take() {
            tamper(answer);
        }
    }

    pub(super) fn count(&self, endpoint: Endpoint) {
        *lock(&self.0.fetches).entry(endpoint).or_default() += 1;
    }

    pub(super) fn fetches(&self, endpoint: Endpoint) -> usize {
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
struct State {
    down: AtomicBool,
    answers: Mutex<HashMap<Endpoint, Slot<Answer>>>,
    id_token: Slot<TamperIdToken>,
    signing: Slot<Signing>,
    token_answer: Slot<Tamper>,
    discovery: Slot<Tamper>,
    userinfo: Slot<Tamper>,
    organizations: Slot<Tamper>,
    profile: Slot<Tamper>,
    fetches: Mutex<HashMap<Endpoint, usize>>,
    token_requests: Mutex<VecDeque<RecordedRequest>>,
}

const MAX_RECORDED: usize = 1000;
