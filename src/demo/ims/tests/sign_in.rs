//! Signing in, silently signing in again, signing out.

use http::{StatusCode, header};

use super::{REDIRECT, VERIFIER, World, claims, json, location, parameter};

#[tokio::test]
async fn the_whole_code_flow_ends_with_organisations_and_profile() {
    let world = World::start().await;
    let form = world.authorize(&[], &[]).await;
    assert_eq!(form.status(), StatusCode::OK);
    let page = String::from_utf8(form.body().to_vec()).unwrap();
    assert!(page.contains("IMS simulator") && page.contains("name=\"username\""), "{page}");

    let back = world.sign_in("alice").await;
    assert_eq!(back.status(), StatusCode::FOUND);
    assert!(location(&back).starts_with(REDIRECT));
    assert_eq!(parameter(&back, "state").as_deref(), Some("st&te"));

    let answer = world.exchange(&parameter(&back, "code").unwrap(), VERIFIER).await;
    assert!(answer.headers().contains_key("x-debug-id"));
    let tokens = json(&answer);
    assert_eq!(tokens["expires_in"], 86_399);
    let id = claims(&tokens["id_token"]);
    assert_eq!((&id["iss"], &id["aud"]), (&world.sim.url().into(), &"Campaign1".into()));
    assert_eq!((&id["nonce"], &id["sub"]), (&"n-1".into(), &tokens["sub"]));
    let access = claims(&tokens["access_token"]);
    assert!(access.get("exp").is_none() && access["expires_in"] == "86400000");
    let length = tokens["access_token"].as_str().unwrap().len();
    assert!((1100..1700).contains(&length), "{length}");

    let token = &tokens["access_token"];
    assert_eq!(json(&world.with_token("/ims/userinfo/v2", token).await)["email"], "alice@example.com");
    let organizations = json(&world.with_token("/ims/organizations/v6", token).await);
    assert_eq!(organizations[0]["groups"][0]["groupName"], "Campaign - acme - delivery");
    let profile = json(&world.with_token("/ims/profile/v1", token).await);
    assert_eq!(profile["userId"], tokens["sub"]);
}

#[tokio::test]
async fn the_second_sign_in_of_a_browser_is_silent_until_it_logs_out() {
    let world = World::start().await;
    assert_eq!(
        parameter(&world.authorize(&[("prompt", "none")], &[]).await, "error").unwrap(),
        "login_required"
    );
    let back = world.sign_in("bob@example.com").await;
    let cookie = back.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    let cookie = [("cookie", cookie)];
    assert!(parameter(&world.authorize(&[], &cookie).await, "code").is_some());
    assert_eq!(world.authorize(&[("prompt", "login")], &cookie).await.status(), StatusCode::OK);

    let logout =
        |target: &str| format!("{}/ims/logout/v1?client_id=Campaign1&redirect_uri={target}", world.sim.url());
    let foreign = world.client.get(&logout("https://evil.example/"), &[]).await.unwrap();
    assert!(location(&foreign).ends_with("/ims/default-redirect"));
    let own = world.client.get(&logout("https://localhost:8443/ims/signed-out"), &cookie).await.unwrap();
    assert_eq!(location(&own), "https://localhost:8443/ims/signed-out");
    assert_eq!(world.sim.browser_sessions(), 0);
    assert_eq!(world.authorize(&[], &cookie).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn mistakes_of_an_authorization_request_are_answered_as_ims_does() {
    let world = World::start().await;
    let unregistered = world.authorize(&[("redirect_uri", "https://evil.example/ims/callback")], &[]).await;
    assert_eq!(location(&unregistered), format!("{}/ims/default-redirect", world.sim.url()));
    for (change, error) in [
        (("scope", "openid,not_provisioned"), "invalid_scope"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
    ] {
        assert_eq!(parameter(&world.authorize(&[change], &[]).await, "error").unwrap(), error);
    }
    assert_eq!(world.authorize(&[("client_id", "other")], &[]).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stopped_simulator_refuses_connections() {
    let world = World::start().await;
    let url = format!("{}/ims/keys", world.sim.url());
    assert!(world.client.get(&url, &[]).await.is_ok());
    world.sim.stop().await;
    assert!(world.client.get(&url, &[]).await.is_err());
}
