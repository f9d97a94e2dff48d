//! Mistakes in the file: each is found, with its position and its fix.

use proptest::prelude::*;

use super::*;
use crate::config::finding::FindingStyle;

#[test]
fn a_complete_file_loads_with_its_defaults() {
    let loaded = load(GOOD).unwrap();
    assert!(loaded.warnings.findings().is_empty(), "{:?}", loaded.warnings);
    let ims = &loaded.config.instances[0].ims;
    assert_eq!(ims.discovery_url.as_str(), "https://ims-na1.adobelogin.com/.well-known/openid-configuration");
    assert_eq!(ims.scopes.len(), 5);
    assert_eq!(loaded.config.instances[0].campaign.upstreams.len(), 1);
    assert!(loaded.config.instances[0].campaign.public_paths.is_public("/r/test"));
    assert!(loaded.config.listen.workers >= 1);
    assert!(format!("{:?}", loaded.config).contains("REDACTED"));
}

#[test]
fn every_mistake_is_found_at_once() {
    let findings = errors("[ims]\nserver = 5\nscope = \"email\"\ncolour = 1\n[listen]\nhttps = [\"x\"]\n");
    let keys: Vec<_> = findings.iter().map(|finding| finding.key.as_str()).collect();
    for key in [
        "ims.server",
        "ims.scope",
        "ims.colour",
        "listen.https",
        "ims.client_id",
        "ims.client_secret",
        "ims.callback_server",
        "ims.organization_id",
        "ims.association_mask",
        "campaign.upstream",
        "listen.certificate",
        "listen.private_key",
    ] {
        assert_eq!(keys.iter().filter(|&&found| found == key).count(), 1, "{key} in {keys:?}");
    }
    assert_eq!(keys.len(), 12);
}

#[test]
fn rules_over_several_keys_speak_beside_other_mistakes() {
    let findings =
        errors(&with("session", "idle_timeout = \"13h\"\nlogin_timeout = \"5\"\nmax_sessions = 0"));
    let keys: Vec<_> = findings.iter().map(|finding| finding.key.as_str()).collect();
    assert_eq!(keys, ["session.idle_timeout", "session.login_timeout", "session.max_sessions"]);
}

#[test]
fn every_wrong_item_of_a_list_is_found() {
    let findings = errors(&with("campaign", "hosts = [\"b/c\", 5, \"a.example.com\", \"d:1\"]"));
    let columns: Vec<_> = findings.iter().map(|finding| place(finding).1).collect();
    assert_eq!(columns, [10, 17, 37]);
}

#[test]
fn an_unknown_key_names_the_nearest_with_line_and_column() {
    let error = only_error("ims", "  clientid = \"x\"");
    assert_eq!(place(&error), (2, 3));
    assert_eq!(error.fix, "did you mean `ims.client_id`?");
    assert_eq!(
        error.to_string(),
        "test.toml:2:3: error: `ims.clientid`: unknown key\n    fix: did you mean `ims.client_id`?"
    );
    assert_eq!(only_error("campain", "session = \"bearer\"").fix, "did you mean [campaign]?");
    assert_eq!(only_error("listen", "tenant = \"acme\"").fix, "did you mean `experience_cloud.tenant`?");
}

#[test]
fn values_of_the_wrong_kind_say_what_they_must_be() {
    for (section, line, message) in [
        ("ims", "client_id = 5", "must be a text, not a number"),
        ("ims", "id_token_issuers = \"x\"", "must be a list of texts, not a text"),
        ("campaign", "upstream = 8080", "must be a text or a list of texts, not a number"),
        ("campaign", "public_paths = [\"/r/*\", 5]", "must be a text, not a number"),
        ("listen", "workers = \"4\"", "must be a whole number, not a text"),
        ("listen", "workers = 0", "must be a whole number from 1 to 1024"),
        ("session", "max_sessions = -1", "must be a whole number of at least 1"),
        ("session", "idle_timeout = 30", "must be a text, not a number"),
        (
            "campaign",
            "session = \"bearer-login\"",
            "must be one of \"bearer-logon\", \"bearer\", \"headers\"",
        ),
    ] {
        assert_eq!(only_error(section, line).message, message, "{line}");
    }
    assert_eq!(only_error("campaign", "session = \"bearer-login\"").fix, "did you mean \"bearer-logon\"?");
}

