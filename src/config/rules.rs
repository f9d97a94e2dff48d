//! Checks of several keys together, and warnings about values that are probably wrong.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::ExposeSecret as _;
use toml::Value;
use url::Url;

use super::acme::{CERTIFICATE, DEFAULT_CACHE};
use super::address::ListenAddress;
use super::json_schema::FILE_SUFFIX;
use super::redis::RedisAddress;
use super::session::StoreKind;
use super::source::Location;
use super::tree::{Scope, Tree};
use super::upstream::{MOST_UPSTREAMS, Upstream};
use super::value_error::ValueError;
use super::values;
use super::{account_rules, proxy, request_rules};
use crate::policy::outbound_proxy::{OutboundProxy, is_never_proxied};

/// Applies the rules about one instance. A rule skips keys that have an error already.
pub(super) fn apply_to_instance(tree: &mut Tree) {
    if tree.scope == Scope::PublicOnly {
        public_only(tree);
    } else {
        ims(tree);
        tree.environment_proxy = proxy_of_environment(tree);
    }
    upstreams(tree);
    client_identity(tree);
    health(tree);
    request_rules::apply(tree);
    if tree.scope != Scope::PublicOnly {
        account_rules::apply(tree);
    }
}

/// Applies the rules about what all instances share.
pub(super) fn apply_to_process(tree: &mut Tree) {
    addresses(tree);
    trusted_proxies(tree);
    limits(tree);
    lifetimes(tree);
    store(tree);
}

/// With an ACME server, certificate and key are in its folder.
pub(super) fn certificate(tree: &mut Tree) {
    const DIRECTORY: &str = "listen.acme.directory";
    if !tree.is_set(DIRECTORY) {
        return;
    }
    let folder = tree.get::<String>("listen.acme.cache").unwrap_or_else(|| DEFAULT_CACHE.to_owned());
    let file = format!("{}/{CERTIFICATE}", folder.trim_end_matches('/'));
    let position = tree.places.keys.get(DIRECTORY).cloned();
    for key in ["listen.certificate", "listen.private_key"] {
        if tree.is_set(key) {
            let fix = "remove it; other certificates go into [[listen.certificates]]";
            tree.fail(key, ValueError::new("is set beside listen.acme.directory", fix));
        } else if let Some(position) = &position {
            tree.put(key, Some(Value::from(file.as_str())));
            tree.places.keys.insert(key.to_owned(), position.clone());
        }
    }
}

/// All callers of an instance without `ims` are anonymous, and none is an account.
fn public_only(tree: &mut Tree) {
    const SHARE: &str = "campaign.anonymous_share";
    if !tree.is_set(SHARE) {
        tree.put(SHARE, Some(Value::from(100)));
    }
    for key in ["campaign.technical_account", "campaign.native_account", "campaign.cors_origins"] {
        if tree.get::<Vec<Value>>(key).is_some_and(|list| !list.is_empty()) {
            let fix = "remove it, or add [instance.ims]";
            tree.warn(key, "has no effect: an instance without `ims` serves public paths only", fix);
            tree.put(key, Some(Value::Array(Vec::new())));
        }
    }
}

fn ims(tree: &mut Tree) {
    if !tree.is_set("ims.discovery_url")
        && let Some(server) = tree.get::<Url>("ims.server")
    {
        let server = server.as_str().trim_end_matches('/');
        let address = format!("{server}/.well-known/openid-configuration");
        tree.put("ims.discovery_url", Some(Value::from(address)));
    }
    if let Some(secret) = tree.get::<String>("ims.client_secret") {
        let key = set_as(tree, "ims.client_secret");
        if secret == PLACEHOLDER {
            let fix = "write the secret that Adobe issued";
            tree.warn(&key, "is still the placeholder of the reference file", fix);
        } else if secret.trim() != secret {
            let fix = "remove the space, unless it is part of the secret";
            tree.warn(&key, "begins or ends with a space", fix);
        }
    }
    if tree.get::<String>("ims.organization_id").is_some_and(|id| !values::is_adobe_organization(&id)) {
        tree.warn(
            "ims.organization_id",
            "does not look like Adobe's IDs, which have 24 hexadecimal digits before the `@`",
            "compare it with the external account",
        );
    }
    if tree.get::<String>("ims.product_context").is_some()
        && let Some(scopes) = tree.get::<Vec<String>>("ims.scope")
        && !scopes.iter().any(|scope| scope == values::PRODUCT_CONTEXT)
    {
        tree.warn(
            "ims.product_context",
            "has no effect: no scope requests product profiles",
            format!("add {} to ims.scope, or remove the key", values::PRODUCT_CONTEXT),
        );
    }
    if tree.get::<Duration>("ims.clock_skew").is_some_and(|skew| skew > LARGE_SKEW) {
        tree.warn(
            "ims.clock_skew",
            "accepts tokens long after they expire",
            "set the clocks by NTP and write \"60s\"",
        );
    }
}

