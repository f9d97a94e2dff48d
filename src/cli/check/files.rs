//! Files that the configuration names: can they be read, and by whom.

use std::path::Path;

use super::report::Item;
use crate::config::Places;

/// Who can read the file in which a secret stands: its own, or the configuration file.
pub(super) fn secret(places: &Places, key: &str, config_file: &Path) -> Option<Item> {
    let file_key = format!("{key}_file");
    if places.is_set(&file_key) {
        let path = places.text_of(&file_key)?;
        return Some(private(places, &file_key, Path::new(path), "set, not shown"));
    }
    match places.location(key) {
        crate::config::Location::File { .. } => Some(private(places, key, config_file, "set, not shown")),
        _ => Some(Item::ok(places, key, "set, not shown")),
    }
}

/// Good when nobody but owner and group can read the file.
pub(super) fn private(places: &Places, key: &str, path: &Path, good: &str) -> Item {
    let name = path.display();
    if is_readable_by_all(path) {
        return Item::warning(
            places,
            key,
            format!("{name} can be read by every user of this machine"),
            format!("chmod 600 {name}, owned by the gateway's user"),
        );
    }
    Item::ok(places, key, good)
}

/// A file that can be appended to, or made.
pub(super) fn appendable(places: &Places, key: &str, path: &Path) -> Item {
    let name = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Item::stops(places, key, format!("{name} is a folder"), "name a file");
    }
    if !folder.is_dir() {
        let message = format!("the folder {} does not exist", folder.display());
        return Item::stops(places, key, message, format!("mkdir -p {}", folder.display()));
    }
    Item::ok(places, key, format!("appended to {name}"))
}

#[cfg(unix)]
fn is_readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_: &Path) -> bool {
    false
}
