//! Callbacks that are malformed, hostile, late, replayed or orphaned.

use http::StatusCode;
use imsgate::policy::login::MAX_ATTEMPTS;
use std::time::Duration;

use crate::support::{Answer, Browser, World, logs};

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
        let login = Open::begin(&browser, "/view/home").await;
        let page = browser.get(&format!("/ims/callback{}", login.fill(&world, query))).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}: {}", page.text());
        assert_eq!(browser.session(), None, "{query}");
        assert!(page.text().contains("href=\"/ims/login\""), "a way on: {}", page.text());
        assert!(!page.text().contains(&login.code), "{query}");
        assert_eq!(logs::audit(&page.request_id()).len(), 1, "{query}");
    }
    assert!(world.ims.token_requests().is_empty(), "no code was tried");
    assert!(world.campaign.requests().is_empty());
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn the_right_issuer_in_the_callback_is_welcome() {
    let world = World::start().await;
    let browser = world.browser();
    let login = Open::begin(&browser, "/view/home").await;
    let query = login.fill(&world, "?code={code}&state={state}&iss={issuer}");
    assert_eq!(browser.get(&format!("/ims/callback{query}")).await.location(), "/view/home");
    assert!(browser.session().is_some());
    world.stop().await;
}

#[tokio::test]
async fn the_code_of_one_tab_is_nothing_under_the_state_of_another() {
    let world = World::start().await;
    let browser = world.browser();
    let (one, two) = (Open::begin(&browser, "/one").await, Open::begin(&browser, "/two").await);
    let query = format!("/ims/callback?code={}&state={}", one.code, two.state);
    let again = browser.get(&query).await;
    assert_begins_again(&world, &again);
    assert_eq!(browser.session(), None);
    world.stop().await;
}

