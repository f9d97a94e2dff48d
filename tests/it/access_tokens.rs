//! Hostile access tokens: none opens anything, and none costs IMS more than a fetch of keys.

use std::sync::Arc;
use std::time::Duration;

use imsgate::demo::ims::{ImsEndpoint, Signing};
use serde_json::{Value, json};

use crate::support::account::{CLIENT, soap, token, with_account};
use crate::support::admin::value;
use crate::support::request::RawRequest;
use crate::support::{World, logs};

async fn sent(world: &World, token: &str) -> crate::support::http1::Answer {
    RawRequest::get("/demo/echo").bearer(token).send_to(world).await
}

/// Refused with RFC 6750's challenge; the reason is only in the audit trail.
async fn assert_refused(world: &World, token: &str, reason: &str) {
    world.campaign.forget_requests();
    let answer = sent(world, token).await;
    assert_eq!((answer.status(), &answer.json()["error"]), (401, &json!("invalid_token")), "{reason}");
    let challenge = answer.field("www-authenticate").unwrap();
    assert_eq!(challenge, "Bearer realm=\"imsgate\", error=\"invalid_token\"", "{reason}");
    let lines = logs::audit(answer.field("x-request-id").unwrap());
    assert_eq!(lines.len(), 1, "{reason}");
    assert_eq!((lines[0].field("event"), lines[0].field("reason")), ("account_refused", reason));
    assert!(world.campaign.requests().is_empty(), "{reason}");
    if let Some(claims) = token.split('.').nth(1).filter(|claims| claims.len() > 20) {
        assert!(!logs::say(claims), "{reason}: the token is in the log");
    }
}

/// A good token, changed before it is signed.
fn forged(world: &World, signing: &Signing, change: impl FnOnce(&mut Value, &mut Value)) -> String {
    world.ims.forged_token(CLIENT, signing, change).unwrap()
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let world = with_account(|_| {}).start().await;
    let good = token(&world);
    assert_eq!(sent(&world, &good).await.status(), 200);

    let pem = world.ims.public_key_pem().into_bytes();
    let same = |_: &mut Value, _: &mut Value| {};
    for (signing, reason) in [
        (Signing::None, "algorithm"),
        (Signing::Hs256(pem), "algorithm"),
        (Signing::OtherKey, "signature"),
        (Signing::UnknownKid, "signature"),
        (Signing::NoKid, "no_key"),
        (Signing::Broken, "signature"),
    ] {
        assert_refused(&world, &forged(&world, &signing, same), reason).await;
    }
    for (name, value, reason) in [
        ("client_id", json!("stranger"), "client"),
        ("client_id", json!(null), "claim"),
        ("type", json!("refresh_token"), "type"),
        ("type", json!(null), "type"),
        ("user_id", json!(null), "claim"),
        ("created_at", json!(null), "claim"),
        ("expires_in", json!(null), "claim"),
        ("expires_in", json!("0"), "expired"),
        ("created_at", json!("4102444800000"), "not_yet"),
    ] {
        let expired = name == "expires_in" && value == "0";
        let token = forged(&world, &Signing::Honest, |_, claims| {
            claims[name] = value;
            if expired {
                claims["created_at"] = json!("1384371060214");
            }
        });
        assert_refused(&world, &token, reason).await;
    }
    // A flipped bit in each part.
    for at in [5, good.find('.').unwrap() + 30, good.rfind('.').unwrap() + 30] {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(bytes).unwrap();
        let answer = sent(&world, &flipped).await;
        assert_eq!(answer.status(), 401, "byte {at}");
    }
    for (token, reason) in
        [("x", "malformed"), ("a.b", "malformed"), ("..", "malformed"), ("e30.e30.", "malformed")]
    {
        assert_refused(&world, token, reason).await;
    }
    assert_eq!(sent(&world, &good).await.status(), 200, "the good one still works");
    world.stop().await;
}

#[tokio::test]
async fn tokens_of_other_clients_are_refused_without_a_look_at_ims() {
    let world = with_account(|_| {}).start().await;
    assert_eq!(sent(&world, &token(&world)).await.status(), 200);
    let before = world.ims.keys_fetches();
    assert_refused(&world, &world.ims.technical_token("stranger").unwrap(), "client").await;
    // A person's token, which Campaign itself would accept.
    let alice = world.signed_in("alice").await;
    let signed_out = alice.post_form("/ims/logout", &[]).await;
    let theirs = signed_out.parameter("access_token").unwrap();
    let answer = sent(&world, &theirs).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(world.ims.keys_fetches(), before);
    world.stop().await;
}

