//! What no key can check alone: keys that contradict each other, and values that are probably not meant.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use toml::Value;
use url::Url;

use super::finding::Wrong;
use super::listen::ListenAddress;
use super::redis::RedisAddress;
use super::schema::TWIN;
use super::session::StoreKind;
use super::tree::Tree;
use super::upstream::{MOST_UPSTREAMS, Upstream};
use super::values;

/// Applies every rule. A rule about a key that is wrong by itself says nothing.
pub(super) fn apply(tree: &mut Tree) {
    ims(tree);
    upstreams(tree);
    client_identity(tree);
    health(tree);
    addresses(tree);
    trusted_proxies(tree);
    limits(tree);
    lifetimes(tree);
    store(tree);
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
            let mend = "write the secret that Adobe issued";
            tree.warn(&key, "is still the placeholder of the reference file", mend);
        } else if secret.trim() != secret {
            let mend = "remove the blank, unless it is really part of the secret";
            tree.warn(&key, "begins or ends with a blank", mend);
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
            "has no effect: product profiles are not asked for",
            format!("add {} to ims.scope, or remove the key", values::PRODUCT_CONTEXT),
        );
    }
    if tree.get::<Duration>("ims.clock_skew").is_some_and(|skew| skew > LARGE_SKEW) {
        tree.warn(
            "ims.clock_skew",
            "lets tokens live on long after their end",
            "set the clocks by NTP and write \"60s\"",
        );
    }
}

fn upstreams(tree: &mut Tree) {
    const KEY: &str = "campaign.upstream";
    if tree.is_set("campaign.min_console_build") {
        let mend = "remove it, or leave it for later";
        tree.warn("campaign.min_console_build", "has no effect yet in this version", mend);
    }
    let Some(upstreams) = tree.get::<Vec<Upstream>>(KEY) else { return };
    let is_known = |(index, upstream): &(usize, &Upstream)| {
        upstreams[..*index].iter().any(|known| known.address == upstream.address)
    };
    if upstreams.is_empty() {
        return tree.fail(KEY, Wrong::new("is an empty list", "name at least one Campaign server"));
    }
    if upstreams.len() > MOST_UPSTREAMS {
        let message = format!("names more than {MOST_UPSTREAMS} servers");
        return tree.fail(KEY, Wrong::new(message, "put a load balancer before some of them"));
    }
    if let Some((_, twice)) = upstreams.iter().enumerate().find(is_known) {
        let message = format!("names {twice} twice");
        return tree.fail(KEY, Wrong::new(message, "write it once, with a greater weight"));
    }
    if upstreams.iter().any(Upstream::is_readable_on_the_way) {
        tree.warn(
            KEY,
            "is plain http to another machine: session tokens cross that network readable",
            "use https with campaign.ca_file, unless the network is your own",
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
        let wrong = Wrong::new("needs `campaign.client_key`", "add: client_key = \"…\"");
        tree.fail(CLIENT_CERTIFICATE, wrong);
    }
    if key && !certificate {
        let wrong = Wrong::new("needs `campaign.client_certificate`", "add: client_certificate = \"…\"");
        tree.fail(CLIENT_KEY, wrong);
    }
}

fn health(tree: &mut Tree) {
    let durations = ["campaign.health.ejection", "campaign.health.max_ejection"];
    if let [Some(first), Some(longest)] = durations.map(|key| tree.get::<Duration>(key))
        && first > longest
    {
        let mend = "shorten it, or lengthen the other";
        tree.fail(durations[0], Wrong::new("is longer than campaign.health.max_ejection", mend));
    }
}

/// No two listeners at one address.
fn addresses(tree: &mut Tree) {
    let https = tree.get::<Vec<ListenAddress>>("listen.https");
    if https.as_ref().is_some_and(Vec::is_empty) {
        let mend = "name at least one address, such as \"0.0.0.0:443\"";
        tree.fail("listen.https", Wrong::new("is an empty list", mend));
    }
    let https: Vec<SocketAddr> = https.iter().flatten().filter_map(tcp).collect();
    let redirects = tree.get::<Vec<SocketAddr>>("listen.http_redirect").unwrap_or_default();
    if let Some(admin) = tree.get::<SocketAddr>("listen.admin") {
        if !admin.ip().is_loopback() {
            tree.warn(
                "listen.admin",
                "is not a loopback address: metrics and sessions are there for everybody who can reach it",
                "write \"127.0.0.1:9090\", unless a firewall closes it",
            );
        }
        if https.iter().chain(&redirects).any(|public| collides(*public, admin)) {
            let wrong = Wrong::new("is also a public address", "give it a port of its own");
            tree.fail("listen.admin", wrong);
        }
    }
    if redirects.iter().any(|redirect| https.iter().any(|https| collides(*https, *redirect))) {
        let wrong = Wrong::new("is also an address of listen.https", "give it another port");
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
            "believes everybody: any client could choose its address and with it its security zone",
            "name the addresses of your proxies alone",
        );
    }
    if networks.is_empty() && tree.get("listen.proxy_protocol") == Some(true) {
        tree.fail(
            "listen.proxy_protocol",
            Wrong::new(
                "lets nobody in: only trusted proxies may send a PROXY protocol header",
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
        let mend = "shorten it, or lengthen session.absolute_timeout";
        tree.fail(durations[0], Wrong::new(message, mend));
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
            if !is_there(key) && !is_there(&format!("{key}{TWIN}")) {
                tree.fail(key, Wrong::new("is missing", format!("add: {add}")));
            }
        }
    }
    if tree.get::<RedisAddress>(REDIS_URL).is_some_and(|address| !address.tls && !address.is_loopback()) {
        let key = set_as(tree, REDIS_URL);
        tree.warn(
            &key,
            "is without TLS: sessions cross the network sealed, but the password of Redis does not",
            "write rediss://…, unless the network is the gateway's alone",
        );
    }
}

/// The key itself, or the one that names the file of the secret, whichever is set.
fn set_as(tree: &Tree, secret: &str) -> String {
    if tree.is_set(secret) { secret.to_owned() } else { format!("{secret}{TWIN}") }
}

const CLIENT_CERTIFICATE: &str = "campaign.client_certificate";
const CLIENT_KEY: &str = "campaign.client_key";
/// What the reference file has for a secret.
const PLACEHOLDER: &str = "replace-me";
const LARGE_SKEW: Duration = Duration::from_mins(5);