#[test]
fn values_that_cannot_work_are_refused() {
    for (section, line, said) in [
        ("ims", "server = \"http://ims.example.com\"", "must be https"),
        ("ims", "client_id = \"\"", "is empty"),
        ("ims", "client_id = \" Campaign1\"", "begins or ends with a space"),
        ("ims", "client_secret = \"\"", "is empty"),
        ("ims", "scope = \"read_organizations\"", "lacks `openid`"),
        ("ims", "scope = \"openid\"", "no source of groups"),
        ("ims", "callback_server = \"http://campaign.example.com\"", "default redirect URI"),
        ("ims", "callback_server = \"https://campaign.example.com/x\"", "without a path"),
        ("ims", "callback_server = \"https://u@campaign.example.com\"", "a user or a password"),
        ("ims", "callback_server = \"https://campaign.example.com/?x\"", "a query"),
        ("ims", "organization_id = \"4E3D60F754C8E5D0A4C98A2\"", "no `@`"),
        ("ims", "association_mask = \"\"", "empty"),
        ("ims", "association_mask = \"Campaign (.*) (.*)\"", "2 capture groups"),
        ("ims", "token_auth = \"jwt\"", "must be one of"),
        ("ims", "timeout = \"0s\"", "longer than zero"),
        ("ims", "timeout = \"10\"", "without a unit"),
        ("ims", "ca_file = \"\"", "is empty"),
        ("campaign", "upstream = []", "empty list"),
        ("campaign", "upstream = \"http://127.0.0.1:8080/nl\"", "without a path"),
        ("campaign", "upstream = \"unix:run/campaign.sock\"", "absolute path"),
        ("campaign", "upstream = [{ url = \"http://127.0.0.1:1\", weight = 0 }]", "from 1 to 100"),
        ("campaign", "upstream = [{ url = \"http://127.0.0.1:1\", wieght = 2 }]", "unknown entry `wieght`"),
        ("campaign", "upstream = [{ weight = 2 }]", "no entry `url`"),
        ("campaign", "upstream = [{ url = 8080 }]", "must be a text, not a number"),
        ("campaign", "upstream = { url = \"http://127.0.0.1:1\" }", "not a table"),
        ("campaign", "upstream = [\"http://127.0.0.1:1\", \"http://127.0.0.1:1/\"]", "twice"),
        ("campaign", "client_key = \"key.pem\"", "needs `campaign.client_certificate`"),
        ("campaign", "tls_server_name = \"a b\"", "not a name"),
        ("campaign", "max_connections = 0", "from 1 to 65535"),
        ("campaign", "health = \"on\"", "must be a section"),
        ("campaign", "health = { interval = \"5\" }", "without a unit"),
        ("campaign", "health = { ejection = \"2m\" }", "longer than campaign.health.max_ejection"),
        ("campaign.helth", "check = \"on\"", "unknown section"),
        ("campaign.health", "check = \"maybe\"", "must be one of"),
        ("campaign.health", "intervall = \"5s\"", "unknown key"),
        ("campaign", "public_paths = [\"*\"]", "makes every path public"),
        ("campaign", "hosts = [\"t.example.com:443\"]", "not a host name"),
        ("listen", "https = \"443\"", "not an address with a port"),
        ("listen", "http_redirect = \"127.0.0.1:443\"", "also an address of listen.https"),
        ("listen", "admin = \"127.0.0.1:443\"", "also a public address"),
        ("listen", "trusted_proxies = [\"10.0.0.0/33\"]", "not a network"),
        ("session", "store = \"file\"", "must be one of"),
        ("session", "path = \"\"", "is empty"),
        ("session", "store = \"redis\"\nkey_file = \"k\"", "is missing"),
        ("session", "store = \"redis\"\nredis_url = \"rediss://redis\"", "is missing"),
        ("session", "redis_url = \"http://redis\"", "not an address of Redis"),
        ("session", "idle_timeout = \"13h\"", "longer than session.absolute_timeout (12h)"),
        ("session", "absolute_timeout = \"400d\"", "longer than a year"),
        ("log", "level = \"imsgate=loud\"", "not a log filter"),
    ] {
        let error = only_error(section, line);
        assert!(error.message.contains(said), "{line}: {}", error.message);
        assert!(error.key.starts_with(section), "{line}: {}", error.key);
    }
}

