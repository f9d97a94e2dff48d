//! Checks over the network: what IMS, Campaign and the ACME server reveal without a sign-in.

mod acme;
mod campaign;
mod discovery;
mod external_account;
mod registration;

use bytes::Bytes;
use http::{Request, Response};
use url::Url;

use super::report::{CheckedKey, Item, of_instance};
use crate::app::TechnicalCaller;
use crate::clock::Clock;
use crate::config::{Instance, Loaded, Places};
use crate::http_client::HttpClient;
use crate::server::control_runtime;

/// Asks IMS, each Campaign server and the ACME server.
pub(super) fn check(loaded: &Loaded, clock: &Clock) -> Vec<Item> {
    let runtime = match control_runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("IMS and Campaign could not be checked: {error}");
            return vec![CheckedKey::new(&loaded.places, "configuration").not_checked(message, "try again")];
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

/// Gets `url`. Redirects are not followed.
async fn get(http: &HttpClient, url: &Url) -> Result<Response<Bytes>, String> {
    let request = Request::get(url.as_str()).body(Bytes::new()).map_err(|error| error.to_string())?;
    http.send(request).await.map_err(|error| error.to_string())
}

fn header<'r>(response: &'r Response<Bytes>, name: &str) -> Option<&'r str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Whether this machine can resolve the callback server, as people's machines must.
async fn resolution(instance: &Instance, places: &Places) -> Item {
    let key = CheckedKey::new(places, "ims.callback_server").named("dns.callback_server");
    let url = &instance.ims.callback_server;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
    match found.map(|found| found.map(|address| address.ip().to_string()).collect::<Vec<_>>()) {
        Ok(mut addresses) if !addresses.is_empty() => {
            addresses.dedup();
            addresses.truncate(4);
            key.ok(format!("{host} is {} here", addresses.join(", ")))
        }
        other => {
            let reason = other.err().map_or_else(String::new, |error| format!(": {error}"));
            key.warning(
                format!("this machine finds no address for {host}{reason}"),
                format!(
                    "add {host} to DNS; if only this machine cannot resolve it, people can sign in all the same"
                ),
            )
        }
    }
}
