//! This machine: whether the gateway can listen, and whether its user can read and write its files.

mod listen;

use std::path::{Path, PathBuf};

use super::account::{Account, Wish};
use super::report::{CheckedKey, Item};
use super::running::Running;
use crate::config::{Config, Places, Store};

/// Findings about sockets and files for this user. `is_given`: the command line names the user. `running`: the running gateway, if its
/// admin listener answers.
pub(super) fn check(
    config: &Config,
    places: &Places,
    file: &Path,
    user: &Account,
    is_given: bool,
    running: Option<&Running>,
) -> Vec<Item> {
    let mut items = listen::check(config, places, user, running);
    items.extend(files(config, places, file, user, is_given));
    items
}

fn files(config: &Config, places: &Places, file: &Path, user: &Account, is_given: bool) -> Vec<Item> {
    let about = |key| CheckedKey::new(places, key).named(FILES);
    if user.is_root() && !is_given {
        let mut item = about(FILES).not_checked(
            "this check runs as root, who may read and write everything",
            "name the user that runs the service: imsgate check --user imsgate",
        );
        item.place.clear();
        return vec![item];
    }
    let read = readable(config, file);
    let write = writable(config);
    let mut items = Vec::new();
    for (key, path) in &read {
        // Another check reports a missing file.
        if path.exists()
            || std::fs::symlink_metadata(path)
                .is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound)
        {
            items.extend(user.check(path, &[Wish::Read]).err().map(|(at, why)| {
                let message = format!("{} cannot be read: {}: {why}", path.display(), at.display());
                about(key).error(message, fix_of_read(&at, &user.name, path, file))
            }));
        }
    }
    for (key, path) in &write {
        items.extend(unwritable(user, path).map(|(at, why)| {
            let message = format!("{} cannot be written: {}: {why}", path.display(), at.display());
            about(key).error(message, fix_of_write(&at, &user.name))
        }));
    }
    if items.is_empty() {
        let message = format!(
            "user {} can read {} files and write {}; access control lists and security modules are not considered",
            user.name,
            read.len(),
            write.len()
        );
        let mut item = about(FILES).ok(message);
        item.place.clear();
        items.push(item);
    }
    items
}

/// How this user gets to read `path`. `at` is the path itself, or the folder that the user may not enter.
fn fix_of_read(at: &Path, user: &str, path: &Path, config: &Path) -> String {
    let home = config.parent().unwrap_or(config);
    if at == path || at == home {
        return format!("chown {user} {}", at.display());
    }
    // The folder can be somebody's home: opening it to everybody is no fix.
    format!(
        "let {user} enter {} by a group, or copy the file to a folder that {user} may enter, such as {}",
        at.display(),
        home.display()
    )
}

/// How this user gets to write `at`, which may not exist yet.
fn fix_of_write(at: &Path, user: &str) -> String {
    if at.exists() {
        return format!("chown {user} {}", at.display());
    }
    format!("install -d -o {user} -m 0700 {}", at.display())
}

/// The files that the gateway reads, each with its key.
fn readable(config: &Config, file: &Path) -> Vec<(String, PathBuf)> {
    let mut files = vec![
        ("configuration".to_owned(), file.to_owned()),
        ("listen.certificate".to_owned(), config.listen.certificate.clone()),
        ("listen.private_key".to_owned(), config.listen.private_key.clone()),
    ];
    // The gateway makes it.
    if config.listen.acme.directory.is_some() && !config.listen.certificate.exists() {
        files.truncate(1);
    }
    let mut add = |key: &str, path: Option<&PathBuf>| {
        files.extend(path.map(|path| (key.to_owned(), path.clone())));
    };
    for instance in &config.instances {
        add("ims.ca_file", instance.ims.ca_file.as_ref());
    }
    let of_public = config.public_instances.iter().map(|instance| &instance.campaign);
    for campaign in config.instances.iter().map(|instance| &instance.campaign).chain(of_public) {
        add("campaign.ca_file", campaign.ca_file.as_ref());
        let identity = campaign.client_identity.as_ref();
        add("campaign.client_certificate", identity.map(|identity| &identity.certificate));
        add("campaign.client_key", identity.map(|identity| &identity.key));
    }
    match &config.session.store {
        Store::Memory { .. } => {}
        Store::Embedded { key_file, .. } => add("session.key_file", Some(key_file)),
        Store::Redis { ca_file, key_file, .. } => {
            add("session.redis_ca_file", ca_file.as_ref());
            add("session.key_file", Some(key_file));
        }
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let tables = table.get("instance").and_then(toml::Value::as_array).into_iter().flatten();
    let of_instances = tables.filter_map(toml::Value::as_table).flatten();
    for (section, values) in table.iter().chain(of_instances) {
        let names = [
            "client_secret_file",
            "proxy_file",
            "redis_url_file",
            "forward_auth_secret_file",
            "admin_token_file",
        ];
        let values = names.iter().filter_map(|name| Some((*name, values.get(name)?.as_str()?)));
        files.extend(values.map(|(name, path)| (format!("{section}.{name}"), PathBuf::from(path))));
    }
    files
}

/// The files that the gateway makes or changes, each with its key.
fn writable(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let mut files = Vec::new();
    if let Store::Embedded { path, key_file } = &config.session.store {
        files.push(("session.path", path.clone()));
        if !key_file.exists() {
            files.push(("session.key_file", key_file.clone()));
        }
    }
    files.extend(config.log.audit_file.clone().map(|path| ("log.audit_file", path)));
    files.extend(config.log.access_file.clone().map(|path| ("log.access_file", path)));
    files
}

/// Why the user cannot make or change a file.
fn unwritable(user: &Account, path: &Path) -> Option<(PathBuf, String)> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if absolute.exists() {
        return user.check(&absolute, &[Wish::Write]).err();
    }
    let folder = absolute.parent().unwrap_or(&absolute);
    let wishes = [Wish::Write, Wish::Search];
    if folder.exists() {
        return user.check(folder, &wishes).err();
    }
    // The gateway makes one missing folder for its sessions.
    let above = folder.parent()?;
    let (_, why) = user.check(above, &wishes).err()?;
    Some((folder.to_owned(), format!("it does not exist, and in {} {why}", above.display())))
}

const FILES: &str = "files";
