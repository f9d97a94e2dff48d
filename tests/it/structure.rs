//! Checks the source text: which module may import which, how long a file may be, which dependencies are used.

mod circles;
mod names;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// What each top-level module may import from the rest of the crate. A new module needs a line here.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("unix_time", &[]),
    ("clock", &["unix_time"]),
    ("wire", &["unix_time"]),
    ("policy", &["unix_time", "wire"]),
    ("files", &[]),
    ("crypto", &["files"]),
    ("net", &[]),
    ("http_client", &["files", "net", "policy", "wire"]),
    ("config", &["crypto", "files", "policy", "wire"]),
    ("telemetry", &["config", "unix_time"]),
    ("pages", &["policy", "unix_time"]),
    // These know the same foundations and never each other, nor what joins them.
    ("ims", FOUNDATIONS),
    ("campaign", FOUNDATIONS),
    ("session", FOUNDATIONS),
    (
        "proxy",
        &["clock", "config", "crypto", "files", "http_client", "net", "peer", "policy", "telemetry", "wire"],
    ),
    // Signs people in; knows no HTTP responses.
    (
        "auth",
        &[
            "campaign",
            "clock",
            "config",
            "crypto",
            "http_client",
            "ims",
            "net",
            "policy",
            "session",
            "telemetry",
            "unix_time",
            "wire",
        ],
    ),
    // HTTP.
    (
        "web",
        &[
            "auth",
            "campaign",
            "clock",
            "config",
            "net",
            "pages",
            "peer",
            "policy",
            "proxy",
            "session",
            "telemetry",
            "unix_time",
            "wire",
        ],
    ),
    ("peer", &["config", "wire"]),
    ("server", &["config", "files", "net", "peer", "policy", "telemetry", "wire"]),
    ("acme", &["clock", "config", "files", "http_client", "unix_time", "wire"]),
    (
        "admin",
        &["auth", "config", "crypto", "pages", "policy", "proxy", "session", "telemetry", "unix_time", "web"],
    ),
    // The simulators share only the clock with the gateway, or a mistake would be made on both sides.
    ("demo", &["clock", "unix_time"]),
    // Construct.
    (
        "app",
        &[
            "acme",
            "admin",
            "auth",
            "campaign",
            "clock",
            "config",
            "crypto",
            "http_client",
            "ims",
            "pages",
            "peer",
            "policy",
            "proxy",
            "server",
            "session",
            "telemetry",
            "unix_time",
            "web",
            "wire",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "campaign",
            "clock",
            "config",
            "crypto",
            "demo",
            "files",
            "http_client",
            "ims",
            "policy",
            "server",
            "telemetry",
            "unix_time",
            "wire",
        ],
    ),
    ("main", &["cli"]),
    // Its hidden module `internal` names what tests, fuzz targets and examples use.
    ("lib", &["campaign", "crypto", "http_client", "ims", "pages", "policy", "server", "session", "wire"]),
];

const FOUNDATIONS: &[&str] =
    &["clock", "config", "crypto", "files", "http_client", "net", "policy", "telemetry", "unix_time", "wire"];

/// Lines a file may have; past it, split by idea.
const MAX_LINES: usize = 400;

