//! Replaces the values that differ from run to run: ports, ids, tokens, times.

use regex::{Captures, Regex};

use super::Outcome;

/// The patterns, in the order of their use.
pub struct Mask {
    ports: Vec<(Regex, String)>,
    rules: Vec<(Regex, &'static str)>,
    token: Regex,
}

impl Mask {
    /// A mask that replaces these ports by their names, too.
    pub fn new(ports: &[(u16, &str)]) -> Outcome<Self> {
        let port = |(port, name): &(u16, &str)| {
            Ok::<_, regex::Error>((Regex::new(&format!(r"(:|%3A){port}\b"))?, format!("${{1}}{name}")))
        };
        let rule = |(pattern, by)| Ok::<_, regex::Error>((Regex::new(pattern)?, by));
        Ok(Self {
            ports: ports.iter().map(port).collect::<Result<_, _>>()?,
            rules: RULES.into_iter().map(rule).collect::<Result<_, _>>()?,
            token: Regex::new(r"(__Host-imsgate-[a-z]+-|sha256-)?[A-Za-z0-9_-]{20,}")?,
        })
    }

    /// The text with all such values replaced.
    pub fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, by) in &self.ports {
            text = pattern.replace_all(&text, by).into_owned();
        }
        for (pattern, by) in &self.rules {
            text = pattern.replace_all(&text, *by).into_owned();
        }
        let token = |found: &Captures<'_>| {
            let prefix = found.get(1).map_or("", |prefix| prefix.as_str());
            let is_mixed = found[0].contains(|c: char| c.is_ascii_uppercase())
                && found[0].contains(|c: char| c.is_ascii_lowercase());
            let is_name = prefix == "sha256-" || prefix.is_empty() && found[0].starts_with("__Host-");
            if is_mixed && !is_name { format!("{prefix}TOKEN") } else { found[0].to_owned() }
        };
        self.token.replace_all(&text, token).into_owned()
    }
}

const RULES: [(&str, &str); 6] = [
    (r"(%20|\b)[0-9a-f]{32}\b", "${1}ID"),
    (r"\b[0-9a-f]{16}\b", "SPAN"),
    (r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "DATE"),
    (r"\b\d{4}-\d\d-\d\d[T ,]+\d\d:\d\d(:\d\d)?Z?", "TIME"),
    (r"\b1[789]\d{8}\b", "SECONDS"),
    (r#"(expires_in":) ?\d+"#, "${1}N"),
];
