//! The chapter about failed logins: its titles, findings and codes are those of the code, and each row names the test that produces the case.
//! So does each row of the page about conformance.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use regex::Regex;

use crate::support::markdown::{Page, root};
use crate::support::named_tests::{compiled_tests, exists};

#[test]
fn every_row_names_its_test() {
    let compiled = compiled_tests();
    let (mut count, mut wrong) = (0, Vec::new());
    for page in [page(), Page::read("docs/conformance.md")] {
        for row in
            page.text.lines().filter(|line| line.starts_with('#')).flat_map(|heading| page.rows(heading))
        {
            let last = row.last().unwrap();
            let name = last.strip_prefix('`').and_then(|last| last.strip_suffix('`'));
            // The gateway's own faults have no known cause; Adobe's own programs do not run here.
            let is_excused =
                ["Unconfirmed.", "No test: nothing that is known leads there."].contains(&&**last);
            count += 1;
            if !is_excused && !name.is_some_and(|name| exists(name, &compiled)) {
                wrong.push(row.join(" | "));
            }
        }
    }
    assert!(count > 100, "the rows are found: {count}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_title_of_a_problem_is_explained() {
    let words = words();
    let titles: BTreeSet<&str> = words.values().map(String::as_str).collect();
    let page = page();
    let named = named(
        &page,
        &["### After the sign-in page of Adobe", "### During the work", "### Wrong addresses"],
        '"',
    );
    let unknown: Vec<&String> = named.iter().filter(|title| !titles.contains(title.as_str())).collect();
    assert!(unknown.is_empty(), "no page has these titles: {unknown:#?}");
    let code = read("src/pages/text.rs");
    let shown = Regex::new(r#""([a-z]+(?:-[a-z]+)*)""#).unwrap();
    let missing: Vec<&String> = shown
        .captures_iter(&code)
        .filter_map(|found| words.get(&found[1]))
        .filter(|title| !named.contains(title.as_str()))
        .collect();
    assert!(missing.is_empty(), "the chapter does not explain: {missing:#?}");
}

#[test]
fn every_finding_is_one_of_check() {
    let findings = named(&page(), &["## By what `check` says"], '`');
    let (code, documented) = (sources("src/cli/check"), read("docs/check.md"));
    for finding in &findings {
        let (base, field) = finding.rsplit_once('.').unwrap_or((finding, ""));
        let is_made = code.contains(&format!("\"{finding}\""))
            || code.contains(&format!("\"{base}.{{"))
            || code.contains(&format!("\"{field}\""));
        assert!(is_made, "{finding} is no finding of src/cli/check");
        let is_documented =
            documented.contains(&format!("`{finding}`")) || documented.contains(&format!("`{base}."));
        assert!(is_documented, "{finding} is not in docs/check.md");
    }
}

#[test]
fn the_codes_are_those_of_the_audit_trail_and_of_rejections() {
    let page = page();
    let schema: serde_json::Value = serde_json::from_str(&read("docs/audit.schema.json")).unwrap();
    let codes = |name: &str| -> BTreeSet<String> {
        let all = schema["$defs"][name]["oneOf"].as_array().unwrap().iter();
        all.map(|code| code["const"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named(&page, &["### `login_failed` in the audit trail"], '`'), codes("LoginFailureCode"));
    assert_eq!(named(&page, &["### `refusal` in the audit trail"], '`'), codes("RefusalCode"));

    let logs = read("docs/logs.md");
    let (_, section) = logs.split_once("### `session_ended`").unwrap();
    let (section, _) = section.split_once("\n### ").unwrap();
    let (_, list) = section.split_once("one word:").unwrap();
    assert_eq!(named(&page, &["### Why a session ended"], '`'), ticked(list));

    let rejection = read("src/web/rejection.rs");
    let row = Regex::new(r#"Row::new\([^"]*"([a-z_]+)""#).unwrap();
    let mut rejections: BTreeSet<String> =
        row.captures_iter(&rejection).map(|found| found[1].to_owned()).collect();
    assert!(rejections.len() > 15, "{rejections:?}");
    // Not a rejection, but the question to sign in.
    rejections.insert("login_required".to_owned());
    assert_eq!(named(&page, &["## By what a program gets"], '`'), rejections);
}

/// The text between two of these marks at the beginning of each row of these sections.
fn named(page: &Page, headings: &[&str], mark: char) -> BTreeSet<String> {
    let rows = headings.iter().flat_map(|heading| page.rows(heading));
    rows.filter_map(|row| Some(row[0].strip_prefix(mark)?.split_once(mark)?.0.to_owned())).collect()
}

fn ticked(text: &str) -> BTreeSet<String> {
    static TICKED: LazyLock<Regex> = LazyLock::new(|| Regex::new("`([^`]+)`").unwrap());
    TICKED.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// The English words of the pages, by their id.
fn words() -> BTreeMap<String, String> {
    let text = read("locales/en.ftl");
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(id, words)| (id.to_owned(), words.to_owned())).collect()
}

fn sources(folder: &str) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        text += &if path.is_dir() { sources(&relative) } else { read(&relative) };
    }
    text
}

fn page() -> Page {
    Page::read("docs/failures.md")
}

fn read(path: &str) -> String {
    Page::read(path).text
}
