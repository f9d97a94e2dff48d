//! From the first request to the session.

use bytes::Bytes;
use http::{Request, StatusCode};
use imsgate::config::TokenAuth;

use crate::support::World;

#[tokio::test]
async fn a_person_of_a_matching_group_gets_to_the_page_they_wanted() {
    let world = World::start().await;
    let browser = world.browser();
    let answer = browser.sign_in("alice", "/view/home?tab=1&q=a%20b").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/view/home?tab=1&q=a%20b"));
    let home = browser.follow(&answer).await;
    assert_eq!(home.status, StatusCode::OK, "{}", home.text());
    let home = browser.over_http2().get("/view/home").await;
    assert_eq!(home.status, StatusCode::OK, "{}", home.text());
    world.stop().await;
}

#[tokio::test]
async fn a_login_returns_to_return_to_and_never_to_another_origin() {
    let world = World::start().await;
    for (asked, expected) in [
        ("%2Fview%2Fhome%3Fa%3D1%26b%3D2", "/view/home?a=1&b=2"),
        ("%2Fview%2Fhome%23tab", "/view/home#tab"),
        ("%2Fview%2Fhome%3Fa%3D%5Cb", "/view/home?a=\\b"),
        ("%2Fcaf%C3%A9%3Fq%3D%C3%A9", "/caf%C3%A9?q=%C3%A9"),
        ("%2F%5Cevil.com", "/"),
        ("%2F%2Fevil.com", "/"),
        ("%2F%09%2Fevil.com", "/"),
        ("https%3A%2F%2Fevil.com%2F", "/"),
        ("%2Fims%2Flogout", "/"),
        ("%2Fx%0d%0aSet-Cookie:x=1", "/"),
    ] {
        let answer = world.browser().sign_in("alice", &format!("/ims/login?return_to={asked}")).await;
        assert_eq!(answer.location(), expected, "{asked}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_authorization_request_has_pkce_state_nonce_and_scopes_separated_by_spaces() {
    let world = World::start().await;
    let to_ims = world.browser().get("/view/home").await;
    assert_eq!(to_ims.status, StatusCode::SEE_OTHER);
    assert_eq!(to_ims.header("cache-control"), "no-store");
    let parameter = |name: &str| to_ims.parameter(name).unwrap_or_default();
    assert_eq!(parameter("response_type"), "code");
    assert_eq!(parameter("redirect_uri"), format!("{}/ims/callback", world.origin));
    assert_eq!(parameter("code_challenge_method"), "S256");
    assert_eq!((parameter("code_challenge").len(), parameter("state").len()), (43, 23));
    assert!(parameter("nonce").len() >= 22);
    let scopes =
        "openid AdobeID read_organizations session additional_info.projectedProductContext offline_access";
    assert_eq!(parameter("scope"), scopes);
    assert_eq!(to_ims.parameter("prompt"), None);
    let prompted = world.browser().get("/ims/login?prompt=login").await;
    assert_eq!(prompted.parameter("prompt").as_deref(), Some("login"));
    world.stop().await;
}

#[tokio::test]
async fn a_foreign_host_name_in_the_request_never_reaches_the_redirect_uri() {
    let world = World::start().await;
    let request =
        Request::get("/view/home").header("accept", "text/html").header("x-forwarded-host", "evil.com");
    let to_ims = world.browser().request(request.body(Bytes::new()).unwrap()).await;
    assert_eq!(to_ims.parameter("redirect_uri").unwrap(), format!("{}/ims/callback", world.origin));
    world.stop().await;
}

#[tokio::test]
async fn the_client_authenticates_as_configured_and_proves_its_verifier() {
    for (auth, in_form) in [(TokenAuth::Post, true), (TokenAuth::Basic, false)] {
        let world = World::builder().instance(move |instance| instance.ims.token_auth = auth).start().await;
        world.signed_in("alice").await;
        let requests = world.ims.token_requests();
        let [request] = &requests[..] else { panic!("{} token requests", requests.len()) };
        assert_eq!(request.field("client_secret").is_some(), in_form);
        assert_eq!(request.headers.contains_key("authorization"), !in_form);
        assert_eq!(request.field("code_verifier").map(str::len), Some(43));
        world.stop().await;
    }
}

#[tokio::test]
async fn a_secret_of_odd_characters_survives_basic_authentication() {
    let secret = "p%+ä:& =/?";
    let world = World::builder()
        .ims(move |options| options.client_secret = secret.into())
        .instance(move |instance| instance.ims.client_secret = secret.into())
        .instance(|instance| instance.ims.token_auth = TokenAuth::Basic)
        .start()
        .await;
    world.signed_in("alice").await.post_form("/ims/logout", &[]).await;
    assert!(!world.ims.revoked().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn the_session_cookie_has_exactly_the_attributes_of_a_host_cookie() {
    let world = World::start().await;
    let answer = world.browser().sign_in("alice", "/view/home").await;
    let cookie = answer.session_cookie().unwrap();
    let (value, attributes) = cookie.strip_prefix("__Host-imsgate=").unwrap().split_once(';').unwrap();
    assert_eq!(value.len(), 22, "128 bits");
    assert_eq!(attributes, " Path=/; Secure; HttpOnly; SameSite=Lax");
    let removed = answer.set_cookies().into_iter().find(|field| field.starts_with("__Host-imsgate-login-"));
    assert!(removed.unwrap().ends_with("=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"));
    world.stop().await;
}

#[tokio::test]
async fn opening_the_sign_in_address_does_not_touch_a_live_session() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    let open = |site: &'static str, path: &'static str| {
        let request = Request::get(path).header("accept", "text/html").header("sec-fetch-mode", "navigate");
        browser.request(request.header("sec-fetch-site", site).body(Bytes::new()).unwrap())
    };
    for (path, to) in [
        ("/ims/login", "/"),
        ("/ims/login?return_to=/view/home%3Fa%3D1", "/view/home?a=1"),
        ("/ims/login?return_to=//evil.example", "/"),
    ] {
        for site in ["none", "same-origin", "same-site", "cross-site"] {
            let answer = open(site, path).await;
            assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, to), "{site} {path}");
            assert_eq!(answer.set_cookies(), [""; 0], "{site} {path}");
        }
    }
    // Only pages of our own can request another sign-in.
    let anew = "/ims/login?prompt=login&return_to=/view/home";
    for site in ["none", "same-site", "cross-site"] {
        assert_eq!(open(site, anew).await.location(), "/view/home", "{site}");
    }
    let old_browser = Request::get(anew).header("referer", "https://evil.example/");
    assert_eq!(browser.request(old_browser.body(Bytes::new()).unwrap()).await.location(), "/view/home");
    assert_eq!(browser.session().unwrap(), session);
    let asked = open("same-origin", anew).await;
    assert_eq!(asked.parameter("prompt").as_deref(), Some("login"));
    // The session lives until the other sign-in is finished.
    assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
    let to_callback = browser.at_ims(&asked, "dave").await;
    assert_eq!(browser.follow(&to_callback).await.location(), "/view/home");
    assert_eq!(browser.get_json("/ims/me").await.json()["email"], "dave@example.com");
    world.stop().await;
}

#[tokio::test]
async fn a_page_asked_for_with_a_backslash_in_its_query_survives_the_sign_in() {
    let world = World::start().await;
    let target = "/view/home?path=C:\\temp&q={a|b}";
    assert_eq!(world.browser().sign_in("alice", target).await.location(), target);
    world.stop().await;
}

#[tokio::test]
async fn in_app_browsers_are_browsers() {
    let world = World::start().await;
    let navigation = Request::get("/view/home").header("accept", "text/html");
    let navigation = navigation.header("x-requested-with", "com.example.mail").body(Bytes::new()).unwrap();
    let to_ims = world.browser().request(navigation).await;
    assert_eq!(to_ims.status, StatusCode::SEE_OTHER, "{}", to_ims.text());
    assert!(to_ims.location().starts_with(&world.ims.url()));
    let script = Request::get("/view/home").header("accept", "text/html");
    let script = script.header("x-requested-with", "XMLHttpRequest").body(Bytes::new()).unwrap();
    assert_eq!(world.browser().request(script).await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn a_frame_without_a_session_shows_a_page_that_leads_the_whole_window_to_the_sign_in() {
    let world = World::start().await;
    for method in ["GET", "POST"] {
        for frame in ["iframe", "frame", "object", "embed"] {
            let request = Request::builder()
                .method(method)
                .uri("/view/part")
                .header("accept", "text/html")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-site", "same-origin")
                .header("sec-fetch-dest", frame)
                .header("referer", format!("{}/view/home?tab=2", world.origin));
            let page = world.browser().request(request.body(Bytes::new()).unwrap()).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{method} {frame}");
            assert!(page.header("content-type").starts_with("text/html"));
            assert!(page.header("content-security-policy").contains("frame-ancestors 'self'"));
            assert_eq!(page.header("x-frame-options"), "SAMEORIGIN");
            let link = "target=\"_top\" href=\"/ims/login?return_to=%2Fview%2Fhome%3Ftab%3D2\"";
            assert!(page.text().contains(link), "{}", page.text());
        }
    }
    assert_eq!(world.campaign.requests().len(), 0);
    world.stop().await;
}
