//! `imsgate check` tests what Adobe registered for the client, without a sign-in.

use imsgate::demo::faults::{FaultFrequency, InjectedResponse};
use imsgate::demo::ims::ImsEndpoint;

use crate::support::Checked;

#[tokio::test]
async fn a_good_registration_is_proved_without_a_person() {
    let world = Checked::good().await;
    let findings = world.findings(&[]).await;
    for id in [
        "ims.discovery",
        "ims.keys",
        "ims.clock",
        "ims.client_id",
        "ims.client_secret",
        "ims.callback",
        "ims.scope",
        "campaign.soap",
    ] {
        let mut of_id = findings.iter().filter(|finding| finding.id() == id).peekable();
        assert!(of_id.peek().is_some() && of_id.all(|one| one.severity() == "ok"), "{id}: {findings:#?}");
    }
    let redirect =
        format!("register at Adobe as redirect URI: https://localhost:{}/ims/callback", world.port);
    assert!(findings.iter().any(|finding| finding.message() == redirect), "{findings:#?}");
    // Nobody signed in, no token was issued, and no Campaign session was opened.
    assert!(world.campaign.sessions().is_empty());
    assert!(world.ims.token_requests().iter().all(|request| request.field("code").is_some()));
    let (_, table, _) = world.run(&["check", "imsgate.toml"]).await;
    assert!(table.contains("\nNot checked, with the reason:\n"), "{table}");
    assert!(!table.contains("demo-client-secret"), "{table}");
}

#[tokio::test]
async fn a_wrong_client_id_is_named() {
    let world = Checked::good().await;
    world.replace("client_id = \"Campaign1\"", "client_id = \"Campaign2\"");
    let finding = world.finding("ims.client_id", "error").await;
    assert!(finding.message().contains("does not know the client Campaign2"), "{finding:?}");
}

#[tokio::test]
async fn a_wrong_secret_is_named() {
    let world = Checked::good().await;
    world.replace("demo-client-secret", "demo-client-secret ");
    let finding = world.finding("ims.client_secret", "error").await;
    assert!(finding.message().contains("invalid_client"), "{finding:?}");
    assert_eq!(world.finding("ims.client_id", "ok").await.severity(), "ok");
}

#[tokio::test]
async fn a_secret_that_ims_does_not_look_at_is_not_called_right() {
    let world = Checked::good().await;
    let refusal = InjectedResponse::Error(400, "invalid_grant");
    world.ims.faults().answer(ImsEndpoint::Token, FaultFrequency::Always, refusal);
    let finding = world.finding("ims.client_secret", "not-checked").await;
    assert!(finding.message().contains("made-up secret"), "{finding:?}");
}

#[tokio::test]
async fn an_unregistered_callback_is_named_with_the_address_to_register() {
    let world = Checked::start(|ims| ims.redirect_uris = vec!["https://other.example/".into()], |_| {}).await;
    let finding = world.finding("ims.callback", "error").await;
    assert!(finding.message().contains("/ims/default-redirect instead"), "{finding:?}");
    let uri = format!("exactly https://localhost:{}/ims/callback", world.port);
    assert!(finding.fix().contains(&uri), "{finding:?}");
    assert_eq!(world.finding("ims.scope", "not-checked").await.severity(), "not-checked");
}

#[tokio::test]
async fn the_refused_scopes_are_named() {
    let world =
        Checked::start(|ims| ims.scopes.retain(|scope| scope != "session" && scope != "AdobeID"), |_| {})
            .await;
    let finding = world.finding("ims.scope", "error").await;
    assert!(finding.message().contains("refuses AdobeID, session (invalid_scope)"), "{finding:?}");
    assert!(finding.fix().contains("remove AdobeID, session from ims.scope"), "{finding:?}");
}

#[tokio::test]
async fn a_sign_in_page_of_ims_proves_nothing_and_is_said_so() {
    let world = Checked::good().await;
    let callback = format!("https%3A%2F%2Flocalhost%3A{}%2Fims%2Fcallback", world.port);
    let page =
        InjectedResponse::Redirect(format!("https://auth.services.adobe.com/en/index.html?to={callback}"));
    world.ims.faults().answer(ImsEndpoint::Authorize, FaultFrequency::Always, page);
    for id in ["ims.callback", "ims.scope"] {
        let finding = world.finding(id, "not-checked").await;
        assert!(finding.message().contains("auth.services.adobe.com/en/index.html first"), "{finding:?}");
    }
}

#[tokio::test]
async fn an_ims_that_is_down_leaves_the_rest_unchecked() {
    let world = Checked::good().await;
    world.ims.stop().await;
    let findings = world.findings(&[]).await;
    for (id, severity) in [
        ("ims.discovery", "error"),
        ("ims.client_secret", "not-checked"),
        ("ims.callback", "not-checked"),
        ("campaign.soap", "ok"),
    ] {
        assert!(findings.iter().any(|f| f.id() == id && f.severity() == severity), "{id}: {findings:#?}");
    }
    let (_, table, _) = world.run(&["check", "imsgate.toml"]).await;
    assert!(!table.contains("All good") && table.contains("IMS was not reached"), "{table}");
}
