//! `[[instance]]`: what each has of its own, what it inherits, and where mistakes are.

use secrecy::ExposeSecret as _;

use super::*;
use crate::config::FindingStyle;

/// Three instances: two where people sign in, and a tracker.
const THREE: &str = r#"[ims]
server = "https://ims-na1.adobelogin.com"
scope = "openid,AdobeID,read_organizations"
organization_id = "4E3D60F754C8E5D0A4C98A2@AdobeOrg"
client_secret = "the default"

[campaign]
support_contact = "help@example.com"
groups_bytes = 4096

[[campaign.native_account]]
login = "monitoring"
networks = ["10.0.0.0/8"]

[listen]
certificate = "certs/gateway.pem"
private_key = "certs/gateway.key"

[[instance]]
name = "acme"
[instance.ims]
client_id = "Campaign1"
callback_server = "https://campaign.example.com"
association_mask = "Campaign - acme - (.*)"
[instance.campaign]
upstream = "http://127.0.0.1:8080"

[[instance]]
name = "stage"
hosts = ["stage-tracking.example.com"]
[instance.ims]
client_id = "Campaign2"
client_secret = "of stage"
callback_server = "https://stage.example.com"
organization_id = "5555555554C8E5D0A4C98A2A@AdobeOrg"
association_mask = "Campaign - stage - (.*)"
[instance.campaign]
upstream = ["http://127.0.0.1:8081", "http://127.0.0.1:8082"]
groups_bytes = 1000
[[instance.campaign.native_account]]
login = "admin"
networks = ["192.0.2.0/24"]

[[instance]]
name = "tracking"
hosts = ["t.example.com", "T2.example.com"]
[instance.campaign]
upstream = "http://127.0.0.1:8083"
"#;

