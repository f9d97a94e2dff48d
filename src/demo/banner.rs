//! What `imsgate demo` prints.

use std::fmt::Write as _;

use super::people::Person;

/// The start message: addresses, people who can sign in, and how to stop. It has at most 100 columns and ends with a line break.
pub fn banner(gateway_url: &str, ims_url: &str, campaign_url: &str, people: &[Person]) -> String {
    let mut text = String::from("\nimsgate demo\n\n");
    let width = people.iter().map(|person| person.username.len()).max().unwrap_or(0);
    let home = format!("{}/view/home", gateway_url.trim_end_matches('/'));
    let _ = writeln!(text, "  Open     {home}");
    text.push_str(
        "           Your browser warns about the certificate, which is only for this run: continue anyway.\n\n",
    );
    let _ = writeln!(text, "  Behind   IMS simulator       {ims_url}");
    let _ = writeln!(text, "           Campaign simulator  {campaign_url}\n");
    text.push_str("  Sign in as (no password)\n");
    for person in people {
        let _ = writeln!(text, "    {:width$}  {}", person.username, person.one_line);
    }
    text.push_str("\n  A program can call with a token of the technical account demo-robot: docs/technical-accounts.md\n");
    text.push_str("\n  To sign in as another person, sign out first, or use a private window.\n");
    text.push_str("  Nothing is stored on disk. Stop with Ctrl+C.\n\n");
    text
}

#[cfg(test)]
mod tests {
    use crate::demo::people::people;

    #[test]
    fn the_banner_lists_all_people_within_100_columns() {
        let people = people("4E3D60F754C8E5D0A4C98A21@AdobeOrg", "acme");
        let text = super::banner(
            "https://localhost:8443",
            "http://127.0.0.1:41234",
            "http://127.0.0.1:41235",
            &people,
        );
        assert!(people.iter().all(|person| text.contains(person.one_line)));
        assert!(text.contains("https://localhost:8443/view/home"));
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 100, "{widest} columns:\n{text}");
    }
}
