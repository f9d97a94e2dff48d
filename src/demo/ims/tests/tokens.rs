//! Where codes and tokens are valid, and how long.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreProviderMetadata};
use openidconnect::{AccessToken, AccessTokenHash, ClientId, ClientSecret, Nonce};

use super::super::ImsEndpoint;
use super::{VERIFIER, World, claims, json, location};
use crate::demo::faults::{FaultFrequency, InjectedResponse};

#[tokio::test]
async fn a_stock_relying_party_accepts_metadata_keys_and_id_token() {
    let world = World::start().await;
    let document = world.get("/ims/.well-known/openid-configuration").await;
    let metadata: CoreProviderMetadata = serde_json::from_slice(document.body()).unwrap();
    let keys: CoreJsonWebKeySet = serde_json::from_slice(world.get("/ims/keys").await.body()).unwrap();
    let tokens = world.tokens("erin").await;
    let id_token: CoreIdToken = tokens["id_token"].as_str().unwrap().parse().unwrap();
    let secret = ClientSecret::new("demo-client-secret".into());
    let client_id = ClientId::new("Campaign1".into());
    let verifier =
        CoreIdTokenVerifier::new_confidential_client(client_id, secret, metadata.issuer().clone(), keys);
    let claims = id_token.claims(&verifier, &Nonce::new("n-1".into())).unwrap();
    let access_token = AccessToken::new(tokens["access_token"].as_str().unwrap().into());
    let key = id_token.signing_key(&verifier).unwrap();
    let hash = AccessTokenHash::from_token(&access_token, id_token.signing_alg().unwrap(), key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&hash));
}

#[tokio::test]
async fn a_code_is_valid_once_in_time_and_with_the_right_verifier() {
    let world = World::start().await;
    let code = world.code("alice").await;
    let first = json(&world.exchange(&code, VERIFIER).await);
    let second = world.exchange(&code, VERIFIER).await;
    assert_eq!(
        (second.status(), &json(&second)["error"]),
        (StatusCode::BAD_REQUEST, &"invalid_grant".into())
    );
    let dead = world.with_token("/ims/userinfo/v2", &first["access_token"]).await;
    assert_eq!(dead.status(), StatusCode::UNAUTHORIZED);

    let mismatch = world.exchange(&world.code("alice").await, &VERIFIER.replace('d', "e")).await;
    assert_eq!(json(&mismatch)["error"], "invalid_grant");
    let late = world.code("alice").await;
    world.sim.ims.options.clock.advance(Duration::from_secs(301));
    assert_eq!(json(&world.exchange(&late, VERIFIER).await)["error"], "invalid_grant");
}

#[tokio::test]
async fn the_client_authenticates_either_way_but_with_its_secret() {
    let world = World::start().await;
    let url = format!("{}/ims/token/v3", world.sim.url());
    let form = [("grant_type", "client_credentials"), ("scope", "campaign_sdk")];
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("Campaign1:{secret}")));
    let good = world
        .client
        .post_form(&url, &[("authorization", &basic("demo-client-secret"))], &form)
        .await
        .unwrap();
    assert!(json(&good)["access_token"].is_string());
    assert!(json(&good).get("id_token").is_none());
    let bad = world.client.post_form(&url, &[("authorization", &basic("wrong"))], &form).await.unwrap();
    assert_eq!((bad.status(), &json(&bad)["error"]), (StatusCode::UNAUTHORIZED, &"invalid_client".into()));
    let scope = world.token(&[("grant_type", "client_credentials"), ("scope", "unheard_of")]).await;
    assert_eq!(
        (scope.status(), location(&scope).ends_with("error=invalid_scope")),
        (StatusCode::FOUND, true)
    );
    assert_eq!(world.sim.token_requests()[0].field("grant_type"), Some("client_credentials"));
}

#[tokio::test]
async fn refresh_tokens_rotate_and_revoked_tokens_are_refused() {
    let world = World::start().await;
    let first = world.tokens("erin").await;
    let refresh = first["refresh_token"].as_str().unwrap();
    let second = json(&world.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert!(claims(&second["id_token"]).get("nonce").is_none());
    let again = world.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(json(&again)["error"], "invalid_grant");

    let token = second["access_token"].as_str().unwrap();
    let validate = || async {
        let url = format!("{}/ims/validate_token/v1", world.sim.url());
        let form = [("type", "access_token"), ("client_id", "Campaign1"), ("token", token)];
        json(&world.client.post_form(&url, &[], &form).await.unwrap())
    };
    assert_eq!(validate().await["valid"], true);
    let revoke = format!("{}/ims/revoke", world.sim.url());
    let form = [("token", token), ("client_id", "Campaign1"), ("client_secret", "demo-client-secret")];
    let revoked = world.client.post_form(&revoke, &[], &form).await.unwrap();
    assert_eq!((revoked.status(), revoked.body().len()), (StatusCode::OK, 0));
    assert_eq!(world.sim.revoked(), [token]);
    assert_eq!(validate().await["valid"], false);
    let refused = world.with_token("/ims/profile/v1", &second["access_token"]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_without_the_scope_gets_403_and_an_expired_one_401() {
    let world = World::start().await;
    let technical =
        json(&world.token(&[("grant_type", "client_credentials"), ("scope", "campaign_sdk")]).await);
    let forbidden = world.with_token("/ims/organizations/v6", &technical["access_token"]).await;
    assert_eq!(forbidden.status(), StatusCode::FORBIDDEN);
    let tokens = world.tokens("dave").await;
    world.sim.ims.options.clock.advance(Duration::from_hours(24));
    let expired = world.with_token("/ims/userinfo/v2", &tokens["access_token"]).await;
    assert_eq!(expired.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn faults_happen_as_often_as_asked() {
    let world = World::start().await;
    let faults = world.sim.faults();
    faults.answer(ImsEndpoint::Token, FaultFrequency::Once, InjectedResponse::HalfBody);
    faults.answer(ImsEndpoint::Token, FaultFrequency::Once, InjectedResponse::RetryAfter(7));
    faults.expires_in(FaultFrequency::Once, 60);
    faults.tamper_id_token(FaultFrequency::Once, |_, claims| claims["aud"] = "somebody else".into());
    let form = [("grant_type", "client_credentials")];
    let url = format!("{}/ims/token/v3", world.sim.url());
    assert!(world.client.post_form(&url, &[], &form).await.is_err());
    assert_eq!(world.token(&form).await.headers()[header::RETRY_AFTER], "7");
    let tokens = world.tokens("alice").await;
    assert_eq!(
        (&tokens["expires_in"], &claims(&tokens["id_token"])["aud"]),
        (&60.into(), &"somebody else".into())
    );
    faults.down(true);
    assert_eq!(world.token(&form).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    faults.clear();
    assert_eq!(claims(&world.tokens("alice").await["id_token"])["aud"], "Campaign1");
}

#[tokio::test]
async fn rotation_publishes_the_new_key_and_the_previous_one() {
    let world = World::start().await;
    let keys = || async {
        let answer = world.client.get(&format!("{}/ims/keys", world.sim.url()), &[]).await.unwrap();
        json(&answer)["keys"].as_array().unwrap().clone()
    };
    let before = keys().await;
    world.sim.rotate_keys().unwrap();
    let after = keys().await;
    assert_eq!((before.len(), after.len(), &after[1]), (1, 2, &before[0]));
    assert_eq!(world.sim.keys_fetches(), 2);
}
