//! Tokens, codes, secrets and session ids appear in no output of the gateway.

use http::StatusCode;

use crate::support::admin::{admin_get, with_admin};
use crate::support::{Answer, Browser, World, logs};

/// A login of alice, and its secrets.
struct Visit {
    browser: Browser,
    /// The page after the login.
    page: Answer,
    /// `code=…&state=…`
    callback: String,
    session: String,
    secrets: Vec<(&'static str, String)>,
}

impl Visit {
    async fn start(world: &World) -> Self {
        let browser = world.browser();
        let to_ims = browser.get("/view/home").await;
        let state = to_ims.parameter("state").unwrap();
        let transaction = browser.cookie(&format!("__Host-imsgate-login-{state}")).unwrap();
        let to_callback = browser.at_ims(&to_ims, "alice").await;
        let code = to_callback.parameter("code").unwrap();
        let page = browser.follow(&to_callback).await;
        let session = browser.session().unwrap();
        let campaign = world.campaign.sessions().remove(0);
        assert_eq!(browser.get("/view/home").await.status, StatusCode::OK);
        let callback = format!("code={code}&state={state}");
        let secrets = vec![
            ("transaction", transaction),
            ("authorization code", code),
            ("session id", session.clone()),
            ("Campaign session token", campaign.session_token),
            ("Campaign security token", campaign.security_token),
            ("assertion", world.last_request().header("x-ims-assertion").unwrap().to_owned()),
            ("code verifier", world.ims.token_requests()[0].field("code_verifier").unwrap().to_owned()),
            ("client secret", "demo-client-secret".to_owned()),
        ];
        Self { browser, page, callback, session, secrets }
    }

    /// Signs out. The revoked tokens are secrets too.
    async fn sign_out(&mut self, world: &World) -> Answer {
        let signed_out = self.browser.post_form("/ims/logout", &[]).await;
        self.secrets.push(("access token", signed_out.parameter("access_token").unwrap()));
        self.secrets.push(("refresh token", world.ims.revoked().remove(0)));
        signed_out
    }
}

#[tokio::test]
async fn no_log_line_of_a_complete_visit_has_a_secret() {
    let world = World::start().await;
    let mut visit = Visit::start(&world).await;
    assert_eq!(visit.page.location(), "/view/home");
    visit.sign_out(&world).await;
    // A replay after the sign-out is logged as well.
    visit.browser.plant("__Host-imsgate", &visit.session);
    visit.browser.get(&format!("/ims/callback?{}", visit.callback)).await;

    assert!(logs::say("signed in") && logs::say("alice@example.com"), "the log is kept");
    let state = visit.callback.split_once("state=").unwrap().1.to_owned();
    for (name, secret) in visit.secrets.iter().chain([&("state", state)]) {
        assert!(secret.len() > 15, "{name}");
        assert!(!logs::say(secret), "the {name} is in the log");
    }
    world.stop().await;
}

#[tokio::test]
async fn no_secret_is_in_a_page_an_error_or_a_metric() {
    let world = with_admin().start().await;
    let mut visit = Visit::start(&world).await;
    let browser = &visit.browser;
    let mut pages = vec![visit.page.text()];
    for path in ["/ims/me", "/ims/logout", "/ims/nothing-here", "/view/%2e%2e/x", "/ims/callback?code=x"] {
        pages.push(browser.get(path).await.text());
    }
    pages.push(browser.get_json("/ims/me").await.text());
    for query in [visit.callback.clone(), format!("error=access_denied&{}", visit.callback)] {
        pages.push(browser.get(&format!("/ims/callback?{query}")).await.text());
    }
    world.campaign.stop().await;
    for away in [browser.get("/view/home").await, browser.get_json("/view/home").await] {
        assert_eq!(away.status, StatusCode::BAD_GATEWAY);
        pages.push(away.text());
    }
    for path in ["/metrics", "/health", "/sessions"] {
        let answer = admin_get(&world, path, "127.0.0.1").await;
        assert_eq!(answer.status(), 200, "{path}");
        pages.push(answer.text());
    }
    pages.push(visit.sign_out(&world).await.text());

    assert!(pages.iter().any(|page| page.contains("alice@example.com")), "the pages are read");
    for (name, secret) in &visit.secrets {
        assert!(secret.len() > 15, "{name}");
        let shown: Vec<&String> = pages.iter().filter(|page| page.contains(secret.as_str())).collect();
        assert!(shown.is_empty(), "the {name} is in {shown:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_gateways_pages_cannot_be_cached_or_framed() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    for page in [
        browser.get("/ims/me").await,
        browser.get("/ims/logout").await,
        browser.get("/ims/signed-out").await,
        browser.get("/ims/callback?code=x").await,
        browser.get("/ims/nothing-here").await,
    ] {
        assert_eq!(page.header("cache-control"), "no-store", "{}", page.url);
        assert_eq!(page.header("x-frame-options"), "DENY", "{}", page.url);
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{}", page.url);
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{}", page.url);
    }
    for redirect in
        [world.browser().get("/view/home").await, world.browser().sign_in("alice", "/view/home").await]
    {
        assert_eq!(redirect.header("cache-control"), "no-store", "{}", redirect.url);
        assert_eq!(redirect.header("referrer-policy"), "no-referrer", "{}", redirect.url);
    }
    world.stop().await;
}
