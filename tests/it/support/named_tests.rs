//! Names of tests in documents, and whether there are such tests.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

use super::markdown::root;

/// The names in *Test: `name`.* or *Tests: `name`, `name`.*
pub fn named_tests(text: &str) -> BTreeSet<String> {
    static FORM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\*Tests?:\s+((?:`[^`]+`(?:,\s+)?)+)\.\*").unwrap());
    static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new("`([^`]+)`").unwrap());
    FORM.captures_iter(text)
        .flat_map(|form| NAME.captures_iter(form.get(1).unwrap().as_str()).map(|name| spaced(&name[1])))
        .collect()
}

/// With every run of white space as one space: a title may go over a line break.
fn spaced(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a test of this name is compiled, or an end-to-end test has this title.
pub fn exists(name: &str, compiled: &BTreeSet<String>) -> bool {
    if let Some((file, title)) = name.split_once(": ") {
        let source = fs::read_to_string(root().join(file)).unwrap_or_default();
        return ["'", "\"", "`"].iter().any(|quote| source.contains(&format!("it({quote}{title}{quote}")));
    }
    compiled.contains(name) || is_unit_test(name)
}

/// The tests that this binary lists. A test that is not compiled does not count.
pub fn compiled_tests() -> BTreeSet<String> {
    let listing = |arguments: &[&str]| -> BTreeSet<String> {
        let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect()
    };
    let ignored = listing(&["--list", "--format", "terse", "--ignored"]);
    &listing(&["--list", "--format", "terse"]) - &ignored
}

/// Whether a file of `src` has this test: `policy::path::tests::name` is in `src/policy/path.rs`, or below
/// `src/policy/path/`.
fn is_unit_test(name: &str) -> bool {
    let segments: Vec<&str> = name.split("::").collect();
    let (function, modules) = segments.split_last().unwrap();
    let test = Regex::new(&format!(
        r"#\[(?:tokio::)?test(?:\(.*\))?\]\s*(?:#\[(?:[^i]|i[^g]).*\]\s*)*(?:async )?fn {}\(",
        regex::escape(function)
    ))
    .unwrap();
    (1..=modules.len()).any(|depth| {
        let (files, inline) = modules.split_at(depth);
        let base = root().join("src").join(files.join("/"));
        [base.with_extension("rs"), base.join("mod.rs")].iter().any(|file| {
            let source = fs::read_to_string(file).unwrap_or_default();
            test.is_match(&source) && inline.iter().all(|module| source.contains(&format!("mod {module} {{")))
        })
    })
}