#[tokio::test]
async fn numbers_may_be_text_or_numbers() {
    let world = with_account(|_| {}).start().await;
    let now = world.clock.now().0;
    let token = forged(&world, &Signing::Honest, |_, claims| {
        claims["created_at"] = json!(now * 1000);
        claims["expires_in"] = json!(60_000);
        claims["scope"] = json!(["a"]);
    });
    // Campaign asks IMS, which never issued it; the gateway lets it through.
    sent(&world, &token).await;
    assert_eq!(world.campaign.requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_thousand_unknown_keys_cost_ims_one_fetch() {
    let world = with_account(|_| {}).start().await;
    assert_eq!(sent(&world, &token(&world)).await.status(), 200);
    let before = world.ims.keys_fetches();
    let world = Arc::new(world);
    let tokens: Vec<String> = (0..1000).map(|_| forged(&world, &Signing::UnknownKid, |_, _| {})).collect();
    let mut line = crate::support::request::connect(&world).await;
    let host = crate::support::request::host(&world).to_owned();
    for token in &tokens {
        line.send(RawRequest::get("/demo/echo").bearer(token).keep_alive(&host)).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 401);
    }
    assert!(world.ims.keys_fetches() - before <= 1, "{}", world.ims.keys_fetches() - before);
    // The next window finds the new key.
    world.ims.rotate_keys().unwrap();
    world.clock.advance(Duration::from_mins(2));
    assert_eq!(sent(&world, &token(&world)).await.status(), 200);
}

#[tokio::test]
async fn a_token_is_verified_once_and_refused_when_it_expires() {
    let world = with_account(|_| {}).ims(|ims| ims.token_lifetime = Duration::from_mins(10)).start().await;
    let token = token(&world);
    let first = sent(&world, &token).await;
    assert_eq!(logs::audit(first.field("x-request-id").unwrap())[0].field("event"), "account");
    let second = sent(&world, &token).await;
    assert_eq!(second.status(), 200);
    assert!(logs::audit(second.field("x-request-id").unwrap()).is_empty(), "one audit line for each token");
    world.clock.advance(Duration::from_mins(11));
    assert_refused(&world, &token, "expired").await;
    world.stop().await;
}

#[tokio::test]
async fn ims_is_asked_about_a_token_once_when_configured() {
    let world = with_account(|_| {}).instance(|instance| instance.ims.validate_token = true).start().await;
    let token = token(&world);
    world.ims.faults().clear();
    let asked = |world: &World| world.ims.requests_to(ImsEndpoint::ValidateToken);
    // Campaign asks IMS as well, for each request.
    assert_eq!(sent(&world, &token).await.status(), 200);
    let by_both = asked(&world);
    assert_eq!(sent(&world, &token).await.status(), 200);
    assert_eq!(asked(&world) - by_both, 1, "only Campaign asked again");

    let revoked = self::token(&world);
    world.ims.invalidate_access_tokens();
    assert_refused(&world, &revoked, "revoked").await;
    world.stop().await;
}

#[tokio::test]
async fn while_ims_is_away_known_tokens_work_and_others_get_503() {
    let world = with_account(|account| account.groups = None).start().await;
    let (known, other) = (token(&world), token(&world));
    assert_eq!(sent(&world, &known).await.status(), 200);
    world.ims.faults().down(true);
    let answer = sent(&world, &other).await;
    assert_eq!((answer.status(), &answer.json()["error"]), (503, &json!("ims_unavailable")));
    assert!(answer.field("retry-after").is_some());
    // Campaign asks IMS as well, so only the way there can be seen.
    world.campaign.forget_requests();
    sent(&world, &known).await;
    assert_eq!(world.campaign.requests().len(), 1);
    world.ims.faults().down(false);
    world.clock.advance(Duration::from_secs(3));
    assert_eq!(sent(&world, &other).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn a_soap_call_with_a_bad_token_gets_the_fault_that_clients_understand() {
    let world = with_account(|_| {}).start().await;
    let answer = soap("xtk:session#GetUserInfo").bearer("a.b.c").send_to(&world).await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().contains("XSV-350008"), "{}", answer.text());
    assert!(answer.field("www-authenticate").unwrap().contains("invalid_token"));
    world.stop().await;
}

#[tokio::test]
async fn a_bad_token_does_not_close_public_paths() {
    let world = with_account(|_| {}).start().await;
    let answer = RawRequest::get("/r/test").bearer("a.b.c").send_to(&world).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(world.last_request().header("authorization"), None);
    for other in ["Authorization: Basic YTpi", "Authorization: Bearer", "Authorization: Bearer "] {
        let answer = RawRequest::get("/demo/echo").with(other).send_to(&world).await;
        assert_eq!((answer.status(), &answer.json()["error"]), (401, &json!("login_required")), "{other}");
    }
    let good = token(&world);
    let twice = RawRequest::get("/demo/echo").bearer(&good).bearer(&good).send_to(&world).await;
    assert_eq!(twice.status(), 401, "two fields");
    let lower =
        RawRequest::get("/demo/echo").with(&format!("authorization: bearer {good}")).send_to(&world).await;
    assert_eq!(lower.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn requests_are_counted_by_outcome() {
    let world = with_account(|_| {}).config(|config| config.listen.admin = Some(([127, 0, 0, 1], 0).into()));
    let world = world.start().await;
    let good = token(&world);
    for token in [good.as_str(), &good, "a.b.c"] {
        sent(&world, token).await;
    }
    for (outcome, expected) in [("accepted", 2), ("refused", 1), ("failed", 0)] {
        let metric = format!("imsgate_technical_account_requests_total{{outcome=\"{outcome}\"}}");
        assert_eq!(value(&world, &metric).await, expected, "{outcome}");
    }
    world.stop().await;
}
