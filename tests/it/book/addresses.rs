//! docs/addresses.md lists the addresses and the header fields that the code has.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::support::markdown::Page;

#[test]
fn the_page_lists_every_address_of_the_gateway() {
    let source = Page::read("src/web/routes/mod.rs").text;
    let (_, router) = source.split_once("Router::new()").unwrap();
    assert_eq!(documented("## Addresses for people and programs"), routes(router));
}

#[test]
fn the_page_lists_every_address_of_the_admin_listener() {
    let source = Page::read("src/admin/mod.rs").text;
    let (_, router) = source.split_once("Router::new()").unwrap();
    assert_eq!(documented("## Addresses of the admin listener"), routes(router));
}

#[test]
fn the_page_lists_every_header_field_of_the_gateway() {
    let source = Page::read("src/wire/fields.rs").text;
    let field = Regex::new(r#"HeaderName::from_static\("([a-z0-9-]+)"\)"#).unwrap();
    let page = Page::read("docs/addresses.md");
    let headings = ["## Headers that Campaign gets", "## Headers that clients get", "## Headers for proxies"];
    let cells: String =
        headings.iter().flat_map(|heading| page.rows(heading)).map(|row| row[0].to_lowercase()).collect();
    let missing: Vec<&str> = field
        .captures_iter(&source)
        .map(|found| found.get(1).unwrap().as_str())
        .filter(|name| !cells.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

type Routes = BTreeMap<String, BTreeSet<String>>;

/// Address and methods of each row.
fn documented(heading: &str) -> Routes {
    let rows = Page::read("docs/addresses.md").rows(heading);
    assert!(rows.len() > 5, "{heading}");
    let methods = |cell: &str| cell.split(", ").map(str::to_lowercase).collect();
    rows.iter().map(|row| (row[0].trim_matches('`').to_owned(), methods(&row[1]))).collect()
}

/// The calls of `route` down to the next function.
fn routes(router: &str) -> Routes {
    let (router, _) = router.split_once("\n}").unwrap();
    let route = Regex::new(r#"\.route\(\s*([A-Z_]+|"[^"]+"),\s*(.*)\)"#).unwrap();
    let method = Regex::new(r"\b(get|post|delete|put|any)\(").unwrap();
    let methods = |text: &str| method.captures_iter(text).map(|found| found[1].to_owned()).collect();
    route.captures_iter(router).map(|found| (address(&found[1]), methods(&found[2]))).collect()
}

/// A text, or the value of a constant.
fn address(name: &str) -> String {
    if let Some(text) = name.strip_prefix('"') {
        return text.trim_end_matches('"').to_owned();
    }
    let constant = Regex::new(&format!(r#"const {name}: &str = "([^"]+)""#)).unwrap();
    let sources =
        ["src/web/addresses.rs", "src/pages/brand.rs", "src/pages/mod.rs"].map(|path| Page::read(path).text);
    let found = sources.iter().find_map(|source| Some(constant.captures(source)?[1].to_owned()));
    found.unwrap_or_else(|| panic!("where is {name}?"))
}
