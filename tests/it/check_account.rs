//! With a technical account, `imsgate check` reads Campaign's external account and groups, and `imsgate groups` shows both sides.

use imsgate::demo::campaign::{CampaignOptions, ExternalAccount};

use crate::support::Checked;

/// A world whose technical account has a secret. Its external account fits the configuration unless it is changed.
async fn world(change: impl FnOnce(&mut CampaignOptions)) -> Checked {
    let world = Checked::start(|_| {}, change).await;
    world.with_technical_account();
    world
}

fn account(change: impl FnOnce(&mut ExternalAccount)) -> impl FnOnce(&mut CampaignOptions) {
    |options: &mut CampaignOptions| change(&mut options.external_accounts[0])
}

#[tokio::test]
async fn a_fitting_external_account_is_proved_field_by_field_and_the_session_ends() {
    let world = world(|_| {}).await;
    let findings = world.findings(&[]).await;
    for id in [
        "campaign.technical_account",
        "ims.organization",
        "campaign.secure_header",
        "campaign.console_build",
        "campaign.integration_package",
        "campaign.external_account",
        "campaign.external_account.organization_id",
        "campaign.external_account.association_mask",
        "campaign.external_account.scope",
        "campaign.external_account.callback_server",
        "campaign.external_account.server",
        "campaign.external_account.tenant",
        "campaign.external_account.client_id",
        "campaign.groups",
    ] {
        assert!(findings.iter().any(|f| f.id() == id && f.severity() == "ok"), "{id}: {findings:#?}");
    }
    assert!(
        findings
            .iter()
            .any(|f| f.id() == "campaign.external_account.rights" && f.severity() == "not-checked")
    );
    assert!(world.campaign.sessions().is_empty(), "the session was logged off");
    assert_eq!(world.campaign.logoffs().len(), 1);
}

#[tokio::test]
async fn a_wrong_organisation_is_an_error_and_other_differences_are_warnings() {
    let world = world(account(|account| {
        account.organization_id = "9B8C7D6E5F4A3B2C1D0E9F8A@AdobeOrg".to_owned();
        account.mask = "Campaign - other - (.*)".to_owned();
        account.scope = "openid,AdobeID".to_owned();
        account.callback_server = "https://campaign.example.com/".to_owned();
        account.tenant = "other".to_owned();
        account.server = "https://experience.adobe.com".to_owned();
    }))
    .await;
    let findings = world.findings(&[]).await;
    for (field, severity, theirs) in [
        ("organization_id", "error", "9B8C7D6E5F4A3B2C1D0E9F8A@AdobeOrg"),
        ("association_mask", "warning", "Campaign - other - (.*)"),
        ("scope", "warning", "openid,AdobeID"),
        ("callback_server", "warning", "https://campaign.example.com/"),
        ("tenant", "warning", "other"),
        ("server", "warning", "https://experience.adobe.com"),
    ] {
        let id = format!("campaign.external_account.{field}");
        let finding = findings.iter().find(|finding| finding.id() == id).unwrap();
        assert_eq!(finding.severity(), severity, "{finding:?}");
        assert!(finding.message().contains(&format!("but `{theirs}` in Campaign's")), "{finding:?}");
    }
}

#[tokio::test]
async fn an_organisation_that_ims_does_not_know_for_the_account_is_an_error() {
    let world = world(|_| {}).await;
    world.replace(imsgate::demo::ORGANIZATION_ID, "9B8C7D6E5F4A3B2C1D0E9F8A@AdobeOrg");
    let finding = world.finding("ims.organization", "error").await;
    assert!(finding.message().contains(imsgate::demo::ORGANIZATION_ID), "{finding:?}");
    world.finding("campaign.external_account.organization_id", "error").await;
}

#[tokio::test]
async fn there_must_be_exactly_one_active_external_account() {
    for (count, active) in [(2, true), (1, false)] {
        let world = world(move |options| {
            options.external_accounts[0].active = active;
            options.external_accounts = vec![options.external_accounts[0].clone(); count];
        })
        .await;
        let finding = world.finding("campaign.external_account", "warning").await;
        let expected = if active { "2 external accounts" } else { "0 external accounts" };
        assert!(finding.message().starts_with(expected), "{finding:?}");
    }
}

#[tokio::test]
async fn a_missing_integration_package_is_named() {
    let world = world(|options| options.integration_package = false).await;
    let finding = world.finding("campaign.integration_package", "warning").await;
    assert!(finding.fix().contains("Integration with the Adobe Experience Cloud"), "{finding:?}");
}

#[tokio::test]
async fn a_refused_technical_account_is_said_with_the_reason_and_without_its_secret() {
    let world = world(|_| {}).await;
    std::fs::write(world.path("robot"), "wrong-robot-secret").unwrap();
    let finding = world.finding("campaign.technical_account", "warning").await;
    assert!(finding.message().contains("invalid_client"), "{finding:?}");
    let (_, said, error) = world.run(&["check", "imsgate.toml"]).await;
    assert!(!format!("{said}{error}").contains("robot-secret"));
    let plain = Checked::good().await;
    let finding = plain.finding("campaign.technical_account", "not-checked").await;
    assert!(finding.fix().contains("[[campaign.technical_account]]"), "{finding:?}");
}

#[tokio::test]
async fn groups_lists_both_sides_and_what_is_missing() {
    let world = world(|options| options.groups.retain(|group| group != "content")).await;
    world.replace("[log]", "[log]\naudit_file = \"audit.log\"");
    let lines = "{\"event\":\"login\",\"groups\":[\"delivery\",\"content\"]}\n\
                 {\"event\":\"refusal\",\"seen\":[\"Campaign - acme - sales\",\"Analytics users\"]}\n";
    std::fs::write(world.path("audit.log"), lines).unwrap();
    let (code, said, error) = world.run(&["groups", "--config", "imsgate.toml"]).await;
    assert_eq!(code, Some(1), "{said}{error}");
    for line in [
        "✓ delivery ",
        "Campaign - acme - delivery",
        "✗ content ",
        "✗ sales ",
        "missing in Campaign, named by Campaign - acme - sales",
        "– workflow ",
        "does not match (see `imsgate mask`): Analytics users",
        "2 named at IMS but missing in Campaign",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let finding = world.finding("campaign.groups", "warning").await;
    assert!(finding.message().contains("content, sales"), "{finding:?}");
    let plain = Checked::good().await;
    let (code, _, error) = plain.run(&["groups", "--config", "imsgate.toml"]).await;
    assert!(code == Some(1) && error.contains("client_secret_file"), "{error}");
}