#[test]
fn each_instance_has_its_own_values_and_the_defaults_at_the_top() {
    let loaded = load(THREE).unwrap();
    assert!(
        loaded.warnings.findings().iter().all(|finding| finding.key.ends_with("native_account")),
        "{:?}",
        loaded.warnings
    );
    let [acme, stage] = loaded.config.instances.as_slice() else { panic!() };
    assert_eq!((acme.name.as_str(), stage.name.as_str()), ("acme", "stage"));
    assert_eq!(
        (acme.ims.client_secret.expose_secret(), stage.ims.client_secret.expose_secret()),
        ("the default", "of stage")
    );
    assert_eq!(acme.ims.scopes, stage.ims.scopes);
    assert_eq!(acme.ims.organization_id, "4E3D60F754C8E5D0A4C98A2@AdobeOrg");
    assert_eq!(stage.ims.organization_id, "5555555554C8E5D0A4C98A2A@AdobeOrg");
    assert_eq!(
        acme.ims.discovery_url.as_str(),
        "https://ims-na1.adobelogin.com/.well-known/openid-configuration"
    );
    assert_eq!((acme.campaign.groups_bytes, stage.campaign.groups_bytes), (4096, 1000));
    assert_eq!((acme.campaign.upstreams.len(), stage.campaign.upstreams.len()), (1, 2));
    assert_eq!(acme.campaign.support_contact, "help@example.com");
    assert_eq!(stage.campaign.hosts, ["stage-tracking.example.com"]);
    let logins = |at: usize| {
        let accounts = loaded.config.instances[at].campaign.native_accounts.iter();
        accounts.map(|account| account.login.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (logins(0), logins(1)),
        (vec!["monitoring".to_owned()], vec!["admin".to_owned()]),
        "a list replaces the other"
    );
    let [tracking] = loaded.config.public_instances.as_slice() else { panic!() };
    assert_eq!(tracking.campaign.hosts, ["t.example.com", "t2.example.com"]);
    assert_eq!(tracking.origin(), "https://t.example.com");
    assert_eq!(tracking.campaign.pool.anonymous_share, 100, "all callers are anonymous");
    assert!(tracking.campaign.native_accounts.is_empty());
}

#[test]
fn all_mistakes_are_found_at_once_where_they_are() {
    let text = THREE
        .replace("name = \"stage\"", "name = \"Acme\"")
        .replace("https://stage.example.com", "https://campaign.example.com")
        .replace("client_id = \"Campaign2\"\n", "")
        .replace(
            "hosts = [\"t.example.com\", \"T2.example.com\"]",
            "hosts = [\"stage-tracking.example.com\"]",
        )
        .replace("groups_bytes = 1000", "groups_byte = 1000");
    let errors = errors(&text);
    let line = |start: &str, after: usize| {
        text.lines().enumerate().skip(after).find(|(_, line)| line.starts_with(start)).unwrap().0 + 1
    };
    let second = line("name = \"Acme\"", 0);
    let expected = [
        ("instance[1].name", "is also the name of another instance", second),
        ("instance[1].ims.client_id", "is missing", line("[instance.ims]", second)),
        (
            "instance[1].ims.callback_server",
            "campaign.example.com is also a host of instance `acme`",
            line("callback_server", second),
        ),
        ("instance[1].campaign.groups_byte", "unknown key", line("groups_byte", second)),
        (
            "instance[2].hosts",
            "stage-tracking.example.com is also a host of instance `Acme`",
            line("hosts", second + 2),
        ),
    ];
    let found: Vec<_> = errors.iter().map(|e| (e.key.as_str(), e.message.as_str(), place(e).0)).collect();
    for wanted in &expected {
        assert!(found.contains(wanted), "{wanted:?} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert!(errors.iter().all(|error| !error.fix.is_empty()));
}

#[test]
fn a_mistake_in_a_default_is_found_once() {
    let text = THREE.replace("groups_bytes = 4096", "groups_bytes = 1");
    let errors = errors(&text);
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!(error.key, "campaign.groups_bytes");
}

#[test]
fn an_instance_needs_a_name_and_something_to_serve() {
    for (tables, key, said) in [
        (
            "[[instance]]\nhosts = [\"t.example.com\"]\ncampaign.upstream = \"http://127.0.0.1:1\"",
            "instance[0].name",
            "is missing",
        ),
        (
            "[[instance]]\nname = \"a b\"\nhosts = [\"t.example.com\"]\ncampaign.upstream = \"http://127.0.0.1:1\"",
            "instance[0].name",
            "letters, digits",
        ),
        (
            "[[instance]]\nname = \"t\"\ncampaign.upstream = \"http://127.0.0.1:1\"",
            "instance[0].hosts",
            "is missing",
        ),
        (
            "[[instance]]\nname = \"t\"\nhosts = [\"t.example.com\"]",
            "instance[0].campaign.upstream",
            "is missing",
        ),
        (
            "[[instance]]\nname = \"t\"\nhost = [\"t.example.com\"]\nhosts = [\"t.example.com\"]\ncampaign.upstream = \"http://127.0.0.1:1\"",
            "instance[0].host",
            "unknown key",
        ),
        ("[instance]\nname = \"t\"", "instance", "must be a list of tables"),
    ] {
        let text = format!("{tables}\n[listen]\ncertificate = \"a\"\nprivate_key = \"b\"\n");
        let found = errors(&text);
        assert!(
            found.iter().any(|error| error.key == key && error.message.contains(said)),
            "{tables}: {found:?}"
        );
    }
}

#[test]
fn variables_set_keys_of_an_instance_and_of_the_defaults() {
    let loaded = load_with(
        THREE,
        &[
            ("IMSGATE_INSTANCE__0__IMS__CLIENT_SECRET", "from outside"),
            ("IMSGATE_INSTANCE__2__HOSTS", "one.example.com,two.example.com"),
            ("IMSGATE_CAMPAIGN__SUPPORT_CONTACT", "desk@example.com"),
        ],
    )
    .unwrap();
    let config = &loaded.config;
    assert_eq!(config.instances[0].ims.client_secret.expose_secret(), "from outside");
    assert_eq!(config.instances[1].ims.client_secret.expose_secret(), "of stage");
    assert_eq!(config.public_instances[0].campaign.hosts, ["one.example.com", "two.example.com"]);
    assert_eq!(config.instances[1].campaign.support_contact, "desk@example.com");
    for variable in ["IMSGATE_INSTANCE__0__IMS__CLIENT_SECERT", "IMSGATE_INSTANCE__3__NAME"] {
        let error = load_with(THREE, &[(variable, "x")]).unwrap_err().to_string();
        assert!(error.contains("names no known key") && error.contains(variable), "{error}");
    }
}

#[test]
fn a_secret_of_an_instance_replaces_the_file_of_the_default_and_is_never_shown() {
    let text =
        THREE.replace("client_secret = \"the default\"", "client_secret_file = \"/nonexistent/secret\"");
    let found = errors(&text);
    let [error] = found.as_slice() else { panic!("{found:?}") };
    assert!(error.message.contains("/nonexistent/secret"), "only the first instance reads it: {error}");
    for wrong in [
        "client_secret = [\"hunter2\"]",
        "client_secert = \"hunter2\"",
        "client_secret = \"hunter2\"\nclient_id = 5",
    ] {
        let text = THREE.replace("client_secret = \"of stage\"", wrong);
        let errors = load(&text).unwrap_err();
        let shown = errors.render(FindingStyle::Terminal { width: 200, colour: false })
            + &errors.render(FindingStyle::Plain);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