#[tokio::test]
async fn a_callback_of_somebody_elses_login_signs_nobody_in() {
    let world = World::start().await;
    let attacker = world.browser();
    let login = Open::begin(&attacker, "/view/home").await;
    let victim = world.browser();
    let again = victim.get(&login.callback()).await;
    assert_begins_again(&world, &again);
    assert_eq!(victim.session(), None);
    // Nor with a login of the victim's own open at the same time.
    victim.get("/view/home").await;
    assert_eq!(victim.get(&login.callback()).await.session_cookie(), None);
    assert!(world.ims.token_requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_login_cookie_of_another_login_or_with_a_turned_bit_does_not_open() {
    let world = World::start().await;
    let browser = world.browser();
    let (one, two) = (Open::begin(&browser, "/one").await, Open::begin(&browser, "/two").await);
    let sealed = browser.cookie(&one.cookie()).unwrap();
    let mut turned = sealed.clone().into_bytes();
    turned[20] = if turned[20] == b'A' { b'B' } else { b'A' };
    for value in [browser.cookie(&two.cookie()).unwrap(), String::from_utf8(turned).unwrap(), String::new()] {
        browser.plant(&one.cookie(), &value);
        assert_begins_again(&world, &browser.get(&one.callback()).await);
    }
    assert!(world.ims.token_requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_callback_that_comes_too_late_begins_again_and_still_ends_where_the_person_wanted() {
    let world = World::start().await;
    let browser = world.browser();
    let login = Open::begin(&browser, "/view/home?draft=7").await;
    world.clock.advance(Duration::from_mins(31));
    let again = browser.get(&login.callback()).await;
    assert_begins_again(&world, &again);
    let to_callback = browser.at_ims(&again, "alice").await;
    assert_eq!(browser.follow(&to_callback).await.location(), "/view/home?draft=7");
    assert_eq!(browser.open("/view/home").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_code_that_ran_out_at_ims_begins_again() {
    let world = World::start().await;
    let browser = world.browser();
    let login = Open::begin(&browser, "/view/home?draft=7").await;
    world.clock.advance(Duration::from_mins(6));
    let again = browser.get(&login.callback()).await;
    assert_begins_again(&world, &again);
    let to_callback = browser.at_ims(&again, "alice").await;
    assert_eq!(browser.follow(&to_callback).await.location(), "/view/home?draft=7");
    world.stop().await;
}

#[tokio::test]
async fn a_callback_replayed_in_a_signed_in_browser_goes_on_without_asking_ims() {
    let world = World::start().await;
    let browser = world.browser();
    let login = Open::begin(&browser, "/view/home").await;
    let sealed = browser.cookie(&login.cookie()).unwrap();
    assert_eq!(browser.get(&login.callback()).await.location(), "/view/home");
    let session = browser.session();
    // The back button: the login's cookie is gone.
    assert_eq!(browser.get(&login.callback()).await.location(), "/");
    // A double click: both requests carry it.
    browser.plant(&login.cookie(), &sealed);
    assert_eq!(browser.get(&login.callback()).await.location(), "/view/home");
    assert_eq!(browser.session(), session);
    assert_eq!(world.ims.token_requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_callback_replayed_elsewhere_is_worth_nothing_even_with_its_cookie() {
    let world = World::start().await;
    let browser = world.browser();
    let login = Open::begin(&browser, "/view/home").await;
    let sealed = browser.cookie(&login.cookie()).unwrap();
    browser.get(&login.callback()).await;
    let thief = world.browser();
    thief.plant(&login.cookie(), &sealed);
    assert_begins_again(&world, &thief.get(&login.callback()).await);
    assert_eq!(thief.session(), None);
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::OK, "the first session lives on");
    world.stop().await;
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_so_instead_of_being_sent_in_circles() {
    let world = World::start().await;
    let browser = world.browser();
    let mut answer = browser.get("/view/home").await;
    for _ in 0..MAX_ATTEMPTS {
        browser.forget("");
        let to_callback = browser.at_ims(&answer, "alice").await;
        answer = browser.follow(&to_callback).await;
        assert_begins_again(&world, &answer);
    }
    browser.forget("");
    let to_callback = browser.at_ims(&answer, "alice").await;
    let page = browser.follow(&to_callback).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text().contains("cookie") && page.text().contains(&page.request_id()), "{}", page.text());
    world.stop().await;
}

#[tokio::test]
async fn a_code_that_ims_never_takes_ends_in_a_page_that_does_not_blame_the_cookies() {
    let world = World::start().await;
    let browser = world.browser();
    let mut answer = browser.get("/view/home").await;
    for attempt in 0..=MAX_ATTEMPTS {
        let state = answer.parameter("state").unwrap();
        answer = browser.get(&format!("/ims/callback?code=junk&state={state}")).await;
        if attempt < MAX_ATTEMPTS {
            assert_begins_again(&world, &answer);
        }
    }
    assert_eq!((answer.status, browser.session()), (StatusCode::BAD_REQUEST, None));
    assert!(!answer.text().contains("did not keep the sign-in cookie"), "{}", answer.text());
    assert!(answer.text().contains("/ims/login?return_to=%2Fview%2Fhome"), "{}", answer.text());
    assert!(logs::audit(&answer.request_id())[0].field("reason").contains("code"));
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
async fn a_hostile_error_is_neither_shown_nor_logged_as_it_came() {
    let world = World::start().await;
    for hostile in ["x\"><script>alert(1)</script>", "a\r\nSet-Cookie: x=1", "\u{1b}[31m", &"a".repeat(5000)]
    {
        let browser = world.browser();
        let login = Open::begin(&browser, "/view/home").await;
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
    let login = Open::begin(&browser, "/view/home").await;
    let answer = browser.post_form(&login.callback(), &[]).await;
    assert_eq!((answer.status, browser.session()), (StatusCode::METHOD_NOT_ALLOWED, None));
    assert_eq!(browser.get(&login.callback()).await.location(), "/view/home", "the login is still open");
    world.stop().await;
}

/// A login of alice for which IMS has given a code and the browser has not called back yet.
struct Open {
    code: String,
    state: String,
}

impl Open {
    async fn begin(browser: &Browser, address: &str) -> Self {
        let to_ims = browser.get(address).await;
        let to_callback = browser.at_ims(&to_ims, "alice").await;
        let parameter = |name: &str| to_callback.parameter(name).unwrap();
        Self { code: parameter("code"), state: parameter("state") }
    }

    fn callback(&self) -> String {
        format!("/ims/callback?code={}&state={}", self.code, self.state)
    }

    fn cookie(&self) -> String {
        format!("__Host-imsgate-login-{}", self.state)
    }

    fn fill(&self, world: &World, query: &str) -> String {
        let issuer = world.ims.url();
        query
            .replace("{code}", &self.code)
            .replace("{state}", &self.state)
            .replace("{issuer}", &issuer)
            .replace("{ISSUER}", &issuer.to_uppercase())
    }
}

/// The browser is sent to IMS for another try, without a session.
fn assert_begins_again(world: &World, answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert!(
        answer.location().starts_with(&format!("{}/ims/authorize/v2?", world.ims.url())),
        "{}",
        answer.location()
    );
    assert_eq!(answer.session_cookie(), None);
}
