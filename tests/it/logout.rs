//! Signing out: here, at Campaign, at IMS.

use bytes::Bytes;
use http::{Request, StatusCode};
use imsgate::config::SessionMode;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use imsgate::demo::ims::ImsEndpoint;

use crate::support::{Answer, Browser, World, logs};

#[tokio::test]
async fn a_logout_ends_everything_everywhere() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    let campaign = world.campaign.sessions().remove(0);
    assert_eq!(world.ims.browser_sessions(), 1);

    let answer = browser.post_form("/ims/logout", &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_cookie_removed(&answer);
    assert_eq!(answer.header("clear-site-data"), "\"cache\"");
    assert_eq!(browser.session(), None);
    assert_eq!(world.campaign.logoffs(), [campaign.session_token]);
    assert_eq!(world.ims.revoked().len(), 1, "the refresh token takes its access token with it");
    let page = browser.open(answer.target().as_str()).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/ims/signed-out"));
    assert_eq!(world.ims.browser_sessions(), 0, "IMS asks who it is the next time");

    let replay = world.browser();
    replay.plant("__Host-imsgate", &session);
    assert_eq!(replay.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(replay.get_json("/ims/auth").await.status, StatusCode::UNAUTHORIZED);
    let audit = logs::audit(&answer.request_id());
    assert_eq!((audit[0].field("event"), audit[0].field("email")), ("logout", "alice@example.com"));
    world.stop().await;
}

#[tokio::test]
async fn without_a_refresh_token_the_access_token_is_revoked() {
    let world = World::builder().ims(|ims| ims.refresh_tokens = false).start().await;
    let browser = world.signed_in("alice").await;
    let answer = browser.post_form("/ims/logout", &[]).await;
    assert_eq!(world.ims.revoked(), [answer.parameter("access_token").unwrap()]);
    world.stop().await;
}

#[tokio::test]
async fn a_get_shows_a_confirmation_and_changes_nothing() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let page = browser.get("/ims/logout").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("method=\"post\" action=\"/ims/logout\""), "{}", page.text());
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https: http:;"),
        "the form leads on to IMS, and IMS to hosts of its own"
    );
    assert!(is_alive(&browser).await);
    assert!(world.campaign.logoffs().is_empty() && world.ims.revoked().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_sign_anybody_out() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    for headers in [
        &[("origin", "https://evil.example.com")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example.com")],
        &[("sec-fetch-site", "cross-site"), ("origin", &world.origin)],
        // Older browsers send neither, but name the page.
        &[("referer", "https://evil.example.com/sign-out.html")],
        &[("referer", "https://evil.example.com")],
    ] {
        let mut request = Request::post("/ims/logout").header("accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = browser.request(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(is_alive(&browser).await, "{headers:?}");
    }
    assert!(world.campaign.logoffs().is_empty() && world.ims.revoked().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn an_outage_of_campaign_does_not_prevent_the_sign_out() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    world.campaign.stop().await;
    let answer = browser.post_form("/ims/logout", &[]).await;
    assert!(answer.location().starts_with(&format!("{}/ims/logout/v1?", world.ims.url())));
    assert_cookie_removed(&answer);
    browser.plant("__Host-imsgate", &session);
    assert_eq!(browser.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn an_outage_of_ims_does_not_prevent_the_sign_out_and_no_valid_token_is_in_an_address() {
    let world = World::start().await;
    for fault in [
        Fault::Status(503),
        Fault::Status(400),
        Fault::HalfBody,
        Fault::Redirect("http://127.0.0.1:1/".into()),
    ] {
        world.ims.faults().answer(ImsEndpoint::Revoke, FaultFrequency::Always, fault.clone());
        let browser = world.signed_in("alice").await;
        let session = browser.session().unwrap();
        let answer = browser.post_form("/ims/logout", &[]).await;
        assert_cookie_removed(&answer);
        assert!(
            !answer.location().contains("access_token") || fault == Fault::HalfBody,
            "{}",
            answer.location()
        );
        browser.plant("__Host-imsgate", &session);
        assert!(!is_alive(&browser).await, "{fault:?}");
        world.ims.faults().clear();
    }
    assert_eq!(world.campaign.logoffs().len(), 4, "Campaign is told all the same");
    world.stop().await;
}

#[tokio::test]
async fn a_logout_without_a_session_is_no_error() {
    let world = World::start().await;
    let browser = world.browser();
    assert_eq!(browser.get("/ims/logout").await.location(), "/ims/signed-out");
    let answer = browser.post_form("/ims/logout", &[]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/ims/signed-out"));
    assert_eq!(answer.set_cookies(), [""; 0], "a cookie that means nothing here may be another gateway's");
    let page = browser.get("/ims/signed-out").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("href=\"/ims/login\""), "{}", page.text());
    world.stop().await;
}

#[tokio::test]
async fn two_logouts_at_once_are_one() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let tabs = (browser.clone(), browser.clone());
    let (one, two) = tokio::join!(tabs.0.post_form("/ims/logout", &[]), tabs.1.post_form("/ims/logout", &[]));
    assert!(one.status.is_redirection() && two.status.is_redirection());
    assert_eq!(world.campaign.logoffs().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn in_the_other_modes_there_is_no_campaign_session_to_end() {
    for mode in [SessionMode::Bearer, SessionMode::Headers] {
        let world = World::builder().session_mode(mode).start().await;
        let browser = world.signed_in("alice").await;
        assert!(is_alive(&browser).await);
        assert!(world.campaign.sessions().is_empty());
        world.campaign.forget_requests();
        browser.post_form("/ims/logout", &[]).await;
        assert!(world.campaign.requests().is_empty());
        assert!(!world.ims.revoked().is_empty());
        world.stop().await;
    }
}

async fn is_alive(browser: &Browser) -> bool {
    browser.get_json("/view/home").await.status == StatusCode::OK
}

/// Browsers obey a removal only if it repeats the attributes of the cookie.
fn assert_cookie_removed(answer: &Answer) {
    let expected = "__Host-imsgate=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    assert_eq!(answer.session_cookie().as_deref(), Some(expected));
}

#[tokio::test]
async fn a_revocation_that_hangs_delays_the_sign_out_by_a_few_seconds_only() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.ims.faults().answer(ImsEndpoint::Revoke, FaultFrequency::Always, Fault::Never);
    let begun = std::time::Instant::now();
    let answer = browser.post_form("/ims/logout", &[]).await;
    // Each of the two tokens alone would wait ten seconds.
    assert!(begun.elapsed() < std::time::Duration::from_secs(9), "{:?}", begun.elapsed());
    assert!(answer.location().starts_with(&format!("{}/ims/logout/v1?", world.ims.url())));
    assert_eq!(answer.parameter("access_token"), None, "it is not known to be revoked");
    assert_eq!(browser.session(), None);
    world.ims.faults().clear();
    world.stop().await;
}
