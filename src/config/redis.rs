//! The address of Redis: one server, a group watched by Sentinels, or a Cluster.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde::Deserialize;

use super::value_error::ValueError;

/// Address of Redis, and the accounts of the gateway there.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct RedisAddress {
    /// How the servers are organised.
    pub layout: RedisLayout,
    /// Host and port: the server, the Sentinels, or some nodes of the Cluster.
    pub nodes: Vec<(String, u16)>,
    /// TLS with servers and Sentinels.
    pub tls: bool,
    /// Account at the servers (ACL user and password).
    pub account: RedisAccount,
    /// Account at the Sentinels.
    pub sentinel_account: RedisAccount,
    /// Number of the database; 0 in a Cluster.
    pub database: i64,
    /// Replicas that must have a session before it counts; 0 in a Cluster.
    pub wait_replicas: u8,
}

/// How the servers are organised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisLayout {
    /// One server, or a proxy before several.
    Single,
    /// Sentinels name the master of a group.
    Sentinel {
        /// Name of the group.
        master: String,
    },
    /// Keys are distributed over nodes.
    Cluster,
}

/// User name and password, both optional.
#[derive(Clone, Debug, Default)]
pub struct RedisAccount {
    /// ACL user; none means Redis's `default`.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
}

impl RedisAddress {
    /// Reads `redis://`, `rediss://` (TLS), `redis+sentinel://…/master` and `redis+cluster://` addresses; several hosts are
    /// separated by commas. An error never quotes the text, because it can hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, ValueError> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong("contains a space or a control character"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("is not an address of Redis"))?;
        let (kind, tls) = match scheme {
            "redis" => ("", false),
            "rediss" => ("", true),
            "redis+sentinel" => ("sentinel", false),
            "rediss+sentinel" => ("sentinel", true),
            "redis+cluster" => ("cluster", false),
            "rediss+cluster" => ("cluster", true),
            _ => return Err(wrong("is not an address of Redis")),
        };
        if rest.contains('#') {
            return Err(wrong("contains a `#`; in a password write %23"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (account, hosts) = match authority.rsplit_once('@') {
            Some((account, hosts)) => (RedisAccount::parse(account)?, hosts),
            None => (RedisAccount::default(), authority),
        };
        let default_port = if kind == "sentinel" { 26379 } else { 6379 };
        let nodes = hosts.split(',').map(|host| node(host, default_port)).collect::<Result<Vec<_>, _>>()?;
        let mut path = path.split('/');
        let layout = match kind {
            "sentinel" => RedisLayout::Sentinel {
                master: path
                    .next()
                    .filter(|master| !master.is_empty())
                    .map(decoded)
                    .ok_or_else(|| wrong("does not name the group that the Sentinels watch"))??,
            },
            "" if nodes.len() == 1 => RedisLayout::Single,
            _ => RedisLayout::Cluster,
        };
        let database = match path.next().unwrap_or_default() {
            "" => 0,
            number => number.parse().map_err(|_| wrong("has a path that is not a database number"))?,
        };
        if path.next().is_some() || database < 0 {
            return Err(wrong("has a path that is not a database number"));
        }
        if layout == RedisLayout::Cluster && database != 0 {
            return Err(wrong("names a database, which a Cluster does not have"));
        }
        let (mut sentinel_account, mut wait_replicas) = (RedisAccount::default(), 0);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match (&*name, kind) {
                ("sentinel_user", "sentinel") => sentinel_account.user = Some(value.into_owned()),
                ("sentinel_password", "sentinel") => {
                    sentinel_account.password = Some(value.into_owned().into());
                }
                ("wait_replicas", _) if layout != RedisLayout::Cluster => {
                    wait_replicas =
                        value.parse().map_err(|_| wrong("has a wait_replicas that is not a number"))?;
                }
                ("wait_replicas", _) => {
                    return Err(wrong("has wait_replicas, which is not possible with a Cluster"));
                }
                _ => return Err(wrong("has an unknown parameter")),
            }
        }
        Ok(Self { layout, nodes, tls, account, sentinel_account, database, wait_replicas })
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.nodes.iter().all(|(host, _)| {
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        })
    }
}

/// Why a text is no address of Redis. Never quotes the text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAnAddress(String);

impl FromStr for RedisAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        Self::parse(text).map_err(|wrong| NotAnAddress(wrong.message))
    }
}

