//! Checks over the network: what IMS, Campaign and the ACME server reveal without a sign-in.

mod acme;
mod campaign;
mod client;
mod discovery;
mod external_account;
mod registration;

use super::report::{Item, of_instance};
use crate::app::TechnicalCaller;
use crate::clock::Clock;
use crate::config::{Instance, Loaded, Places};

/// Asks IMS, each Campaign server and the ACME server.
pub(super) fn check(loaded: &Loaded, clock: &Clock) -> Vec<Item> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("IMS and Campaign could not be checked: {error}");
            return vec![Item::not_checked(&loaded.places, "configuration", message, "try again")];
        }
    };
    runtime.block_on(async {
        let mut items = Vec::new();
        for (config, places) in loaded.instances() {
            let mut own = discovery::check(config.instance, places, clock).await;
            own.push(resolution(config.instance, places).await);
            let callers = TechnicalCaller::connect_all(config.instance, clock).await;
            own.extend(campaign::check(config.instance, &callers, places).await);
            own.extend(external_account::check(config, &callers, places).await);
            external_account::end(callers).await;
            items.extend(of_instance(&config.instance.name, own));
        }
        items.extend(acme::check(loaded).await);
        items
    })
}

/// Whether this machine can resolve the callback server, as people's machines must.
async fn resolution(instance: &Instance, places: &Places) -> Item {
    const KEY: &str = "ims.callback_server";
    let url = &instance.ims.callback_server;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
    let item = match found.map(|found| found.map(|address| address.ip().to_string()).collect::<Vec<_>>()) {
        Ok(mut addresses) if !addresses.is_empty() => {
            addresses.dedup();
            addresses.truncate(4);
            Item::ok(places, KEY, format!("{host} is {} here", addresses.join(", ")))
        }
        other => {
            let reason = other.err().map_or_else(String::new, |error| format!(": {error}"));
            Item::warning(
                places,
                KEY,
                format!("this machine finds no address for {host}{reason}"),
                format!(
                    "add {host} to DNS; if only this machine cannot resolve it, people can sign in all the same"
                ),
            )
        }
    };
    item.named("dns.callback_server")
}
