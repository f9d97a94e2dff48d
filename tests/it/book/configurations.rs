//! Every configuration in the book is one that the gateway accepts.
//!
//! A block `toml whole` is a complete file. A block `toml` is a part of one. A block `toml other` is for another program.

use std::path::Path;

use imsgate::config::Config;
use toml::{Table, Value};

use crate::support::markdown::{Page, docs};
use crate::support::write_secret;

#[test]
fn every_configuration_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in docs().into_iter().chain([Page::read("README.md")]) {
        for block in page.blocks().into_iter().filter(|block| block.info[0] == "toml") {
            let kind = block.info.get(1).map(String::as_str);
            if kind == Some("other") {
                continue;
            }
            assert!(kind.is_none_or(|kind| kind == "whole"), "{}: {:?}", block.place, block.info);
            count += 1;
            if let Err(problem) = check(folder.path(), &block.text, kind.is_some()) {
                wrong.push(format!("{}: {problem}", block.place));
            }
        }
    }
    assert!(count >= 10, "the configurations are found: {count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(folder: &Path, text: &str, whole: bool) -> Result<(), String> {
    let part: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let has_acme = part.get("listen").is_some_and(|listen| listen.get("acme").is_some());
    let mut config = if whole || part.contains_key("instance") { Table::new() } else { base() };
    merge(&mut config, part);
    if !whole && config.get("instance").is_some() {
        merge_listen(&mut config);
    }
    if has_acme && !whole {
        // It takes the place of the files.
        let listen = config["listen"].as_table_mut().unwrap();
        listen.retain(|key, _| !["certificate", "private_key"].contains(&key));
    }
    let mut config = Value::Table(config);
    provide(&mut config, folder);
    let path = folder.join("imsgate.toml");
    write_secret(&path, &toml::to_string(&config).unwrap());
    let loaded = Config::load(&path, []);
    loaded.map(drop).map_err(|errors| format!("{errors:?}"))
}

/// The least that a configuration needs.
fn base() -> Table {
    let text = r#"
        [ims]
        server = "https://ims-na1.adobelogin.com"
        client_id = "Campaign1"
        client_secret = "s"
        scope = "openid,AdobeID,read_organizations"
        callback_server = "https://campaign.example.com"
        organization_id = "0123456789ABCDEF01234567@AdobeOrg"
        association_mask = "Campaign - acme - (.*)"
        [campaign]
        upstream = "http://127.0.0.1:8080"
        [listen]
        https = "0.0.0.0:443"
        certificate = "certs/gateway.pem"
        private_key = "certs/gateway.key"
    "#;
    toml::from_str(text).unwrap()
}

/// With instances, the sections at the top are optional.
fn merge_listen(config: &mut Table) {
    if !config.contains_key("listen") {
        config.insert("listen".to_owned(), base()["listen"].clone());
    }
}

/// Tables are merged; all other values are replaced.
fn merge(into: &mut Table, part: Table) {
    for (key, value) in part {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(part)) => merge(into, part),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// Creates a file for each secret, and puts its path into the configuration.
fn provide(value: &mut Value, folder: &Path) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                if let Some(text) = SECRETS.iter().find_map(|(name, text)| (name == key).then_some(text)) {
                    let path = folder.join(key);
                    write_secret(&path, text);
                    *value = Value::String(path.display().to_string());
                } else {
                    provide(value, folder);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| provide(value, folder)),
        _ => {}
    }
}

const SECRETS: &[(&str, &str)] = &[
    ("client_secret_file", "secret"),
    ("proxy_file", "http://proxy.example.com:3128"),
    ("redis_url_file", "rediss://user:password@redis.example.com"),
    ("forward_auth_secret_file", "0123456789abcdef"),
];

#[test]
fn a_mistake_in_a_configuration_is_found() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(check(folder.path(), "[listen]\nworkers = 2\n", false), Ok(()));
    assert!(check(folder.path(), "[listen]\nworker = 2\n", false).is_err());
    assert!(check(folder.path(), "[listen]\nworkers = 2\n", true).is_err());
    assert_eq!(
        check(
            folder.path(),
            "[session]\nredis_url_file = \"/x\"\nstore = \"redis\"\nkey_file = \"k\"\n",
            false
        ),
        Ok(())
    );
}
