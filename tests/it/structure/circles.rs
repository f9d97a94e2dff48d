//! No circles: neither among modules nor among the files of one module.

use std::collections::{BTreeMap, BTreeSet};

use super::{MAY_IMPORT, code, module_path, rust_files};

/// A file as a path of modules: `src/proxy/pool.rs` is `proxy::pool`.
type File = String;
type Imports = BTreeMap<File, BTreeSet<File>>;

#[test]
fn modules_form_no_import_circle() {
    let modules = MAY_IMPORT.iter().map(|(module, allowed)| {
        ((*module).to_owned(), allowed.iter().map(|allowed| (*allowed).to_owned()).collect())
    });
    assert_eq!(circles(&modules.collect()), [[""; 0]; 0]);
}

#[test]
fn files_of_a_module_form_no_import_circle() {
    assert_eq!(circles(&imports_between_files()), [[""; 0]; 0]);
}

#[test]
fn circles_are_found_in_every_spelling() {
    let files = [
        ("a::b", "use super::{c, d::Thing};"),
        ("a::c", "fn x() { crate::a::d::y(); }"),
        ("a::d", "use crate::{a::{b::Deep}, f};"),
        ("a::e", "use super::b::Thing;\n#[cfg(test)]\nmod tests { use super::super::f; }"),
        ("a::f", "use super::e;"),
    ];
    let names: BTreeSet<File> = files.iter().map(|(file, _)| (*file).to_owned()).collect();
    let imports = files.iter().map(|(file, text)| ((*file).to_owned(), imports(file, text, &names)));
    assert_eq!(circles(&imports.collect()), [["a::b", "a::c", "a::d"]]);
}

/// Who imports whom. A file and the modules above it may import each other: that is what `mod.rs` is for.
fn imports_between_files() -> Imports {
    let is_test = |path: &[String]| path.iter().any(|part| part == "tests");
    let files: Vec<(File, String)> = rust_files("src")
        .into_iter()
        .filter(|file| !is_test(&module_path(file)))
        .map(|file| (module_path(&file).join("::"), code(&file)))
        .collect();
    let names: BTreeSet<File> = files.iter().map(|(name, _)| name.clone()).collect();
    files.iter().map(|(name, text)| (name.clone(), imports(name, text, &names))).collect()
}

/// The files that this one names.
fn imports(file: &str, text: &str, files: &BTreeSet<File>) -> BTreeSet<File> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let above = |one: &str, other: &str| other.starts_with(&format!("{one}::"));
    paths(file, text)
        .iter()
        .filter_map(|path| {
            let whole = path.join("::");
            files
                .iter()
                .filter(|known| **known == whole || above(known, &whole))
                .max_by_key(|known| known.len())
        })
        .filter(|other| *other != file && !above(other, file) && !above(file, other))
        .cloned()
        .collect()
}

/// Every path that begins with `crate`, `self` or `super`, from the root of the crate.
fn paths(file: &str, text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let starts = regex::Regex::new(r"\b(crate|self|super(?:::super)*)::").unwrap();
    for start in starts.captures_iter(text) {
        let mut base: Vec<String> = match &start[1] {
            "crate" => Vec::new(),
            _ => file.split("::").map(str::to_owned).collect(),
        };
        base.truncate(base.len().saturating_sub(start[1].matches("super").count()));
        tree(&text[start.get(0).unwrap().end()..], &base, &mut found);
    }
    found
}

/// Reads one path or group; returns what follows it.
fn tree<'t>(text: &'t str, base: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            let after = tree(rest, base, found);
            // `as NAME`
            rest = after.trim_start_matches(|c: char| c != ',' && c != '}');
            if rest.is_empty() {
                return rest;
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut path = base.to_vec();
    path.push(text[..end].to_owned());
    if let Some(rest) = text[end..].strip_prefix("::") {
        return tree(rest, &path, found);
    }
    found.push(path);
    &text[end..]
}

/// Groups in which everybody reaches everybody.
fn circles(imports: &Imports) -> Vec<Vec<File>> {
    let reached: BTreeMap<&File, BTreeSet<&File>> =
        imports.keys().map(|file| (file, reached(file, imports))).collect();
    let mut found: Vec<Vec<File>> = Vec::new();
    for (file, reaches) in &reached {
        let back = |other: &&&File| reached.get(**other).is_some_and(|theirs| theirs.contains(*file));
        let circle: Vec<File> = reaches.iter().filter(back).map(|other| (*other).clone()).collect();
        if !circle.is_empty() && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

fn reached<'i>(file: &File, imports: &'i Imports) -> BTreeSet<&'i File> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&File> = imports[file].iter().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(imports.get(file).into_iter().flatten());
        }
    }
    reached
}
