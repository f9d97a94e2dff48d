//! No secret appears in any output about a configuration.

use proptest::prelude::*;

use super::*;
use crate::config::finding::FindingStyle;

const SECRET: &str = "hunter2-Zq9";

/// Everything that can be written about a text.
fn everything(text: &str) -> String {
    everything_with(text, &[])
}

fn everything_with(text: &str, environment: &[(&str, &str)]) -> String {
    let terminal = FindingStyle::Terminal { width: 200, colour: false };
    match load_with(text, environment) {
        Ok(loaded) => {
            let all = loaded.warnings.render(terminal) + &loaded.warnings.render(FindingStyle::Plain);
            all + &format!("{:?}", loaded.config)
        }
        Err(errors) => errors.render(terminal) + &errors.render(FindingStyle::Plain),
    }
}

#[test]
fn the_value_of_a_secret_is_never_shown() {
    for text in [
        // Syntax errors on the line of the secret, and beside it.
        format!("[ims]\nclient_secret = {SECRET}\n"),
        format!("[ims]\nclient_secret = \"{SECRET}\n"),
        format!("[ims]\nclient_secret = \"{SECRET}\\q\"\n"),
        format!("[ims]\nclient_secret =\n\"{SECRET}\"\n"),
        format!("[ims]\nclient_secret = \"a\" \"{SECRET}\"\n"),
        format!("[ims]\nclient_secret = \"\"\"\nserver = {SECRET}\n"),
        format!("[ims]\nclient_secret = \"\"\"\nx\n\"\"\" {SECRET}\n"),
        format!("[ims]\nclient_secert = \"{SECRET}\n"),
        format!("[ims\nclient_secret = \"{SECRET}\"\n"),
        format!("ims = {{ client_secret = \"{SECRET}\" server = \"x\" }}\n"),
        format!("[ims]\nserver = \"x # client_secret = {SECRET}\n"),
        format!("[ims]\nserver = \"x\" client_secret = \"{SECRET}\"\n"),
        format!("[ims]\nserver = \"x\" cleint = \"{SECRET}\"\n"),
        format!("[ims]\nserver = \"https://me:{SECRET}@ims\n"),
        format!("[session]\nredis_url = \"rediss://:{SECRET}@redis\n"),
        // ValueError kinds and wrong names.
        format!("[ims]\nclient_secret = [\"{SECRET}\"]\n"),
        format!("[ims]\nclient_secret = {{ a = \"{SECRET}\" }}\n"),
        format!("[ims]\nclient_secert = \"{SECRET}\"\n"),
        format!("[ims]\n[ims.client_secret]\nvalue = \"{SECRET}\"\n"),
        format!("[imss]\nclient_secret = \"{SECRET}\"\n"),
        format!("client_secret = \"{SECRET}\"\n"),
        format!("ims = \"{SECRET}\"\n"),
        format!("[[ims]]\nclient_secret = \"{SECRET}\"\n"),
        format!("[[instance]]\nims.client_secret = \"{SECRET}\"\n"),
        // Beside another mistake on the same line.
        format!("ims = {{ client_secret = \"{SECRET}\", server = 5 }}\n"),
        format!("[ims]\nserver = 5 # client_secret = \"{SECRET}\"\n"),
        format!("[ims]\nserver = {{ client_secret = \"{SECRET}\" }}\n"),
        format!("[ims]\nid_token_issuers = [5, {{ client_secret = \"{SECRET}\" }}]\n"),
        format!("[campaign]\nhosts = [\"a\", # client_secret = \"{SECRET}\"\n  \"b/c\"]\n"),
        // In an address.
        with("ims", &format!("server = \"https://me:{SECRET}@ims.example.com\"")),
        with("campaign", &format!("upstream = [\"https://me:{SECRET}@campaign.example.com\"]")),
        with("session", &format!("redis_url = \"rediss://:{SECRET}@redis\"")),
        with("ims", &format!("proxy = \"http://me:{SECRET}@proxy:3128\"")),
        with("ims", &format!("proxy = \"socks5://me:{SECRET}@proxy:3128\"")),
        with("ims", &format!("client_secret = \" {SECRET}\"")),
        with("ims", &format!("client_secret = \"{SECRET}\"\nclient_secret_file = \"x\"")),
    ] {
        let shown = everything(&text);
        assert!(!shown.is_empty(), "{text}");
        assert!(!shown.contains(SECRET), "{text}\n{shown}");
    }
}

#[test]
fn a_secret_in_the_environment_is_never_shown() {
    for variable in ["IMSGATE_IMS__CLIENT_SECRET", "IMSGATE_IMS__CLIENT_SECERT", "IMSGATE_SESSION__REDIS_URL"]
    {
        for text in [GOOD, "", "[ims]\nclient_secret_file = \"x\""] {
            let shown = everything_with(text, &[(variable, SECRET)]);
            assert!(!shown.contains(SECRET), "{variable}\n{shown}");
        }
    }
}

#[test]
fn the_password_of_a_proxy_is_never_shown() {
    for variable in ["HTTPS_PROXY", "https_proxy", "IMSGATE_IMS__PROXY"] {
        for scheme in ["http", "socks5"] {
            let value = format!("{scheme}://me:{SECRET}@proxy:3128");
            let shown = everything_with(GOOD, &[(variable, &value)]);
            assert!(!shown.contains(SECRET), "{variable}\n{shown}");
            assert!(shown.contains(if scheme == "http" { "\"proxy\"" } else { "SOCKS" }), "{shown}");
        }
    }
}

#[test]
fn the_line_of_a_secret_is_shown_with_stars() {
    let errors = load(&with("ims", "client_secret = 12345678901234")).unwrap_err();
    let shown = errors.render(FindingStyle::Terminal { width: 100, colour: false });
    assert!(shown.contains("client_secret = ********"), "{shown}");
    assert!(shown.contains("[test.toml:2:17]"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_damage_to_a_file_shows_its_secret(
        at in 0usize..700,
        cut in 0usize..6,
        junk in "[\"'=\\[\\]{}#,\n\\\\a.5 ]{0,4}",
        literal in any::<bool>(),
    ) {
        let quote = if literal { '\'' } else { '"' };
        let text = with("ims", &format!("client_secret = {quote}{SECRET}{quote}"));
        let (start, end) = (at.min(text.len()), (at + cut).min(text.len()));
        let damaged = format!("{}{junk}{}", &text[..start], &text[end..]);
        prop_assume!(damaged.contains(SECRET));
        let shown = everything(&damaged);
        prop_assert!(!shown.contains(SECRET), "{}\n{}", damaged, shown);
    }
}
