//! The cases of `tests/corpus`.

use std::fs;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The cases of a file of the corpus.
pub fn cases<C: DeserializeOwned>(file: &str) -> Vec<C> {
    #[derive(Deserialize)]
    struct Cases<C> {
        case: Vec<C>,
    }
    let path = format!("{}/tests/corpus/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    let cases: Cases<C> =
        toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(!cases.case.is_empty());
    cases.case
}
