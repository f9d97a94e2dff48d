//! Writes every page of the gateway in every language to standard output, as JSON: `[{name, language, branded, html, policy}]`.

use std::io::Write as _;

use imsgate::internal::samples;
use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let mut pages: Vec<Value> = Vec::new();
    for language in ["en", "es", "fr", "de", "ja"] {
        for branded in [false, true] {
            pages.extend(samples(language, branded).into_iter().map(|page| {
                json!({
                    "name": page.name,
                    "language": language,
                    "branded": branded,
                    "html": page.html,
                    "policy": page.policy,
                })
            }));
        }
    }
    serde_json::to_writer(std::io::stdout().lock(), &pages)?;
    std::io::stdout().flush()
}