fn upstreams(tree: &mut Tree) {
    const KEY: &str = "campaign.upstream";
    let Some(upstreams) = tree.get::<Vec<Upstream>>(KEY) else { return };
    let is_known = |(index, upstream): &(usize, &Upstream)| {
        upstreams[..*index].iter().any(|known| known.address == upstream.address)
    };
    if upstreams.is_empty() {
        return tree.fail(KEY, ValueError::new("is an empty list", "name at least one Campaign server"));
    }
    if upstreams.len() > MOST_UPSTREAMS {
        let message = format!("names more than {MOST_UPSTREAMS} servers");
        return tree.fail(KEY, ValueError::new(message, "put a load balancer in front of some of them"));
    }
    if let Some((_, twice)) = upstreams.iter().enumerate().find(is_known) {
        let message = format!("names {twice} twice");
        return tree.fail(KEY, ValueError::new(message, "write it once, with a greater weight"));
    }
    if upstreams.iter().any(Upstream::is_plain_http_to_another_machine) {
        tree.warn(
            KEY,
            "is plain http to another machine: session tokens cross that network readable",
            "use https with campaign.ca_file, unless only you use the network",
        );
    }
    if !upstreams.iter().any(Upstream::is_https) {
        for key in [CLIENT_CERTIFICATE, "campaign.tls_server_name"] {
            if tree.is_set(key) {
                tree.warn(key, "has no effect: no upstream is https", "write https:// in campaign.upstream");
            }
        }
    }
}

/// Both files or none.
fn client_identity(tree: &mut Tree) {
    let (certificate, key) = (tree.is_set(CLIENT_CERTIFICATE), tree.is_set(CLIENT_KEY));
    if certificate && !key {
        let wrong = ValueError::new("needs `campaign.client_key`", "add: client_key = \"…\"");
        tree.fail(CLIENT_CERTIFICATE, wrong);
    }
    if key && !certificate {
        let wrong = ValueError::new("needs `campaign.client_certificate`", "add: client_certificate = \"…\"");
        tree.fail(CLIENT_KEY, wrong);
    }
}

fn health(tree: &mut Tree) {
    let durations = ["campaign.health.ejection", "campaign.health.max_ejection"];
    if let [Some(first), Some(longest)] = durations.map(|key| tree.get::<Duration>(key))
        && first > longest
    {
        let fix = "shorten it, or lengthen the other";
        tree.fail(durations[0], ValueError::new("is longer than campaign.health.max_ejection", fix));
    }
}

/// No two listeners at one address.
fn addresses(tree: &mut Tree) {
    let https = tree.get::<Vec<ListenAddress>>("listen.https");
    if https.as_ref().is_some_and(Vec::is_empty) {
        let fix = "name at least one address, such as \"0.0.0.0:443\"";
        tree.fail("listen.https", ValueError::new("is an empty list", fix));
    }
    let https: Vec<SocketAddr> = https.iter().flatten().filter_map(tcp).collect();
    let redirects = tree.get::<Vec<SocketAddr>>("listen.http_redirect").unwrap_or_default();
    let token_keys = ["listen.admin_token", "listen.admin_token_file"];
    let token_key = token_keys.into_iter().find(|key| tree.is_set(key));
    if let Some(admin) = tree.get::<SocketAddr>("listen.admin") {
        if !admin.ip().is_loopback() {
            let risk = if token_key.is_some() {
                "is not a loopback address: the admin token crosses the network unencrypted"
            } else {
                "is not a loopback address: everyone who can reach it can see metrics and end sessions"
            };
            tree.warn("listen.admin", risk, "write \"127.0.0.1:9090\", unless a firewall protects it");
        }
        if https.iter().chain(&redirects).any(|public| collides(*public, admin)) {
            let wrong = ValueError::new("is also a public address", "give it a port of its own");
            tree.fail("listen.admin", wrong);
        }
    } else if let Some(key) = token_key {
        let fix = "write admin = \"127.0.0.1:9090\" under [listen]";
        tree.warn(key, "has no effect without listen.admin", fix);
    }
    if redirects.iter().any(|redirect| https.iter().any(|https| collides(*https, *redirect))) {
        let wrong = ValueError::new("is also an address of listen.https", "give it another port");
        tree.fail("listen.http_redirect", wrong);
    }
}

fn tcp(address: &ListenAddress) -> Option<SocketAddr> {
    match address {
        ListenAddress::Tcp(address) => Some(*address),
        _ => None,
    }
}

