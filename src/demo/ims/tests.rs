//! The simulator over real sockets, as a relying party sees it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::*;
use crate::demo::client::Client;
use crate::demo::faults::{Answer, Times};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "https://localhost:8443/ims/callback";
const SCOPES: &str =
    "openid,AdobeID,read_organizations session additional_info.projectedProductContext,offline_access";

struct World {
    sim: ImsSimulator,
    client: Client,
}

impl World {
    async fn start() -> Self {
        let options = ImsOptions { clock: Clock::movable(), ..ImsOptions::default() };
        Self { sim: ImsSimulator::start(options).await.unwrap(), client: Client::new() }
    }

    fn query(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("client_id", "Campaign1"),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", SCOPES),
            ("state", "st&te"),
            ("nonce", "n-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        pairs.extend(changes);
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    async fn authorize(&self, changes: &[(&str, &str)], headers: &[(&str, &str)]) -> Response<Bytes> {
        let url = format!("{}/ims/authorize/v2?{}", self.sim.url(), self.query(changes));
        self.client.get(&url, headers).await.unwrap()
    }

    async fn sign_in(&self, username: &str) -> Response<Bytes> {
        let form = [("request", self.query(&[])), ("username", username.to_owned())];
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.client.post_form(&self.sim.sign_in_url(), &[], &form).await.unwrap()
    }

    async fn code(&self, username: &str) -> String {
        parameter(&self.sign_in(username).await, "code").unwrap()
    }

    async fn token(&self, form: &[(&str, &str)]) -> Response<Bytes> {
        let mut form = form.to_vec();
        form.extend([("client_id", "Campaign1"), ("client_secret", "demo-client-secret")]);
        self.client.post_form(&format!("{}/ims/token/v3", self.sim.url()), &[], &form).await.unwrap()
    }

    async fn exchange(&self, code: &str, verifier: &str) -> Response<Bytes> {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ])
        .await
    }

    async fn tokens(&self, username: &str) -> Value {
        json(&self.exchange(&self.code(username).await, VERIFIER).await)
    }

    async fn with_token(&self, path: &str, token: &Value) -> Response<Bytes> {
        let authorization = format!("Bearer {}", token.as_str().unwrap());
        let url = format!("{}{path}", self.sim.url());
        self.client.get(&url, &[("authorization", &authorization)]).await.unwrap()
    }
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn location(response: &Response<Bytes>) -> String {
    response.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

fn parameter(response: &Response<Bytes>, name: &str) -> Option<String> {
    let url = Url::parse(&location(response)).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

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
async fn a_code_is_good_for_one_exchange_with_the_right_verifier_in_time() {
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
async fn a_token_without_the_scope_is_forbidden_and_an_expired_one_is_said_to_be() {
    let world = World::start().await;
    let technical =
        json(&world.token(&[("grant_type", "client_credentials"), ("scope", "campaign_sdk")]).await);
    let forbidden = world.with_token("/ims/organizations/v6", &technical["access_token"]).await;
    assert_eq!(forbidden.status(), StatusCode::FORBIDDEN);
    let tokens = world.tokens("dave").await;
    world.sim.ims.options.clock.advance(Duration::from_secs(24 * 60 * 60));
    let expired = world.with_token("/ims/userinfo/v2", &tokens["access_token"]).await;
    assert_eq!(expired.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn faults_happen_as_often_as_asked() {
    let world = World::start().await;
    let faults = world.sim.faults();
    faults.answer(Endpoint::Token, Times::Once, Answer::HalfBody);
    faults.answer(Endpoint::Token, Times::Once, Answer::RetryAfter(7));
    faults.expires_in(Times::Once, 60);
    faults.tamper_id_token(Times::Once, |_, claims| claims["aud"] = "somebody else".into());
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
async fn rotation_publishes_the_new_key_and_keeps_the_one_before() {
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

#[tokio::test]
async fn a_stopped_simulator_refuses_connections() {
    let world = World::start().await;
    let url = format!("{}/ims/keys", world.sim.url());
    assert!(world.client.get(&url, &[]).await.is_ok());
    world.sim.stop().await;
    assert!(world.client.get(&url, &[]).await.is_err());
}
