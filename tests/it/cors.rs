//! Pages of other origins: listed ones may call with a Bearer token, but never with cookies.

use crate::support::account::{token, with_account};
use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::{Builder, World};

const APP: &str = "https://experience.example.com";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";

fn with_origins() -> Builder {
    with_account(|_| {}).instance(|instance| instance.campaign.cors_origins = vec![APP.to_owned()])
}

fn preflight(origin: &str, fields: &str) -> RawRequest {
    RawRequest::new("OPTIONS", "/nl/jsp/soaprouter.jsp")
        .with(&format!("Origin: {origin}"))
        .with("Access-Control-Request-Method: POST")
        .with(&format!("Access-Control-Request-Headers: {fields}"))
}

fn has_no_cors(answer: &Answer) -> bool {
    answer.field(ALLOW_ORIGIN).is_none() && answer.field("access-control-allow-credentials").is_none()
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_is_answered_by_the_gateway() {
    let world = with_origins().start().await;
    let answer = preflight(APP, "authorization,soapaction,content-type,x-query-source").send_to(&world).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    assert_eq!(answer.field(ALLOW_ORIGIN), Some(APP));
    let fields = answer.field("access-control-allow-headers").unwrap();
    assert_eq!(fields, "authorization, soapaction, content-type, x-query-source");
    assert!(answer.field("access-control-allow-methods").unwrap().contains("POST"));
    assert_eq!(answer.field("access-control-max-age"), Some("600"));
    assert!(answer.field("vary").unwrap().contains("origin"));
    assert_eq!(answer.field("access-control-allow-credentials"), None);
    for (refused, why) in [
        (preflight("https://evil.example", "authorization"), "another origin"),
        (preflight("null", "authorization"), "no origin"),
        (preflight(APP, "soapaction"), "without a token"),
        (preflight(APP, "authorization").with(&format!("Origin: {APP}")), "two origins"),
    ] {
        let answer = refused.send_to(&world).await;
        assert_ne!(answer.status(), 204, "{why}");
        assert!(has_no_cors(&answer), "{why}");
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn responses_to_bearer_callers_name_the_origin_and_never_allow_cookies() {
    let world = with_origins().start().await;
    let token = token(&world);
    let ask = |origin: &str| RawRequest::post("/demo/echo", "x").with(&format!("Origin: {origin}"));
    let answer = ask(APP).bearer(&token).send_to(&world).await;
    assert_eq!((answer.status(), answer.field(ALLOW_ORIGIN)), (200, Some(APP)));
    assert!(answer.field("vary").unwrap().contains("origin"));
    assert_eq!(answer.field("access-control-allow-credentials"), None);
    let refused = ask(APP).bearer("a.b.c").send_to(&world).await;
    assert_eq!((refused.status(), refused.field(ALLOW_ORIGIN)), (401, Some(APP)), "the page can read why");
    let foreign = ask("https://evil.example").bearer(&token).send_to(&world).await;
    assert!(has_no_cors(&foreign));
    world.stop().await;
}

#[tokio::test]
async fn a_cookie_from_a_listed_origin_stays_refused() {
    let world = with_origins().start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    for with_token in [false, true] {
        let mut ask = RawRequest::post("/demo/echo", "x").with(&format!("Origin: {APP}")).session(&alice);
        if with_token {
            ask = ask.bearer(&token(&world));
        }
        let answer = ask.send_to(&world).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
        assert!(has_no_cors(&answer));
    }
    let read =
        RawRequest::get("/demo/echo").with(&format!("Origin: {APP}")).session(&alice).send_to(&world).await;
    assert!(has_no_cors(&read), "no page there can read it");
    world.stop().await;
}

#[tokio::test]
async fn without_origins_or_accounts_nothing_is_answered() {
    let one = with_account(|_| {}).start().await;
    let two = World::builder()
        .instance(|instance| instance.campaign.cors_origins = vec![APP.to_owned()])
        .start()
        .await;
    for world in [one, two] {
        let answer = preflight(APP, "authorization").send_to(&world).await;
        assert_ne!(answer.status(), 204);
        assert!(has_no_cors(&answer));
        world.stop().await;
    }
}
