//! Tests of loading as a whole.

mod instances;
mod mistakes;
mod overrides;
mod reference;
mod relative_paths;
mod secrets;
mod table_lists;

use super::finding::{ConfigErrors, Finding, Level};
use super::load::{Loaded, from_text};
use super::source::Location;

/// A complete configuration that tests change.
pub(super) const GOOD: &str = r#"[ims]
server = "https://ims-na1.adobelogin.com"
client_id = "Campaign1"
client_secret = "s3cr3t-of-the-test"
scope = "openid,AdobeID,read_organizations,session,additional_info.projectedProductContext"
callback_server = "https://campaign.example.com"
organization_id = "4E3D60F754C8E5D0A4C98A2@AdobeOrg"
association_mask = "Campaign - acme - (.*)"

[campaign]
upstream = "http://127.0.0.1:8080"

[listen]
certificate = "certs/gateway.pem"
private_key = "certs/gateway.key"
"#;

fn load(text: &str) -> Result<Loaded, ConfigErrors> {
    load_with(text, &[])
}

pub(super) fn load_with(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    from_text("test.toml", text, environment)
}

/// The good configuration with `line` in place of the line that sets the same key, or at the end of its section.
fn with(section: &str, line: &str) -> String {
    let name = line.split('=').next().unwrap().trim();
    let mut inside = false;
    let mut text = String::new();
    for old in GOOD.lines() {
        if old.starts_with('[') {
            inside = old == format!("[{section}]");
        }
        if inside && old.split('=').next().unwrap().trim() == name {
            continue;
        }
        text.push_str(old);
        text.push('\n');
        if old == format!("[{section}]") {
            text.push_str(line);
            text.push('\n');
        }
    }
    if !GOOD.contains(&format!("[{section}]")) {
        text = format!("{text}[{section}]\n{line}\n");
    }
    text
}

fn errors(text: &str) -> Vec<Finding> {
    load(text)
        .unwrap_err()
        .findings()
        .iter()
        .filter(|finding| finding.level == Level::Error)
        .cloned()
        .collect()
}

/// The only error of the good configuration with `line` set.
fn only_error(section: &str, line: &str) -> Finding {
    let text = with(section, line);
    let mut errors = errors(&text);
    assert_eq!(errors.len(), 1, "{line}: {errors:?}");
    let error = errors.remove(0);
    assert!(!error.fix.is_empty(), "{line}");
    error
}

fn place(finding: &Finding) -> (usize, usize) {
    match finding.location {
        Location::File { line, column, .. } => (line, column),
        _ => panic!("{finding}"),
    }
}
