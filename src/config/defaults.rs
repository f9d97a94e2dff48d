//! Settings with the defaults of the keys.

use serde::de::DeserializeOwned;
use toml::Value;

use super::campaign::{HealthSettings, PoolLimits};
use super::check::check;
use super::limits::Limits;
use super::schema;

impl Default for Limits {
    fn default() -> Self {
        of("limits")
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        of("campaign")
    }
}

impl Default for HealthSettings {
    fn default() -> Self {
        of("campaign.health")
    }
}

/// What serde reads when only the defaults of a section are set.
fn of<T: DeserializeOwned>(section: &str) -> T {
    let keys = schema::keys().iter().filter_map(|key| {
        let name = key.path.strip_prefix(section)?.strip_prefix('.')?;
        Some((name.to_owned(), check(key, key.default.as_ref()?).ok()??))
    });
    Value::Table(keys.collect()).try_into().expect("a test reads the defaults of each of these sections")
}
