//! Fills the commented reference configuration with answers.

use toml::Value;

/// The commented reference, with every key.
const REFERENCE: &str = include_str!("../../../config/imsgate.toml");

/// Sets these values in the reference. A key that is commented out becomes active. `removed` keys are commented out.
///
/// # Errors
/// When the reference lacks a key; the message names it.
pub(super) fn fill(values: &[(&str, Value)], removed: &[&str]) -> Result<String, String> {
    let mut lines: Vec<String> = REFERENCE.lines().map(str::to_owned).collect();
    for (path, value) in values {
        let at = find(&lines, path).ok_or_else(|| format!("the reference has no key {path}"))?;
        lines[at] = format!("{} = {value}", name(path));
        if let Some(head) = list_head(path) {
            // The first key of a list makes its table.
            if let Some(comment) = lines.iter_mut().find(|line| line.strip_prefix("# ") == Some(&head)) {
                *comment = head;
            }
        }
    }
    for path in removed {
        let at = find(&lines, path).ok_or_else(|| format!("the reference has no key {path}"))?;
        lines[at] = format!("# {} = \"…\"", name(path));
    }
    Ok(lines.join("\n") + "\n")
}

/// The line of a key in its section, as a key or as a comment.
fn find(lines: &[String], path: &str) -> Option<usize> {
    let (section, name) = path.rsplit_once('.')?;
    let head = list_head(path).unwrap_or_else(|| format!("[{section}]"));
    // A list of tables is a comment in the reference.
    let is_head =
        |line: &String| *line == head || (head.starts_with("[[") && line.strip_prefix("# ") == Some(&head));
    let begin = lines.iter().position(is_head)? + 1;
    let length = lines[begin..].iter().position(|line| line.starts_with('[')).unwrap_or(lines.len() - begin);
    let is_key = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
    let section = &lines[begin..begin + length];
    // Comments before a key can show the same key with another value.
    let key = section.iter().position(|line| is_key(line));
    let comment = || section.iter().position(|line| line.strip_prefix("# ").is_some_and(is_key));
    key.or_else(comment).map(|at| begin + at)
}

/// `[[campaign.technical_account]]` for a key of `campaign.technical_account[0]`.
fn list_head(path: &str) -> Option<String> {
    let (section, _) = path.rsplit_once('.')?;
    section.strip_suffix("[0]").map(|section| format!("[[{section}]]"))
}

fn name(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_replace_keys_and_comments_of_their_section_only() {
        let values = [
            ("ims.client_id", Value::from("A \"quoted\" \\ name")),
            ("ims.client_secret_file", Value::from("/etc/s")),
            ("session.path", Value::from("/x")),
            ("campaign.upstream", Value::from("http://10.0.0.1")),
            ("campaign.technical_account[0].client_id", Value::from("robot")),
            ("campaign.technical_account[0].client_secret_file", Value::from("/etc/robot")),
        ];
        let text = fill(&values, &["ims.client_secret"]).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(table["ims"]["client_id"].as_str(), Some("A \"quoted\" \\ name"));
        assert_eq!(table["ims"]["client_secret_file"].as_str(), Some("/etc/s"));
        assert!(table["ims"].get("client_secret").is_none());
        assert_eq!(table["session"]["path"].as_str(), Some("/x"));
        let account = table["campaign"]["technical_account"][0].as_table().unwrap();
        assert_eq!((account["client_id"].as_str(), account.len()), (Some("robot"), 2), "{account}");
        assert_eq!(text.lines().count(), REFERENCE.lines().count());
        assert!(fill(&[("ims.none", Value::from(1))], &[]).is_err());
    }
}
