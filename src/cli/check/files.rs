//! Checks secrets and log files.

use std::path::Path;

use super::report::{CheckedKey, Item};
use crate::config::Places;

/// A secret, or the file that holds it. Reading the configuration has already reported files that others can read.
pub(super) fn secret(places: &Places, key: &str, id: &str) -> Item {
    let file_key = format!("{key}_file");
    let key = if places.is_set(&file_key) { &file_key } else { key };
    CheckedKey::new(places, key).named(id).ok("set, not shown")
}

/// A file that can be appended to, or created.
pub(super) fn appendable(places: &Places, key: &str, path: &Path) -> Item {
    let key = CheckedKey::new(places, key);
    let name = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return key.error(format!("{name} is a folder"), "name a file");
    }
    if !folder.is_dir() {
        let message = format!("the folder {} does not exist", folder.display());
        return key.error(message, format!("mkdir -p {}", folder.display()));
    }
    key.ok(format!("appended to {name}"))
}
