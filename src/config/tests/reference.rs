//! `config/imsgate.toml` has every key, with the defaults of the code.

use super::*;
use crate::config::schema;

fn reference() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/imsgate.toml")).unwrap()
}

#[test]
fn the_reference_file_loads() {
    let loaded = load(&reference()).unwrap();
    let warnings: Vec<_> = loaded.warnings.findings().iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warnings, ["ims.client_secret"], "only the placeholder is to be replaced");
}

#[test]
fn the_reference_file_has_every_key_and_the_defaults_of_the_code() {
    let text = reference();
    let written: toml::Table = text.parse().unwrap();
    for key in schema::keys() {
        let (section, name) = key.path.rsplit_once('.').unwrap();
        let table = section.split('.').fold(&written, |table, name| table[name].as_table().unwrap());
        let value = table.get(name);
        match (&key.default, value) {
            (Some(default), Some(value)) => {
                assert_eq!(value, default, "default of {}", key.path);
            }
            (Some(_), None) => panic!("{} has a default, which the reference does not write", key.path),
            (None, Some(_)) => {}
            (None, None) => {
                let section =
                    text.split(&format!("\n[{section}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
                assert!(section.contains(&format!("\n# {name} = ")), "{} is not in the reference", key.path);
            }
        }
    }
}

#[test]
fn the_reference_file_shows_every_key_of_the_tables_in_lists() {
    let text = reference();
    assert!(!schema::lists().is_empty());
    for list in schema::lists() {
        let example =
            text.split(&format!("\n# [[{}]]\n", list.path)).nth(1).unwrap().split("\n\n").next().unwrap();
        for key in &list.keys {
            let name = key.path.rsplit('.').next().unwrap();
            let line = example.lines().find_map(|line| line.strip_prefix(&format!("# {name} = ")));
            assert!(line.is_some(), "{} is not in the reference", key.path);
        }
        let keys = example.lines().filter(|line| line.contains(" = ")).map(|line| &line[2..]);
        let keys = keys.filter(|line| !line.starts_with("client_secret_file")).collect::<Vec<_>>().join("\n");
        let loaded = load(&format!("{GOOD}\n[[{}]]\n{keys}\n", list.path)).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}

#[test]
fn the_defaults_of_the_types_are_those_of_the_file() {
    let config = load(GOOD).unwrap().config;
    assert_eq!(config.limits, crate::config::Limits::default());
    let campaign = config.instances[0].campaign.clone();
    assert_eq!(campaign.pool, crate::config::PoolLimits::default());
    assert_eq!(campaign.health, crate::config::HealthSettings::default());
}

#[test]
fn what_the_reference_has_as_example_is_valid_too() {
    let text = reference();
    for line in text.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")) {
        assert!(line[2..].parse::<toml::Table>().is_ok(), "{line}");
    }
}
