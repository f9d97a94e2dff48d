//! Compares the configuration with that of a running gateway: what a reload or a restart would change.

use serde_json::Value;

use super::report::{CheckedKey, Item};
use crate::cli::sessions::AdminClient;
use crate::config::Loaded;
use crate::crypto::random_text;

/// The keys in which a running gateway differs from this configuration.
pub(super) struct Running {
    reload: Vec<String>,
    restart: Vec<String>,
}

impl Running {
    /// Asks the gateway. `None` without an admin listener or without a running gateway.
    pub(super) fn ask(loaded: &Loaded) -> Option<Self> {
        let client = AdminClient::of(&loaded.config.listen)?;
        // Salted digests reveal no value, even to another program that listens on the port.
        let salt = random_text::<16>();
        let difference = client.compare(&salt, &loaded.values.salted(&salt)).ok()?;
        let keys = |name: &str| {
            let keys = difference[name].as_array().into_iter().flatten().filter_map(Value::as_str);
            keys.map(str::to_owned).collect()
        };
        Some(Self { reload: keys("reload"), restart: keys("restart") })
    }

    /// True when the gateway listens on the addresses that this key has in the configuration.
    pub(super) fn listens(&self, key: &str) -> bool {
        !self.restart.iter().any(|differs| differs == key)
    }

    /// One finding for reload and one for restart.
    pub(super) fn items(&self, loaded: &Loaded) -> Vec<Item> {
        let about = |id| CheckedKey::new(&loaded.places, "listen.admin").named(id);
        let (reload, restart) = (self.reload.join(", "), self.restart.join(", "));
        if reload.is_empty() && restart.is_empty() {
            let message = "the running gateway uses these values";
            return vec![about("running").ok(message)];
        }
        let mut items = Vec::new();
        if !reload.is_empty() {
            let message = format!("the running gateway has other values of: {reload}");
            items.push(about("running.reload").warning(message, "imsgate reload"));
        }
        if !restart.is_empty() {
            let message = format!("the running gateway has other values, until a restart, of: {restart}");
            items.push(about("running.restart").warning(message, "restart the gateway"));
        }
        items
    }
}
