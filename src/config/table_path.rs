//! Paths of keys in lists of tables: `campaign.technical_account[2].client_id` is a key of the third `[[campaign.technical_account]]`.
//! The schema declares that key once, as `campaign.technical_account[].client_id`.

use std::borrow::Cow;

use toml::Table;
use toml::de::DeValue;

pub(super) const INSTANCES: &str = "instance";

/// `name` and `2` of `name[2]`.
pub(super) fn indexed(name: &str) -> Option<(&str, usize)> {
    let (name, index) = name.strip_suffix(']')?.rsplit_once('[')?;
    Some((name, index.parse().ok()?))
}

/// The path of a key in the tree of its instance: `ims.client_id` for `instance[0].ims.client_id`, and `instance.name` for
/// `instance[0].name`. Other paths are unchanged.
pub(super) fn in_instance(path: &str) -> Cow<'_, str> {
    let Some((instance, rest)) = path.split_once('.') else { return path.into() };
    match indexed(instance) {
        Some((INSTANCES, _)) if rest.contains('.') => rest.into(),
        Some((INSTANCES, _)) => format!("instance.{rest}").into(),
        _ => path.into(),
    }
}

/// The path of table number `index`.
pub(super) fn element(list: &str, index: usize) -> String {
    format!("{list}[{index}]")
}

/// The path of a key in a list of tables as the schema declares it; `None` for other keys.
pub(super) fn declared(path: &str) -> Option<String> {
    let (list, name) = path.rsplit_once('.')?;
    indexed(list).map(|(list, _)| format!("{list}[].{name}"))
}

/// The path of a declared key in the table at `element`.
pub(super) fn path_in(element: &str, declared: &str) -> String {
    let name = declared.rsplit('.').next().unwrap_or_default();
    format!("{element}.{name}")
}

/// True for an array that holds only tables, as `[[name]]` makes it.
pub(super) fn is_table_list(value: &DeValue<'_>) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(|item| item.get_ref().is_table()))
}

/// The table that one segment of a path names.
pub(super) fn step<'t>(table: &'t Table, name: &str) -> Option<&'t Table> {
    match indexed(name) {
        None => table.get(name)?.as_table(),
        Some((name, index)) => table.get(name)?.as_array()?.get(index)?.as_table(),
    }
}

/// Like [`step`], but mutable.
pub(super) fn step_mut<'t>(table: &'t mut Table, name: &str) -> Option<&'t mut Table> {
    match indexed(name) {
        None => table.get_mut(name)?.as_table_mut(),
        Some((name, index)) => table.get_mut(name)?.as_array_mut()?.get_mut(index)?.as_table_mut(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_table_and_its_declaration() {
        let path =
            path_in(&element("campaign.technical_account", 2), "campaign.technical_account[].client_id");
        assert_eq!(path, "campaign.technical_account[2].client_id");
        assert_eq!(declared(&path).as_deref(), Some("campaign.technical_account[].client_id"));
        for path in ["campaign.upstream", "campaign[x].upstream", "campaign[].upstream", "[0]", "a.b[0]"] {
            assert_eq!(declared(path), None, "{path}");
        }
    }
}
