//! What `imsgate demo` prints.

use std::fmt::Write as _;

use super::people::Person;

/// The addresses of the demo.
#[derive(Clone, Copy, Debug)]
pub struct BannerAddresses<'a> {
    /// The gateway.
    pub gateway: &'a str,
    /// The page that breaks IMS or Campaign.
    pub switches: &'a str,
    /// The admin listener.
    pub admin: &'a str,
    /// What opens the admin page.
    pub admin_token: &'a str,
    /// The IMS simulator.
    pub ims: &'a str,
    /// The Campaign simulator.
    pub campaign: &'a str,
}

/// The start message: addresses, people who can sign in, and how to stop. It has at most 80 columns and ends with a line break.
pub fn banner(addresses: BannerAddresses<'_>, people: &[Person]) -> String {
    let mut text = String::from("\nimsgate demo\n\n");
    let width = people.iter().map(|person| person.username.len()).max().unwrap_or(0);
    let home = format!("{}/view/home", addresses.gateway.trim_end_matches('/'));
    let _ = writeln!(text, "  Open      {home}");
    text.push_str("            Your browser warns about the certificate, which is made for this\n");
    text.push_str("            run only: continue anyway.\n");
    let _ = writeln!(text, "  Break it  {}  IMS or Campaign out of order", addresses.switches);
    let _ = writeln!(text, "  Operate   {}/admin  with the token", addresses.admin);
    let _ = writeln!(text, "            {}", addresses.admin_token);
    let _ = writeln!(text, "            {}/metrics\n", addresses.admin);
    let _ = writeln!(text, "  Behind    IMS simulator       {}", addresses.ims);
    let _ = writeln!(text, "            Campaign simulator  {}\n", addresses.campaign);
    text.push_str("  Sign in as (no password)\n");
    for person in people {
        let _ = writeln!(text, "    {:width$}  {}", person.username, person.outcome);
    }
    text.push_str("\n  A program can call with a token of the technical account demo-robot:\n");
    text.push_str("  docs/technical-accounts.md\n");
    text.push_str("\n  Without IMS, turn on the emergency sign-in at Operate, and sign in as admin\n");
    text.push_str("  with the password demo-admin-password.\n");
    text.push_str("\n  To sign in as another person, sign out first, or use a private window.\n");
    text.push_str("  Pages are in the language that your browser asks for: English, Spanish,\n");
    text.push_str("  French, German or Japanese.\n");
    text.push_str("  Nothing is stored on disk. Stop with Ctrl+C.\n\n");
    text
}

#[cfg(test)]
mod tests {
    use super::{BannerAddresses, banner};
    use crate::demo::people::people;

    #[test]
    fn the_banner_lists_all_people_within_80_columns() {
        let people = people("4E3D60F754C8E5D0A4C98A21@AdobeOrg", "acme");
        let addresses = BannerAddresses {
            gateway: "https://localhost:58443",
            switches: "http://127.0.0.1:41236",
            admin: "http://127.0.0.1:41237",
            admin_token: "0123456789abcdef0123456789abcdef",
            ims: "http://127.0.0.1:41234",
            campaign: "http://127.0.0.1:41235",
        };
        let text = banner(addresses, &people);
        assert!(people.iter().all(|person| text.contains(person.outcome)));
        assert!(text.contains("https://localhost:58443/view/home"));
        assert!(text.contains(
            "http://127.0.0.1:41237/admin  with the token\n            0123456789abcdef0123456789abcdef\n"
        ));
        let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 80, "{widest}");
    }
}
