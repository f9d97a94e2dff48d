//! The state of one Campaign instance, which outlives its configurations. Nothing in it is valid at another instance.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use super::{Authenticator, Guesses, ServiceAccounts, Services};
use crate::crypto::Sealer;
use crate::session::{KeyError, SavedForms, Sessions, Signer};

/// The sessions, keys and lists of one instance.
#[derive(Debug)]
pub struct InstanceState {
    pub sessions: Sessions,
    /// Forms that wait for a login.
    pub saved_forms: SavedForms,
    /// Seals open logins and other values that browsers hold.
    pub sealer: Sealer,
    pub signer: Signer,
    /// Wrong console passwords of the last minutes.
    pub guesses: Guesses,
    /// Verified tokens of technical accounts.
    pub service_accounts: ServiceAccounts,
    /// The names of Campaign's operator groups, when a technical account can read them.
    pub campaign_groups: ArcSwapOption<BTreeSet<String>>,
}

/// The state of every instance that this process has served, by name.
#[derive(Debug, Default)]
pub struct InstanceStates(Mutex<HashMap<String, Arc<InstanceState>>>);

impl Services {
    /// The state of the instance with this name, created on first use. `origin` is the origin of its callback server.
    ///
    /// # Errors
    /// When no key pair for the assertion can be generated.
    pub fn of_instance(&self, name: &str, origin: &str) -> Result<Arc<InstanceState>, KeyError> {
        let mut states = self.instances.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = states.get(name).filter(|known| known.signer.issuer() == origin) {
            return Ok(known.clone());
        }
        let state = Arc::new(InstanceState {
            sessions: self.sessions.of_instance(name),
            saved_forms: self.saved_forms.of_instance(name),
            sealer: self.sealer.for_instance(name),
            signer: Signer::new(origin.to_owned())?,
            guesses: Guesses::default(),
            service_accounts: ServiceAccounts::default(),
            campaign_groups: ArcSwapOption::empty(),
        });
        states.insert(name.to_owned(), state.clone());
        Ok(state)
    }

    /// Ends the Campaign sessions of technical accounts of every instance.
    pub fn end_service_accounts(&self) {
        let states = self.instances.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.values().for_each(|state| state.service_accounts.end_all());
    }
}

impl Authenticator {
    /// Which of these groups Campaign does not have; `None` when its groups are not known.
    pub(super) fn groups_not_in_campaign(&self, groups: &[String]) -> Option<Vec<String>> {
        let known = self.state.campaign_groups.load();
        let known = known.as_ref()?;
        Some(groups.iter().filter(|group| !known.contains(*group)).cloned().collect())
    }
}
