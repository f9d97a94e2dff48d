//! Lists of tables: `[[campaign.technical_account]]`.

use secrecy::ExposeSecret as _;

use super::*;
use crate::config::{AccountSession, FindingStyle};

/// The good configuration with these tables.
fn with_tables(tables: &str) -> String {
    format!("{GOOD}\n{tables}")
}

const TWO: &str = r#"[[campaign.technical_account]]
client_id = "one"
groups = ["delivery"]
networks = ["10.0.0.0/8", "192.0.2.1"]
paths = ["/nl/jsp/soaprouter.jsp"]
session = "bearer-logon"
client_secret = "s3cr3t"

[[campaign.technical_account]]
client_id = "two"
organization_id = "5555555554C8E5D0A4C98A2A@AdobeOrg"
"#;

#[test]
fn each_table_is_an_account_with_its_defaults() {
    for text in [
        with_tables(TWO),
        with(
            "campaign",
            r#"technical_account = [
            { client_id = "one", groups = ["delivery"], networks = ["10.0.0.0/8", "192.0.2.1"], paths = ["/nl/jsp/soaprouter.jsp"], session = "bearer-logon", client_secret = "s3cr3t" },
            { client_id = "two", organization_id = "5555555554C8E5D0A4C98A2A@AdobeOrg" },
        ]"#,
        ),
    ] {
        let loaded = load(&text).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let [one, two] = loaded.config.instances[0].campaign.technical_accounts.as_slice() else { panic!() };
        assert_eq!((one.client_id.as_str(), two.client_id.as_str()), ("one", "two"));
        assert_eq!(one.organization_id, "4E3D60F754C8E5D0A4C98A2@AdobeOrg", "that of [ims]");
        assert_eq!(two.organization_id, "5555555554C8E5D0A4C98A2A@AdobeOrg");
        assert_eq!((one.groups.as_deref(), &two.groups), (Some(&["delivery".to_owned()][..]), &None));
        assert_eq!((one.networks.len(), two.networks.len()), (2, 0));
        assert!(one.paths.is_public("/nl/jsp/soaprouter.jsp"));
        assert_eq!((one.session, two.session), (AccountSession::BearerLogon, AccountSession::Bearer));
        assert_eq!(one.client_secret.as_ref().unwrap().expose_secret(), "s3cr3t");
        assert_eq!(two.scopes, ["openid", "AdobeID", "read_organizations"]);
    }
}

#[test]
fn a_mistake_in_a_table_is_found_at_its_place() {
    // (table, line in the text of the table, key, message, fix)
    for (table, line, key, said, fix) in [
        ("session = \"bearer\"", 1, "client_id", "is missing", "client_id = "),
        (
            "client_id = \"one\"\nclient_di = \"x\"",
            3,
            "client_di",
            "unknown key",
            "technical_account[0].client_id",
        ),
        ("client_id = \"one\"\nnetworks = [\"10.0.0.0/8\", \"x\"]", 3, "networks", "not a network", "CIDR"),
        ("client_id = \"one\"\npaths = [\"*\"]", 3, "paths", "allows every path", "leave the list out"),
        ("client_id = \"one\"\npaths = [\"nl\"]", 3, "paths", "must begin with", "`/`"),
        ("client_id = \"one\"\nsession = \"bearer-login\"", 3, "session", "must be one of", "bearer-logon"),
        ("client_id = \"one\"\nscope = \"a\\u00e9\"", 3, "scope", "which no scope may contain", "remove"),
        ("client_id = 5", 2, "client_id", "must be a text", "quotes"),
        ("client_id = \"one\"\ngroups = [\"a\", \"\"]", 3, "groups", "is empty", "external account"),
        (
            "client_id = \"one\"\nclient_secret = \"a\"\nclient_secret_file = \"b\"",
            4,
            "client_secret_file",
            "both set",
            "keep one",
        ),
    ] {
        let text = with_tables(&format!("[[campaign.technical_account]]\n{table}\n"));
        let mut errors = errors(&text);
        assert_eq!(errors.len(), 1, "{table}: {errors:?}");
        let error = errors.remove(0);
        assert_eq!(error.key, format!("campaign.technical_account[0].{key}"));
        assert!(error.message.contains(said) && error.fix.contains(fix), "{table}: {error}");
        assert_eq!(place(&error).0, GOOD.lines().count() + 1 + line, "{error}");
    }
    let twice = errors(&with_tables(&TWO.replace("\"two\"", "\"one\""))).remove(0);
    assert!(twice.message.contains("another technical account"), "{twice}");
    assert_eq!((twice.key.as_str(), place(&twice).1), ("campaign.technical_account[1].client_id", 13));
}