/// True when both cannot be bound. Port 0 asks for any free one.
fn collides(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn trusted_proxies(tree: &mut Tree) {
    let Some(networks) = tree.get::<Vec<IpNet>>("listen.trusted_proxies") else { return };
    if networks.iter().any(|network| network.prefix_len() == 0) {
        tree.warn(
            "listen.trusted_proxies",
            "trusts everyone: any client could choose its own address, and with it its security zone",
            "name only the addresses of your proxies",
        );
    }
    if networks.is_empty() && tree.get("listen.proxy_protocol") == Some(true) {
        tree.fail(
            "listen.proxy_protocol",
            ValueError::new(
                "rejects every connection: only trusted proxies may send a PROXY protocol header",
                "name them in listen.trusted_proxies",
            ),
        );
    }
}

fn limits(tree: &mut Tree) {
    let numbers = |keys: [&str; 2]| keys.map(|key| tree.get::<u64>(key));
    let connections = numbers(["limits.connections_per_ip", "limits.connections"]);
    let buffers = numbers(["limits.connection_buffer_bytes", "limits.buffer_bytes"]);
    if let [Some(each), Some(all)] = connections
        && each > all
    {
        tree.warn(
            "limits.connections_per_ip",
            "is more than limits.connections, so one address can take every connection",
            "write less than limits.connections, or 0 for no limit",
        );
    }
    if let [Some(each), Some(all)] = buffers
        && each > all / 8
    {
        tree.warn(
            "limits.connection_buffer_bytes",
            "is more than an eighth of limits.buffer_bytes, so a few connections can take most of it",
            "write less, or more for limits.buffer_bytes",
        );
    }
}

fn lifetimes(tree: &mut Tree) {
    let durations = ["session.idle_timeout", "session.absolute_timeout"];
    if let [Some(idle), Some(absolute)] = durations.map(|key| tree.get::<Duration>(key))
        && idle > absolute
    {
        let message = format!("is longer than session.absolute_timeout ({})", values::write(absolute));
        let fix = "shorten it, or lengthen session.absolute_timeout";
        tree.fail(durations[0], ValueError::new(message, fix));
    }
}

fn store(tree: &mut Tree) {
    const REDIS_URL: &str = "session.redis_url";
    const REDIS_URL_FILE: &str = "session.redis_url_file";
    const KEY_FILE: &str = "session.key_file";
    let Some(store) = tree.get::<StoreKind>("session.store") else { return };
    let without_effect: &[&str] = match store {
        StoreKind::Memory => &[KEY_FILE, REDIS_URL, REDIS_URL_FILE, "session.redis_ca_file"],
        StoreKind::Embedded => &[REDIS_URL, REDIS_URL_FILE, "session.redis_ca_file"],
        StoreKind::Redis => &[],
    };
    for key in without_effect {
        if tree.is_set(key) {
            tree.warn(key, "has no effect with this session.store", "remove it, or write store = \"redis\"");
        }
    }
    if store == StoreKind::Redis {
        let key_file = "key_file = \"/etc/imsgate/session.key\", the same file at every instance";
        for (key, add) in
            [(KEY_FILE, key_file), (REDIS_URL, "redis_url = \"rediss://user:password@redis.example.com\"")]
        {
            let is_there = |key: &str| tree.is_set(key) || tree.is_misspelt(key);
            if !is_there(key) && !is_there(&format!("{key}{FILE_SUFFIX}")) {
                tree.fail(key, ValueError::new("is missing", format!("add: {add}")));
            }
        }
    }
    if tree.get::<RedisAddress>(REDIS_URL).is_some_and(|address| !address.tls && !address.is_loopback()) {
        let key = set_as(tree, REDIS_URL);
        tree.warn(
            &key,
            "is without TLS: sessions are encrypted, but the password of Redis crosses the network readable",
            "write rediss://…, unless only the gateway uses the network",
        );
    }
}

/// The proxy of the environment, when the configuration names none.
fn proxy_of_environment(tree: &mut Tree) -> Option<OutboundProxy> {
    if tree.is_set(proxy::KEY) || tree.is_set(PROXY_FILE) {
        return None;
    }
    let (variable, text) = tree.proxies.https()?;
    let no_proxy = tree.proxies.no();
    let is_used = |url: &Url| url.as_str().parse().is_ok_and(|address| !is_never_proxied(&address, no_proxy));
    match OutboundProxy::parse(text.expose_secret(), variable) {
        Ok(proxy) => return Some(proxy.except(no_proxy)),
        // Other programs may understand it. It is an error only when this one would use it.
        Err(error) if tree.get("ims.discovery_url").is_some_and(|url| is_used(&url)) => {
            let location = Location::Environment(variable.to_owned());
            tree.error(proxy::KEY, location, proxy::wrong(error));
        }
        Err(_) => {}
    }
    None
}

/// The key itself, or the one that names the file of the secret, whichever is set.
fn set_as(tree: &Tree, secret: &str) -> String {
    if tree.is_set(secret) { secret.to_owned() } else { format!("{secret}{FILE_SUFFIX}") }
}

pub(super) const PROXY_FILE: &str = "ims.proxy_file";
const CLIENT_CERTIFICATE: &str = "campaign.client_certificate";
const CLIENT_KEY: &str = "campaign.client_key";
/// The client secret of the reference file.
const PLACEHOLDER: &str = "replace-me";
const LARGE_SKEW: Duration = Duration::from_mins(5);
