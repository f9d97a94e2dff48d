//! What a reload or a restart would change, beside the configuration that a running gateway uses.

use serde_json::Value;

use super::report::Item;
use crate::cli::sessions::{AdminClient, reachable};
use crate::config::Loaded;
use crate::crypto::random_text;

/// One finding for reload and one for restart. Nothing without an admin listener or without a running gateway.
pub(super) fn check(loaded: &Loaded) -> Vec<Item> {
    let Some(admin) = loaded.config.listen.admin.map(reachable) else { return Vec::new() };
    // The gateway learns no value, and neither does a program that only takes its port.
    let salt = random_text::<16>();
    let compared =
        AdminClient::new(admin).and_then(|client| client.compare(&salt, &loaded.values.salted(&salt)));
    compared.map(|difference| items(loaded, &difference)).unwrap_or_default()
}

fn items(loaded: &Loaded, difference: &Value) -> Vec<Item> {
    let keys = |name: &str| {
        let keys = difference[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        keys.collect::<Vec<_>>().join(", ")
    };
    let (reload, restart) = (keys("reload"), keys("restart"));
    if reload.is_empty() && restart.is_empty() {
        let message = "the running gateway uses these values";
        return vec![Item::ok(&loaded.places, KEY, message).named("running")];
    }
    let mut items = Vec::new();
    if !reload.is_empty() {
        let message = format!("the running gateway has other values of: {reload}");
        items.push(Item::warning(&loaded.places, KEY, message, "imsgate reload").named("running.reload"));
    }
    if !restart.is_empty() {
        let message = format!("the running gateway has other values, until a restart, of: {restart}");
        items.push(
            Item::warning(&loaded.places, KEY, message, "restart the gateway").named("running.restart"),
        );
    }
    items
}

/// The subject of the findings.
const KEY: &str = "listen.admin";
