//! The session store, checked without opening it: a running gateway may have it open.

use std::path::Path;

use super::certificate;
use super::report::{CheckedKey, Item};
use crate::config::{Places, RedisLayout, Store};
use crate::crypto::{KeyFileError, KeyRing};

/// Findings about the session store and its keys.
pub(super) fn check(store: &Store, places: &Places) -> Vec<Item> {
    let about = |key| CheckedKey::new(places, key);
    let store_is = |message: String| about("session.store").ok(message);
    match store {
        Store::Memory { max_sessions } => {
            vec![store_is(format!(
                "memory: at most {max_sessions} sessions, which end when the gateway stops"
            ))]
        }
        Store::Embedded { path, key_file } => {
            let mut items =
                vec![store_is(format!("embedded: sessions survive a restart, in {}", path.display()))];
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            // The gateway creates the last folder itself.
            let above = folder.parent().unwrap_or(folder);
            if !folder.is_dir() && !above.as_os_str().is_empty() && !above.is_dir() {
                let name = folder.display();
                let message = format!("the folder {name} does not exist");
                let fix = format!("mkdir -p {name}, owned by the gateway's user");
                items.push(about("session.path").error(message, fix));
            }
            match KeyRing::read(key_file) {
                Err(KeyFileError::Missing(_)) => {}
                read => items.push(keys(read, about("session.key_file"))),
            }
            items
        }
        Store::Redis { address, ca_file, key_file } => {
            let kind = match &address.layout {
                RedisLayout::Single => "one server".to_owned(),
                RedisLayout::Sentinel { master } => format!("Sentinels for {master}"),
                RedisLayout::Cluster => "a Cluster".to_owned(),
            };
            let tls = if address.tls { "with TLS" } else { "without TLS" };
            let copies = match address.wait_replicas {
                0 => String::new(),
                1 => ", a session counts when a replica has it".to_owned(),
                several => format!(", a session counts when {several} replicas have it"),
            };
            let mut items = vec![
                store_is(format!("redis: {kind}, {tls}{copies}")),
                keys(KeyRing::read(key_file), about("session.key_file")),
            ];
            let authorities = |file| certificate::authorities(about("session.redis_ca_file"), file);
            items.extend(ca_file.as_deref().map(authorities));
            items
        }
    }
}

fn keys(read: Result<KeyRing, KeyFileError>, key: CheckedKey<'_>) -> Item {
    match read {
        Ok(_) => key.ok("read, not shown"),
        Err(error) => {
            let text = error.to_string();
            let (message, fix) = text.split_once("; ").unwrap_or((&text, "make a new key file"));
            key.error(message, fix)
        }
    }
}