impl TryFrom<String> for RedisAddress {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        Self::parse(&text)
    }
}

impl RedisAccount {
    fn parse(text: &str) -> Result<Self, ValueError> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let filled = |text: &str| if text.is_empty() { Ok(None) } else { decoded(text).map(Some) };
        Ok(Self { user: filled(user)?, password: filled(password)?.map(SecretString::from) })
    }
}

fn node(text: &str, default_port: u16) -> Result<(String, u16), ValueError> {
    let not_a_host = || wrong("contains an invalid host name");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(not_a_host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| not_a_host())?;
            let port =
                if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(not_a_host)?) };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(not_a_host());
    }
    let port = match port {
        Some(port) => {
            port.parse().ok().filter(|port| *port != 0).ok_or_else(|| wrong("contains an invalid port"))?
        }
        None => default_port,
    };
    Ok((host.to_owned(), port))
}

fn decoded(text: &str) -> Result<String, ValueError> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| wrong("is not UTF-8"))?;
    Ok(text.into_owned())
}

fn wrong(message: &str) -> ValueError {
    ValueError::new(
        message,
        "write rediss://user:password@host:6379, rediss+sentinel://…@sentinel1,sentinel2/mymaster or rediss+cluster://…@node1,node2; special characters of a password percent-encoded",
    )
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn single_servers_sentinels_and_clusters_are_distinguished() {
        let address = RedisAddress::parse("rediss://imsgate:p%40ss%2F%3A1@redis.example.com:7000/3").unwrap();
        assert_eq!(address.layout, RedisLayout::Single);
        assert_eq!(address.nodes, [("redis.example.com".to_owned(), 7000)]);
        assert!(address.tls && address.database == 3 && !address.is_loopback());
        assert_eq!(address.account.user.as_deref(), Some("imsgate"));
        assert_eq!(address.account.password.unwrap().expose_secret(), "p@ss/:1");

        let address =
            RedisAddress::parse("redis+sentinel://:pw@s1,s2:26380,[::1]/mymaster/2?sentinel_password=x")
                .unwrap();
        assert_eq!(address.layout, RedisLayout::Sentinel { master: "mymaster".to_owned() });
        assert_eq!(address.nodes[1..], [("s2".to_owned(), 26380), ("::1".to_owned(), 26379)]);
        assert_eq!((address.database, address.tls, address.account.user), (2, false, None));
        assert_eq!(address.wait_replicas, 0);
        assert_eq!(address.sentinel_account.password.unwrap().expose_secret(), "x");

        let address = RedisAddress::parse("redis+sentinel://s1/mymaster?wait_replicas=1").unwrap();
        assert_eq!(address.wait_replicas, 1);
        assert_eq!(RedisAddress::parse("redis://a?wait_replicas=2").unwrap().wait_replicas, 2);

        for text in ["redis+cluster://127.0.0.1", "redis://127.0.0.1:7000,localhost:7001"] {
            let address = RedisAddress::parse(text).unwrap();
            assert_eq!(address.layout, RedisLayout::Cluster);
            assert!(address.is_loopback());
        }
    }

    #[test]
    fn an_invalid_address_is_rejected_and_never_quoted() {
        for text in [
            "",
            "redis",
            "http://hunter2",
            "redis://",
            "redis://:hunter2@",
            "redis://a:hunter2",
            "redis://a:0",
            "redis://a/hunter2",
            "redis://a/1/2",
            "redis://a/-1",
            "redis://a?hunter2=1",
            "redis://a?wait_replicas=hunter2",
            "redis://a?wait_replicas=-1",
            "redis+cluster://a?wait_replicas=1",
            "redis://a,b?wait_replicas=1",
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+cluster://a/1",
            "redis://a b",
            "redis://[::1",
            "redis://:hunter#2@a",
            "redis://:%ff@a",
            "redis://a,,b",
        ] {
            let wrong = RedisAddress::parse(text).unwrap_err();
            assert!(!wrong.message.contains("hunter2") && !wrong.fix.contains("hunter2"), "{text}");
        }
        let address = RedisAddress::parse("redis://u:hunter2@a").unwrap();
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
