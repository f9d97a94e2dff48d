//! SECURITY.md names the tests that hold each promise, docs/campaign.md those that prove each fact, and those tests exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

/// The section whose list items are promises.
const PROMISES: &str = "## What is promised";

#[test]
fn every_promise_names_its_test() {
    let silent: Vec<String> =
        promises(&security()).into_iter().filter(|promise| !names_a_test(promise)).collect();
    assert!(silent.is_empty(), "end each with *Test: `module::name`.*\n{}", silent.join("\n"));
}

#[test]
fn every_named_test_exists() {
    let compiled = compiled_tests();
    let named = named_tests(&security());
    assert!(named.len() > 50, "SECURITY.md is read: {named:?}");
    let missing: Vec<&String> = named.iter().filter(|name| !exists(name, &compiled)).collect();
    assert!(missing.is_empty(), "SECURITY.md names tests that do not exist: {missing:#?}");
}

#[test]
fn every_fact_about_campaign_has_a_test_or_is_unconfirmed() {
    let text = fs::read_to_string(root().join("docs/campaign.md")).unwrap();
    let facts = items(text.lines());
    assert!(facts.len() > 20, "docs/campaign.md is read");
    let silent: Vec<&String> =
        facts.iter().filter(|fact| !names_a_test(fact) && !fact.ends_with(" Unconfirmed.")).collect();
    assert!(silent.is_empty(), "{silent:#?}");
    let compiled = compiled_tests();
    let missing: Vec<String> =
        named_tests(&text).into_iter().filter(|name| !exists(name, &compiled)).collect();
    assert!(missing.is_empty(), "docs/campaign.md names tests that do not exist: {missing:#?}");
}

#[test]
fn a_promise_without_a_test_and_a_test_that_is_gone_are_found() {
    let text = "# S\n\n- before\n\n## What is promised\n\nIntroduction.\n\n### A\n\n- one\n  goes on. *Test: `a::b`.*\n- two.\n\
                - three. *Tests: `c::d`,\n  `e2e/x.test.mjs: a title`.*\n\n## Next\n\n- after\n";
    let promises = promises(text);
    assert_eq!(promises.len(), 3, "{promises:?}");
    assert_eq!(promises.iter().map(|p| names_a_test(p)).collect::<Vec<_>>(), [true, false, true]);
    let named: Vec<String> = named_tests(text).into_iter().collect();
    assert_eq!(named, ["a::b", "c::d", "e2e/x.test.mjs: a title"]);

    let compiled = compiled_tests();
    for name in [
        "promises::every_named_test_exists",
        "policy::path::tests::ordinary_paths_are_unchanged",
        "policy::cookies::tests::no_spelling_of_a_gateway_or_campaign_session_cookie_passes",
        "session::tests::redis::one_server_fulfils_the_contract",
        "e2e/wire.test.mjs: Campaign gets no byte of a request that needs a login",
    ] {
        assert!(exists(name, &compiled), "{name}");
    }
    for name in [
        "promises::promises",
        "promises::every_named_test",
        "policy::path::tests::no_such_test",
        "policy::path::other::ordinary_paths_are_unchanged",
        "policy::nothing::tests::ordinary_paths_are_unchanged",
        "every_named_test_exists",
        "e2e/wire.test.mjs: Campaign gets no byte",
        "e2e/none.test.mjs: a title",
    ] {
        assert!(!exists(name, &compiled), "{name}");
    }
}

/// The list items of the section, each on one line.
fn promises(text: &str) -> Vec<String> {
    let section = text.lines().skip_while(|line| *line != PROMISES).skip(1);
    items(section.take_while(|line| !line.starts_with("## ")))
}

/// The list items, each on one line.
fn items<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    for line in lines {
        if line.starts_with("- ") {
            found.push(line.to_owned());
            inside = true;
        } else if inside && line.starts_with("  ") {
            let promise = found.last_mut().unwrap();
            promise.push(' ');
            promise.push_str(line.trim());
        } else {
            inside = false;
        }
    }
    found
}

fn names_a_test(promise: &str) -> bool {
    promise.ends_with("`.*") && !named_tests(promise).is_empty()
}

/// The names in *Test: `name`.* or *Tests: `name`, `name`.*
fn named_tests(text: &str) -> BTreeSet<String> {
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

fn exists(name: &str, compiled: &BTreeSet<String>) -> bool {
    if let Some((file, title)) = name.split_once(": ") {
        let source = fs::read_to_string(root().join(file)).unwrap_or_default();
        return ["'", "\"", "`"].iter().any(|quote| source.contains(&format!("it({quote}{title}{quote}")));
    }
    compiled.contains(name) || is_unit_test(name)
}

/// The tests that this binary lists. A test that is not compiled does not count.
fn compiled_tests() -> BTreeSet<String> {
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

fn security() -> String {
    fs::read_to_string(root().join("SECURITY.md")).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
