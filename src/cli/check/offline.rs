//! Checks without network: the configuration and the files it names.

use std::path::Path;
use std::time::Duration;

use super::report::{CONFIGURATION, CheckedKey, Item, of_instance, place};
use super::{certificate, files, mask, store};
use crate::clock::Clock;
use crate::config::{
    Campaign, ClientIdentity, Config, Ims, Instance, Loaded, Places, PublicInstance, SessionMode,
};
use crate::http_client::tls_config;

/// Every finding, in the order of the configuration file.
pub(super) fn check(loaded: &Loaded, file: &Path, clock: &Clock) -> Vec<Item> {
    let Loaded { config, places, warnings, .. } = loaded;
    let mut items = vec![CheckedKey::new(places, CONFIGURATION).ok("read, no errors")];
    items[0].place = file.display().to_string();
    items.extend(warnings.findings().iter().map(|finding| {
        let mut item = CheckedKey::new(places, &finding.key).warning(&finding.message, &finding.fix);
        item.place = place(&finding.location);
        item
    }));
    for (of, places) in loaded.instances() {
        let mut own = Vec::new();
        ims(&mut own, of.instance, places);
        campaign(&mut own, &of.instance.campaign, places);
        items.extend(of_instance(&of.instance.name, own));
    }
    for (instance, places) in loaded.public_instances() {
        let mut own = vec![public_only(instance, places)];
        campaign(&mut own, &instance.campaign, places);
        own.retain(|item| item.subject != "campaign.session");
        items.extend(of_instance(&instance.name, own));
    }
    items.extend(certificate::check(config, places, clock.now()));
    session(&mut items, config, places);
    if let Some(audit) = &config.log.audit_file {
        items.push(files::appendable(places, "log.audit_file", audit));
    }
    if let Some(access) = &config.log.access_file {
        items.push(files::appendable(places, "log.access_file", access));
    }
    // No finding `ok` for a key that already has a warning.
    let warned: Vec<String> =
        items.iter().filter(|item| !item.fix.is_empty()).map(|item| item.subject.clone()).collect();
    items.retain(|item| !item.fix.is_empty() || !warned.contains(&item.subject));
    items
}

fn public_only(instance: &PublicInstance, places: &Places) -> Item {
    let hosts = instance.campaign.hosts.join(", ");
    let message = format!("public paths only, nobody signs in: {hosts}");
    CheckedKey::new(places, "instance.hosts").ok(message)
}

fn ims(items: &mut Vec<Item>, instance: &Instance, places: &Places) {
    let about = |key| CheckedKey::new(places, key);
    let ims = &instance.ims;
    items.push(about("ims.server").ok(ims.server.as_str()));
    items.push(files::secret(places, "ims.client_secret", "ims.client_secret.set"));
    items.push(scope(&ims.scopes, about("ims.scope").named("ims.scope.sources")));
    let redirect = ims.callback_server.join("/ims/callback");
    let redirect = redirect.as_ref().map_or("", url::Url::as_str);
    items.push(about("ims.callback_server").ok(format!("register at Adobe as redirect URI: {redirect}")));
    items.push(about("ims.organization_id").ok(&*ims.organization_id));
    items.push(mask::check(places, &ims.association_mask));
    if let Some(ca_file) = &ims.ca_file {
        items.push(certificate::authorities(about("ims.ca_file"), ca_file));
    }
    items.push(proxy(ims, places));
}

/// Whether IMS is reached through a proxy, and which key or variable sets it.
fn proxy(ims: &Ims, places: &Places) -> Item {
    let address = ims.discovery_url.as_str().parse::<http::Uri>();
    let Some(proxy) = &ims.proxy else {
        let key = if places.is_set("ims.proxy_file") { "ims.proxy_file" } else { "ims.proxy" };
        return CheckedKey::new(places, key).ok("IMS is reached without a proxy");
    };
    let named_by = proxy.named_by();
    let key = if places.is_set(named_by) { named_by } else { "ims.proxy" };
    let mut item = CheckedKey::new(places, key).ok(if address.is_ok_and(|address| proxy.is_for(&address)) {
        let account = if proxy.authorization().is_some() { ", with a user and a password" } else { "" };
        format!("IMS is reached through the proxy {proxy}{account}")
    } else {
        format!("IMS is reached without the proxy {proxy}: its address is loopback, or NO_PROXY names it")
    });
    if key != named_by {
        named_by.clone_into(&mut item.place);
    }
    item
}

fn scope(scopes: &[String], key: CheckedKey<'_>) -> Item {
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    let (organizations, products) =
        (has("read_organizations"), has("additional_info.projectedProductContext"));
    let fix = "add the scope if Adobe provisioned it for the client; Campaign's external account has both";
    match (organizations, products) {
        (true, true) => key.ok("groups come from organisations and product profiles"),
        (true, false) => key.warning(
            "groups come from organisations only: the scope lacks additional_info.projectedProductContext",
            fix,
        ),
        (false, _) => {
            key.warning("groups come from product profiles only: the scope lacks read_organizations", fix)
        }
    }
}

fn campaign(items: &mut Vec<Item>, campaign: &Campaign, places: &Places) {
    let about = |key| CheckedKey::new(places, key);
    let upstreams: Vec<_> = campaign.upstreams.iter().map(ToString::to_string).collect();
    items.push(about("campaign.upstream").ok(upstreams.join(", ")));
    items.push(about("campaign.session").ok(match campaign.session {
        SessionMode::BearerLogon => "bearer-logon: sign-in opens a Campaign session",
        SessionMode::Bearer => "bearer: every request carries the IMS token; needs Campaign 8.5 or newer",
        SessionMode::Headers => "headers: Campaign gets identity headers only",
    }));
    if let Some(ca_file) = &campaign.ca_file {
        items.push(certificate::authorities(about("campaign.ca_file"), ca_file));
    }
    if let Some(ClientIdentity { certificate, key }) = &campaign.client_identity {
        items.push(match tls_config(None, Some((certificate, key))) {
            Ok(_) => about("campaign.client_certificate").ok("belongs to campaign.client_key"),
            Err(error) => about("campaign.client_certificate")
                .error(error.to_string(), "name the PEM files of one certificate and its key"),
        });
        let good = "readable only by the gateway's user and group";
        items.push(about("campaign.client_key").ok(good));
    }
}

fn session(items: &mut Vec<Item>, config: &Config, places: &Places) {
    let key = CheckedKey::new(places, "session.absolute_timeout");
    items.extend(store::check(&config.session.store, places));
    let (idle, absolute) = (config.session.idle_timeout, config.session.absolute_timeout);
    let campaign_day = Duration::from_hours(24);
    items.push(if absolute > campaign_day {
        key.warning(
            "is longer than 24 h, the lifetime of Campaign's session and the IMS token: people are signed out in the middle of work",
            "write \"24h\" or less",
        )
    } else {
        key.ok(format!("sessions end after {} unused, {} at the latest", human(idle), human(absolute)),
        )
    });
}

/// `1 h 30 min`, or seconds below a minute.
fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
