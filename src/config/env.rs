//! Overrides from the environment: `IMSGATE_IMS__CLIENT_ID` for `ims.client_id`.

use super::check;
use super::nearest::nearest;
use super::schema::{self, DeclaredKey};
use super::source::KeyPosition;
use super::source::Location;
use super::table_path::{INSTANCES, in_instance, indexed};
use super::tree::Tree;
use super::value_error::ValueError;

/// Sets the keys that the environment names. Variables without `__` that do not begin like a section are ignored: an orchestrator
/// sets `IMSGATE_PORT` and `IMSGATE_SERVICE_HOST` for a service of this name, and `IMSGATE_CONFIG` and `IMSGATE_LOG` are read
/// elsewhere.
pub(super) fn apply(tree: &mut Tree, environment: impl IntoIterator<Item = (String, String)>) {
    let mut overrides: Vec<_> = environment
        .into_iter()
        .filter_map(|(variable, value)| {
            tree.proxies.note(&variable, &value);
            let name = variable.strip_prefix(PREFIX)?;
            let path = (name.contains("__") || is_slip(name)).then(|| path_of(&variable))?;
            Some((variable, path, value))
        })
        .collect();
    overrides.sort();
    for (variable, path, value) in overrides {
        if let Some(number) = instance_of(&path).filter(|number| *number < tree.instances) {
            tree.instance_variables.push((number, in_instance(&path).into_owned(), variable, value));
            continue;
        }
        match tree.keys().into_iter().find(|(known, _)| *known == path) {
            Some((path, key)) => override_key(tree, &path, key, variable, &value),
            None => unknown(tree, &path, variable),
        }
    }
}

/// Sets the keys of one instance that the environment names.
pub(super) fn apply_to_instance<'v>(
    tree: &mut Tree,
    variables: impl Iterator<Item = &'v (usize, String, String, String)>,
) {
    for (_, path, variable, value) in variables {
        match tree.keys().into_iter().find(|(known, _)| known == path) {
            Some((path, key)) => override_key(tree, &path, key, variable.clone(), value),
            None => unknown(tree, path, variable.clone()),
        }
    }
}

/// The number in `instance[0].ims.client_id`.
fn instance_of(path: &str) -> Option<usize> {
    let (list, number) = indexed(path.split('.').next()?)?;
    (list == INSTANCES).then_some(number)
}

/// True for one underscore in place of two: `IMS_CLIENT_ID` begins like a section.
fn is_slip(name: &str) -> bool {
    let name = name.to_lowercase();
    let sections = schema::keys().iter().filter_map(|key| key.path.split_once('.'));
    sections
        .map(|(section, _)| section)
        .any(|section| name.strip_prefix(section).is_some_and(|rest| rest.starts_with('_')))
}

fn override_key(tree: &mut Tree, path: &str, key: &DeclaredKey, variable: String, value: &str) {
    // The value replaces that of the file, so findings about the file's value are dropped.
    tree.findings.retain(|finding| finding.key != path);
    tree.put(path, None);
    tree.places.keys.insert(path.to_owned(), KeyPosition::Environment(variable));
    tree.set(path, key, check::from_environment(key, value));
}

fn unknown(tree: &mut Tree, path: &str, variable: String) {
    let keys = tree.keys();
    let fix = nearest(path, keys.iter().map(|(path, _)| path.as_str()))
        .map_or_else(|| "unset it".to_owned(), |meant| format!("did you mean {}?", variable_of(meant)));
    tree.error(
        path,
        Location::Environment(variable),
        ValueError::new("the variable names no known key", fix),
    );
}

/// `IMSGATE_IMS__CLIENT_ID` → `ims.client_id`, and `…TECHNICAL_ACCOUNT__0__CLIENT_ID` → `….technical_account[0].client_id`.
fn path_of(variable: &str) -> String {
    let name = variable.trim_start_matches(PREFIX).to_lowercase();
    let mut path = String::new();
    for step in name.split("__") {
        let is_index = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        match path.is_empty() {
            false if is_index => path.extend(["[", step, "]"]),
            false => path.extend([".", step]),
            true => path.push_str(step),
        }
    }
    path
}

/// `ims.client_id` → `IMSGATE_IMS__CLIENT_ID`.
pub(super) fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace(['.', '['], "__").replace(']', "").to_uppercase())
}

const PREFIX: &str = "IMSGATE_";
