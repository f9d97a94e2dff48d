//! SECURITY.md names the tests that hold each promise, docs/campaign.md those that prove each fact, and those tests exist.

use std::fs;

use crate::support::markdown::root;
use crate::support::named_tests::{compiled_tests, exists, named_tests};

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

fn security() -> String {
    fs::read_to_string(root().join("SECURITY.md")).unwrap()
}