#[test]
fn values_that_are_probably_not_meant_are_warnings() {
    for (section, line, said) in [
        ("ims", "organization_id = \"2345B0EA551D747@AdobeOrg\"", "does not look like"),
        ("ims", "client_secret = \"replace-me\"", "placeholder"),
        ("ims", "clock_skew = \"1h\"", "long after"),
        ("campaign", "upstream = \"http://campaign.example.com:8080\"", "plain http"),
        ("listen", "admin = \"0.0.0.0:9090\"", "not a loopback address"),
        ("listen", "trusted_proxies = [\"0.0.0.0/0\"]", "trusts everyone"),
        ("session", "redis_ca_file = \"x\"", "no effect with this session.store"),
        ("session", "redis_url = \"rediss://x\"", "no effect with this session.store"),
        ("session", "store = \"memory\"\nkey_file = \"x\"", "no effect with this session.store"),
        ("session", "store = \"redis\"\nkey_file = \"x\"\nredis_url = \"redis://x\"", "without TLS"),
    ] {
        let loaded = load(&with(section, line)).unwrap();
        let warnings = loaded.warnings.findings();
        assert_eq!(warnings.len(), 1, "{line}: {warnings:?}");
        assert!(warnings[0].message.contains(said), "{line}: {}", warnings[0].message);
    }
}

#[test]
fn a_mask_error_points_into_the_text() {
    let error = only_error("ims", "association_mask = 'Campaign - (a) - (b)'");
    assert_eq!(place(&error), (2, 38));
    assert!(error.fix.contains("(?:…)"));
    let escaped = only_error("ims", r#"association_mask = "Campaign \\d (a) (b)""#);
    assert_eq!(place(&escaped), (2, 20), "with escapes the whole text is meant");
}

#[test]
fn the_position_of_a_wrong_list_item_is_given() {
    assert_eq!(place(&only_error("campaign", "hosts = [\"a.example.com\", \"b/c\"]")), (11, 27));
}

#[test]
fn text_that_is_not_toml_is_an_error() {
    let findings = errors("[ims]\nserver = \"https://x\nclient_id = Campaign1\n");
    assert!(findings.iter().all(|finding| finding.message.starts_with("not valid TOML")), "{findings:?}");
    assert_eq!(place(&findings[0]).0, 2);
    let escape = errors(&with("ims", r#"association_mask = "Campaign \(x\) (.*)""#));
    assert!(escape[0].fix.contains("single quotes"), "{}", escape[0]);
}

#[test]
fn the_terminal_shows_the_line() {
    let error = load(&with("ims", "callback_server = \"http://campaign.example.com\"")).unwrap_err();
    let shown = error.render(FindingStyle::Terminal { width: 100, colour: false });
    assert!(shown.contains("[test.toml:2:19]"), "{shown}");
    assert!(shown.contains("callback_server = \"http://campaign.example.com\""), "{shown}");
    assert!(shown.contains("help: write https://"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = load(&text).map_err(|errors| errors.render(FindingStyle::Terminal { width: 80, colour: true }));
    }

    #[test]
    fn no_value_panics(
        key in prop::sample::select(crate::config::schema::keys().iter().map(|key| key.path.clone()).collect::<Vec<_>>()),
        value in prop_oneof![
            "[a-z0-9 (|)*@:/.]{0,20}".prop_map(|text| format!("{text:?}")),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<String>().prop_map(|text| toml::Value::String(text).to_string()),
            "\\[[\"a-z, {}=0-9.]{0,12}\\]",
        ],
    ) {
        let (section, name) = key.rsplit_once('.').unwrap();
        if let Err(errors) = load(&with(section, &format!("{name} = {value}"))) {
            prop_assert!(!errors.findings().is_empty());
            errors.render(FindingStyle::Terminal { width: 80, colour: true });
        }
    }
}
