//! Every link of the book leads somewhere, and the book has every page.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::markdown::{Page, docs, root};

#[test]
fn every_link_and_anchor_resolves() {
    let outside = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "bench/README.md",
        "bench/RESULTS.md",
    ];
    let pages: Vec<Page> = docs().into_iter().chain(outside.map(Page::read)).collect();
    let anchors: BTreeMap<&str, Vec<String>> =
        pages.iter().map(|page| (&*page.path, page.anchors())).collect();
    let mut broken = Vec::new();
    for page in &pages {
        for link in page.links().into_iter().filter(|link| !is_address(&link.target)) {
            let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let path = if path.is_empty() { page.path.clone() } else { joined(&page.path, path) };
            // A page of the book is read without the rest of the repository.
            let leaves = page.path.starts_with("docs/") && !path.starts_with("docs/");
            let resolves = if anchor.is_empty() {
                root().join(&path).exists()
            } else {
                anchors.get(&*path).is_some_and(|anchors| anchors.iter().any(|known| known == anchor))
            };
            if leaves || !resolves {
                broken.push(format!("{}: {}", link.place, link.target));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_summary_lists_every_page_once() {
    let summary = Page::read("docs/SUMMARY.md");
    let mut listed: Vec<String> =
        summary.links().into_iter().map(|link| joined("docs/SUMMARY.md", &link.target)).collect();
    listed.sort();
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "a page is listed twice");
    let pages = docs().into_iter().map(|page| page.path).filter(|path| path != "docs/SUMMARY.md");
    assert_eq!(listed, pages.collect::<Vec<_>>());
}

fn is_address(target: &str) -> bool {
    target.starts_with("https://") || target.starts_with("http://") || target.starts_with("mailto:")
}

/// The path of a link, from the repository.
fn joined(page: &str, link: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
