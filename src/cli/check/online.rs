//! Checks over the network: what IMS and Campaign tell without a person.

mod campaign;
mod client;
mod discovery;
mod registration;

use super::report::Item;
use crate::clock::Clock;
use crate::config::Loaded;

/// Asks IMS and each Campaign server.
pub(super) fn check(loaded: &Loaded, clock: &Clock) -> Vec<Item> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("IMS and Campaign could not be checked: {error}");
            return vec![Item::not_checked(&loaded.places, "configuration", message, "try again")];
        }
    };
    runtime.block_on(async {
        let mut items = discovery::check(&loaded.config.instance, &loaded.places, clock).await;
        items.extend(campaign::check(&loaded.config.instance, &loaded.places).await);
        items
    })
}
