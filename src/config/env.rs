//! Overrides from the environment: `IMSGATE_IMS__CLIENT_ID` for `ims.client_id`.

use secrecy::SecretString;

use super::finding::Location;
use super::nearest::nearest;
use super::schema::{self, Key, Kind};
use super::source::Place;
use super::tree::{Tree, number_value, text_value};
use super::values::Wrong;

/// The variables by which programs find their proxy, read as curl does: the lower-case name goes first, an empty value is none.
#[derive(Debug, Default)]
pub(super) struct ProxyVariables {
    https: [Option<SecretString>; 2],
    no: [Option<String>; 2],
}

impl ProxyVariables {
    const HTTPS: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
    const NO: [&str; 2] = ["no_proxy", "NO_PROXY"];

    fn note(&mut self, variable: &str, value: &str) {
        let place = |names: [&str; 2]| names.iter().position(|name| *name == variable);
        let value = Some(value).filter(|value| !value.is_empty());
        if let Some(at) = place(Self::HTTPS) {
            self.https[at] = value.map(SecretString::from);
        } else if let Some(at) = place(Self::NO) {
            self.no[at] = value.map(str::to_owned);
        }
    }

    /// The proxy for https addresses, and the variable that names it.
    pub(super) fn https(&self) -> Option<(&'static str, &SecretString)> {
        Self::HTTPS.into_iter().zip(&self.https).find_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// The addresses that need no proxy.
    pub(super) fn no(&self) -> &str {
        self.no.iter().flatten().next().map_or("", String::as_str)
    }
}

/// Sets the keys that the environment names. Variables without `__` that do not begin like a section are none of ours: an orchestrator makes
/// `IMSGATE_PORT` and `IMSGATE_SERVICE_HOST` for a service of this name, and `IMSGATE_CONFIG` and `IMSGATE_LOG` are read
/// elsewhere.
pub(super) fn apply(tree: &mut Tree, environment: impl IntoIterator<Item = (String, String)>) {
    let mut ours: Vec<_> = environment
        .into_iter()
        .filter_map(|(variable, value)| {
            tree.proxies.note(&variable, &value);
            let name = variable.strip_prefix(PREFIX)?;
            let path = (name.contains("__") || is_slip(name)).then(|| path_of(&variable))?;
            Some((variable, path, value))
        })
        .collect();
    ours.sort();
    for (variable, path, value) in ours {
        match schema::key(&path) {
            Some(key) => override_key(tree, key, variable, &value),
            None => unknown(tree, &path, variable),
        }
    }
}

/// One underscore where two belong: `IMS_CLIENT_ID` begins like a section.
fn is_slip(name: &str) -> bool {
    let name = name.to_lowercase();
    let sections = schema::keys().iter().filter_map(|key| key.path.split_once('.'));
    sections
        .map(|(section, _)| section)
        .any(|section| name.strip_prefix(section).is_some_and(|rest| rest.starts_with('_')))
}

fn override_key(tree: &mut Tree, key: &Key, variable: String, value: &str) {
    // What the file says is replaced, and so is a complaint about it.
    tree.findings.retain(|finding| finding.key != key.path);
    tree.unset(&key.path);
    tree.places.keys.insert(key.path.clone(), Place::Environment(variable.clone()));
    match convert(key, value) {
        Ok(value) => tree.set(&key.path, value),
        Err(wrong) => tree.error(&key.path, Location::Environment(variable), wrong),
    }
}

fn convert(key: &Key, value: &str) -> Result<toml::Value, Wrong> {
    let has_list = key.kinds.contains(&Kind::List);
    if key.kinds.contains(&Kind::Number) {
        number_value(key, value.trim().parse().ok())
    } else if key.kinds.contains(&Kind::Switch) {
        let wrong = |_| Wrong::new("must be true or false", "write one of them");
        value.trim().parse().map(toml::Value::Boolean).map_err(wrong)
    } else if has_list && (value.contains(',') || !key.kinds.contains(&Kind::Text)) {
        let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(toml::Value::Array(items.map(|item| toml::Value::String(item.to_owned())).collect()))
    } else {
        text_value(key, value)
    }
}

fn unknown(tree: &mut Tree, path: &str, variable: String) {
    let mend = nearest(path, schema::keys().iter().map(|key| key.path.as_str()))
        .map_or_else(|| "unset it".to_owned(), |meant| format!("did you mean {}?", variable_of(meant)));
    tree.error(path, Location::Environment(variable), Wrong::new("the variable names no known key", mend));
}

/// `IMSGATE_IMS__CLIENT_ID` → `ims.client_id`.
fn path_of(variable: &str) -> String {
    variable.trim_start_matches(PREFIX).to_lowercase().replace("__", ".")
}

/// `ims.client_id` → `IMSGATE_IMS__CLIENT_ID`.
pub(super) fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

const PREFIX: &str = "IMSGATE_";