#[test]
fn only_a_list_of_tables_is_accepted() {
    for (text, said, fix) in [
        (
            with_tables("[campaign.technical_account]\nclient_id = \"x\"\n"),
            "must be a list of tables",
            "[[campaign.technical_account]]",
        ),
        (
            with("campaign", "technical_account = [\"hunter2\"]"),
            "must be a list of tables",
            "[[campaign.technical_account]]",
        ),
        (
            with("campaign", "technical_account = \"hunter2\""),
            "must be a list of tables",
            "[[campaign.technical_account]]",
        ),
        (
            with_tables("[[campaign.technical_acount]]\nclient_id = \"hunter2\"\n"),
            "unknown section",
            "did you mean [[campaign.technical_account]]?",
        ),
    ] {
        let errors = load(&text).unwrap_err();
        let [error] = errors.findings() else { panic!("{errors}") };
        assert!(error.message.contains(said) && error.fix.contains(fix), "{error}");
        let look = FindingStyle::Terminal { width: 200, colour: false };
        assert!(!errors.render(look).contains("hunter2"), "values of unknown keys are not shown");
    }
}

#[test]
fn variables_override_keys_of_tables_that_the_file_has() {
    let secret = ("IMSGATE_CAMPAIGN__TECHNICAL_ACCOUNT__1__CLIENT_SECRET", "from-outside");
    let loaded = load_with(&with_tables(TWO), &[secret]).unwrap();
    let accounts = &loaded.config.instances[0].campaign.technical_accounts;
    assert_eq!(accounts[1].client_secret.as_ref().unwrap().expose_secret(), "from-outside");
    for (variable, said) in [
        ("IMSGATE_CAMPAIGN__TECHNICAL_ACCOUNT__2__CLIENT_SECRET", "names no known key"),
        (
            "IMSGATE_CAMPAIGN__TECHNICAL_ACCOUNT__0__SESION",
            "did you mean IMSGATE_CAMPAIGN__TECHNICAL_ACCOUNT__0__SESSION?",
        ),
        ("IMSGATE_CAMPAIGN__TECHNICAL_ACCOUNT", "names no known key"),
    ] {
        let error = load_with(&with_tables(TWO), &[(variable, "x")]).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_secret_in_a_table_is_never_shown() {
    const SECRET: &str = "hunter2-Zq9";
    let look = FindingStyle::Terminal { width: 200, colour: false };
    for table in [
        format!("client_secret = \"{SECRET}\"\n"),
        format!("client_id = 5\nclient_secret = \"{SECRET}\"\n"),
        format!("client_id = \"x\"\nclient_secert = \"{SECRET}\"\n"),
        format!("client_id = \"x\"\nclient_secret = [\"{SECRET}\"]\n"),
        format!("client_id = \"x\"\nclient_secret = \"{SECRET}\n"),
        format!("client_id = \"x\"\nclient_secret = {SECRET}\n"),
        format!("client_id = \"x\" client_secret = \"{SECRET}\"\n"),
    ] {
        let errors = load(&with_tables(&format!("[[campaign.technical_account]]\n{table}"))).unwrap_err();
        let shown = errors.render(look) + &errors.render(FindingStyle::Plain);
        assert!(!shown.contains(SECRET), "{table}\n{shown}");
    }
    for line in [
        format!("technical_account = [{{ client_secret = \"{SECRET}\" }}]"),
        format!("technical_account = [{{ client_id = \"x\", session = 5, client_secret = \"{SECRET}\" }}]"),
        format!("technical_account = [{{ client_id = \"x\", client_secert = \"{SECRET}\" }}, 5]"),
    ] {
        let errors = load(&with("campaign", &line)).unwrap_err();
        let shown = errors.render(look) + &errors.render(FindingStyle::Plain);
        assert!(!shown.contains(SECRET), "{line}\n{shown}");
    }
    let loaded = load(&with_tables(&format!(
        "[[campaign.technical_account]]\nclient_id = \"x\"\nclient_secret = \"{SECRET}\"\n"
    )));
    assert!(!format!("{:?}", loaded.unwrap().config).contains(SECRET));
}

#[test]
fn keys_that_belong_to_technical_accounts_are_checked() {
    for (section, line, said) in [
        ("campaign", "cors_origins = [\"https://a.example.com/x\"]", "without a path"),
        ("campaign", "cors_origins = [\"*\"]", "is not a URL"),
        ("campaign", "cors_origins = [\"http://a.example.com\"]", "must be https"),
        ("campaign", "anonymous_soap = [\"GetServerTime\"]", "is not a SOAP method"),
        ("campaign", "anonymous_soap = [\"xtk:session#\"]", "is not a SOAP method"),
        ("campaign", "anonymous_soap = [\"xtk:session#*\"]", "is not a SOAP method"),
    ] {
        let error = only_error(section, line);
        assert!(error.message.contains(said), "{line}: {error}");
    }
    for (section, line) in
        [("campaign", "cors_origins = [\"https://a.example.com\"]"), ("ims", "validate_token = true")]
    {
        let loaded = load(&with(section, line)).unwrap();
        assert!(loaded.warnings.findings()[0].message.contains("without a technical account"), "{line}");
    }
    let own = with_tables("[[campaign.technical_account]]\nclient_id = \"Campaign1\"\ngroups = []\n");
    let loaded = load(&own).unwrap();
    assert!(
        loaded.warnings.findings()[0].message.contains("every person's access token"),
        "{:?}",
        loaded.warnings
    );
    let many =
        format!("[[campaign.technical_account]]\nclient_id = \"x\"\ngroups = [\"{}\"]\n", "g".repeat(9000));
    assert!(errors(&with_tables(&many))[0].message.contains("groups_bytes"));
}