#[test]
fn imports_go_in_one_direction() {
    let modules: BTreeSet<&str> = MAY_IMPORT.iter().map(|(module, _)| *module).collect();
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let path = module_path(&file);
        let module = path[0].as_str();
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(known, _)| *known == module) else {
            wrong.push(format!("{}: no rule for the module `{module}`", file.display()));
            continue;
        };
        for (line, imported) in imports(&code(&file), path.len()) {
            let foreign = modules.contains(imported.as_str()) && imported != module;
            if foreign && !allowed.contains(&imported.as_str()) {
                wrong.push(format!("{}:{line}: `{module}` must not import `{imported}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn test_modules_share_only_what_is_in_support() {
    let own = Regex::new(r"\bcrate::(\w+)").unwrap();
    let mut wrong = Vec::new();
    // This file has imports as examples.
    let files =
        rust_files("tests/it").into_iter().filter(|file| !file.to_string_lossy().contains("structure"));
    for file in files {
        let code = code(&file);
        let foreign =
            own.captures_iter(&code).map(|name| name[1].to_owned()).filter(|name| name != "support");
        wrong.extend(foreign.map(|name| format!("{}: `crate::{name}`", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_spelling_of_an_import_is_seen() {
    let source = "use crate::ims;\nuse crate::{\n    clock::Clock,\n    web::{self, Gate},\n};\n\
                  fn f() { super::super::session::x(); super::pool::y(); }";
    let found: Vec<String> = imports(source, 2).into_iter().map(|(_, name)| name).collect();
    assert_eq!(found, ["ims", "clock", "web", "session"]);
}

#[test]
fn files_stay_short() {
    let files = rust_files("src").into_iter().chain(rust_files("tests"));
    let long: Vec<String> = files
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, file)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn lints_are_expected_with_a_reason_and_never_silenced() {
    let allow = Regex::new(r"#!?\[\s*(cfg_attr\(.*,\s*)?allow\s*\(").unwrap();
    let files = rust_files("src").into_iter().chain(rust_files("tests"));
    let silenced: Vec<String> =
        files.filter(|file| allow.is_match(&code(file))).map(|file| file.display().to_string()).collect();
    assert!(silenced.is_empty(), "{}", silenced.join("\n"));
}

#[test]
fn every_dependency_is_used() {
    let manifest: toml::Table = toml::from_str(&read(&root().join("Cargo.toml"))).unwrap();
    let source: String =
        ["src", "tests", "benches"].iter().flat_map(|folder| rust_files(folder)).map(|f| code(&f)).collect();
    let tables = ["dependencies", "dev-dependencies"].iter().filter_map(|table| manifest[*table].as_table());
    let unused: Vec<&String> = tables
        .flat_map(toml::Table::keys)
        .filter(|name| {
            let name = name.replace('-', "_");
            let used = Regex::new(&format!(r"(^|[^\w:]|[^:\w]::){name}(::|;| as )")).unwrap();
            !used.is_match(&source)
        })
        .collect();
    assert!(unused.is_empty(), "nothing uses {unused:?}");
}

/// The top-level modules that a file of this depth names: `crate::x`, `crate::{x, …}`, and `super::` up to the root.
fn imports(source: &str, depth: usize) -> Vec<(usize, String)> {
    static START: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(crate|super(?:::super)*)::(\{|\w+)").unwrap());
    let mut found = Vec::new();
    for name in START.captures_iter(source) {
        let from_root = &name[1] == "crate" || name[1].split("::").count() >= depth;
        if !from_root {
            continue;
        }
        let end = name.get(0).unwrap().end();
        let line = source[..end].lines().count();
        match &name[2] {
            "{" => found.extend(group(&source[end..]).into_iter().map(|name| (line, name))),
            plain => found.push((line, plain.to_owned())),
        }
    }
    found
}

/// The first path segments inside a group that is already open.
fn group(rest: &str) -> Vec<String> {
    let mut depth = 1;
    let mut items = vec![String::new()];
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => items.push(String::new()),
            c if depth == 1 => items.last_mut().unwrap().push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let first = |item: &String| item.trim().split("::").next().unwrap_or_default().to_owned();
    items.iter().map(first).filter(|name| !name.is_empty()).collect()
}

/// `src/proxy/pool.rs` → `proxy, pool`; `src/proxy/mod.rs` → `proxy`.
fn module_path(file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut path: Vec<String> =
        relative.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
    if path.len() > 1 && path.last().is_some_and(|name| name == "mod") {
        path.pop();
    }
    path
}

/// A file without its comment lines.
fn code(file: &Path) -> String {
    let text = read(file);
    text.lines()
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
