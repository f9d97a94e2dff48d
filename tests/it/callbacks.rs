//! Callbacks that are malformed, hostile or belong to another login.

use http::StatusCode;

use crate::support::{OpenLogin, World, logs};

#[tokio::test]
async fn a_malformed_callback_is_refused_and_changes_nothing() {
    let world = World::start().await;
    for query in [
        "",
        "?",
        "?&",
        "?code={code}",
        "?code={code}&state=",
        "?code={code}&state=x",
        "?code={code}&state={state}&state={state}",
        "?code={code}&code={code}&state={state}",
        "?state={state}&error=a&error=b",
        "?state={state}",
        "?code=&state={state}",
        "?code={code}&state={state}&iss=",
        "?code={code}&state={state}&iss={issuer}/",
        "?code={code}&state={state}&iss={ISSUER}",
        "?code={code}&state={state}&iss=https://ims-na1.adobelogin.com",
        "?code={code}&state={state}&iss={issuer}&iss={issuer}",
    ] {
        let browser = world.browser();
        let login = OpenLogin::begin(&browser, "/view/home").await;
        let page = browser.get(&format!("/ims/callback{}", fill(&login, &world, query))).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}: {}", page.text());
        assert_eq!(browser.session(), None, "{query}");
        assert!(page.text().contains("href=\"/ims/login?return_to=%2F"), "a way on: {}", page.text());
        assert!(!page.text().contains(&login.code), "{query}");
        assert_eq!(logs::audit(&page.request_id()).len(), 1, "{query}");
    }
    assert!(world.ims.token_requests().is_empty(), "no code was tried");
    assert!(world.campaign.requests().is_empty());
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn the_right_issuer_in_the_callback_is_accepted() {
    let world = World::start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    let query = fill(&login, &world, "?code={code}&state={state}&iss={issuer}");
    assert_eq!(browser.get(&format!("/ims/callback{query}")).await.location(), "/view/home");
    assert!(browser.session().is_some());
    world.stop().await;
}

#[tokio::test]
async fn the_code_of_one_tab_is_refused_with_the_state_of_another() {
    let world = World::start().await;
    let browser = world.browser();
    let (one, two) = (OpenLogin::begin(&browser, "/one").await, OpenLogin::begin(&browser, "/two").await);
    let query = format!("/ims/callback?code={}&state={}", one.code, two.state);
    let again = browser.get(&query).await;
    world.assert_begins_again(&again);
    assert_eq!(browser.session(), None);
    world.stop().await;
}

#[tokio::test]
async fn a_callback_of_somebody_elses_login_signs_nobody_in() {
    let world = World::start().await;
    let attacker = world.browser();
    let login = OpenLogin::begin(&attacker, "/view/home").await;
    let victim = world.browser();
    let again = victim.get(&login.callback()).await;
    world.assert_begins_again(&again);
    assert_eq!(victim.session(), None);
    // Nor while the victim has an open login.
    victim.get("/view/home").await;
    assert_eq!(victim.get(&login.callback()).await.session_cookie(), None);
    assert!(world.ims.token_requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_login_cookie_of_another_login_or_with_a_changed_bit_is_refused() {
    let world = World::start().await;
    let browser = world.browser();
    let (one, two) = (OpenLogin::begin(&browser, "/one").await, OpenLogin::begin(&browser, "/two").await);
    let sealed = browser.cookie(&one.cookie()).unwrap();
    let mut turned = sealed.clone().into_bytes();
    turned[20] = if turned[20] == b'A' { b'B' } else { b'A' };
    for value in [browser.cookie(&two.cookie()).unwrap(), String::from_utf8(turned).unwrap(), String::new()] {
        browser.plant(&one.cookie(), &value);
        world.assert_begins_again(&browser.get(&one.callback()).await);
    }
    assert!(world.ims.token_requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_person_who_cancels_at_adobe_gets_a_page_with_a_way_back() {
    let world = World::start().await;
    let browser = world.browser();
    let to_ims = browser.get("/view/home?a=b").await;
    let form = browser.follow(&to_ims).await;
    let request = form.url.query().unwrap().to_owned();
    let cancelled = browser
        .post_form(&world.ims.sign_in_url(), &[("request", &request), ("username", "alice"), ("cancel", "1")])
        .await;
    assert_eq!(cancelled.parameter("error").as_deref(), Some("access_denied"));
    let page = browser.follow(&cancelled).await;
    assert_eq!((page.status, browser.session()), (StatusCode::FORBIDDEN, None));
    assert!(page.text().contains("/ims/login?return_to=%2Fview%2Fhome%3Fa%3Db"), "{}", page.text());
    world.stop().await;
}

#[tokio::test]
async fn a_hostile_error_is_escaped_in_the_page_and_the_log() {
    let world = World::start().await;
    for hostile in ["x\"><script>alert(1)</script>", "a\r\nSet-Cookie: x=1", "\u{1b}[31m", &"a".repeat(5000)]
    {
        let browser = world.browser();
        let login = OpenLogin::begin(&browser, "/view/home").await;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", hostile)
            .append_pair("error_description", "<img src=x onerror=alert(2)>")
            .append_pair("state", &login.state)
            .finish();
        let page = browser.get(&format!("/ims/callback?{query}")).await;
        assert_eq!((page.status, browser.session()), (StatusCode::FORBIDDEN, None));
        assert!(!page.text().contains(hostile) && !page.text().contains("onerror"), "{}", page.text());
        assert!(!page.text().contains("<script"), "{}", page.text());
        let lines = logs::of(&page.request_id());
        assert!(lines.iter().all(|line| !format!("{line:?}").contains(hostile)), "{lines:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn only_a_get_is_a_callback() {
    let world = World::start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    let answer = browser.post_form(&login.callback(), &[]).await;
    assert_eq!((answer.status, browser.session()), (StatusCode::METHOD_NOT_ALLOWED, None));
    assert_eq!(browser.get(&login.callback()).await.location(), "/view/home", "the login is still open");
    world.stop().await;
}

/// Inserts the values of this login into a query.
fn fill(login: &OpenLogin, world: &World, query: &str) -> String {
    let issuer = world.ims.url();
    query
        .replace("{code}", &login.code)
        .replace("{state}", &login.state)
        .replace("{issuer}", &issuer)
        .replace("{ISSUER}", &issuer.to_uppercase())
}
