//! What Campaign receives: the signed identity, the origin of the request, and no identity that a client invented.

use std::sync::Arc;

use imsgate::config::SessionMode;
use imsgate::demo::ORGANIZATION_ID;
use imsgate::demo::people::people;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::World;
use crate::support::http1::{Echo, RawConnection};
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

const ECHO: &str = "/demo/echo";

#[tokio::test]
async fn campaign_gets_the_exact_identity() {
    let world = World::start().await;
    let session = world.signed_in("alice").await.session().unwrap();
    let alice =
        people(ORGANIZATION_ID, "acme").into_iter().find(|person| person.username == "alice").unwrap();
    let echo = RawRequest::get(ECHO).session(&session).echo(&world).await;
    assert_eq!(echo.field("x-ims-user"), Some(alice.sub.as_str()));
    assert_eq!(echo.field("x-ims-email"), Some(alice.email.as_str()));
    assert_eq!(echo.field("x-ims-organization"), Some(ORGANIZATION_ID));
    assert_eq!(echo.field("x-campaign-groups"), Some("delivery,workflow"));
    assert_eq!(echo.field("host"), Some(request::host(&world)));
    assert_eq!(echo.field("via"), Some("1.1 imsgate"));

    let claims = verified(&world, &echo).await;
    assert_eq!(claims["iss"], json!(world.origin));
    assert_eq!(claims["sub"], json!(alice.sub));
    assert_eq!(claims["email"], json!(alice.email));
    assert_eq!(claims["org"], json!(ORGANIZATION_ID));
    assert_eq!(claims["groups"], json!(["delivery", "workflow"]));
    assert_eq!(claims["aud"], json!("campaign"));
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((1..=300).contains(&lifetime), "{lifetime} s");
    let sid = claims["sid"].as_str().unwrap();
    assert!(!sid.is_empty() && !session.contains(sid) && !sid.contains(&session));

    // Used for a minute, then signed again: Campaign never gets one that is about to expire.
    world.clock.advance(std::time::Duration::from_mins(2));
    let later = verified(&world, &RawRequest::get(ECHO).session(&session).echo(&world).await).await;
    assert!(later["iat"].as_i64().unwrap() >= claims["iat"].as_i64().unwrap() + 120);
    world.stop().await;
}

#[tokio::test]
async fn the_request_id_is_the_same_in_the_response_at_campaign_and_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let log = file.clone();
    let world = World::builder().config(move |config| config.log.access_file = Some(log)).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let forged = RawRequest::get("/demo/echo?secret=1")
        .session(&alice)
        .with("X-Request-Id: 0af7651916cd43dd8448eb211c80319c")
        .with("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .with("tracestate: vendor=1");
    let answer = forged.send_to(&world).await;
    let echo = Echo::of(&answer);
    let id = answer.field("x-request-id").unwrap();
    assert_eq!(id.len(), 32);
    assert_ne!(id, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(echo.field("x-request-id"), Some(id));
    let parent = echo.field("traceparent").unwrap();
    assert!(parent.starts_with(&format!("00-{id}-")) && parent.len() == 55, "{parent}");
    assert_eq!(echo.field("tracestate"), None);
    let id = id.to_owned();
    world.stop().await;
    let lines = std::fs::read_to_string(file).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let access: Vec<_> = lines.iter().filter(|line| line["request"] == *id).collect();
    assert_eq!(access.len(), 1);
    let said = ["method", "path", "peer"].map(|field| access[0][field].as_str().unwrap());
    assert_eq!(
        (said, access[0]["status"].as_u64()),
        (["GET", ECHO, "127.0.0.1"], Some(200)),
        "and never the query"
    );
}

/// A client that disconnects before the response is in the access log, too.
#[tokio::test]
async fn a_request_whose_client_disconnected_is_in_the_access_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let (log, asked) = (file.clone(), Arc::new(Notify::new()));
    let told = asked.clone();
    let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
        let told = told.clone();
        async move {
            seen.request(&mut line).await?;
            told.notify_one();
            line.rest().await;
            None
        }
    })
    .await;
    let url = upstream.url.parse().unwrap();
    let world = World::builder()
        .instance(|instance| instance.campaign.upstreams = vec![url])
        .config(move |config| config.log.access_file = Some(log))
        .start()
        .await;
    let mut line = request::connect(&world).await;
    line.send(RawRequest::get("/r/gone?x").keep_alive(request::host(&world))).await;
    asked.notified().await;
    drop(line);
    let gone = || {
        std::fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .find(|line| line.contains("/r/gone"))
            .map(str::to_owned)
    };
    world.eventually(|| gone().is_some()).await;
    let said: serde_json::Value = serde_json::from_str(&gone().unwrap()).unwrap();
    assert_eq!((said["status"].as_u64(), said["path"].as_str()), (Some(499), Some("/r/gone")));
    world.stop().await;
}

#[tokio::test]
async fn a_client_cannot_set_its_own_address() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let forged = RawRequest::get(ECHO)
        .session(&alice)
        .with("X-Forwarded-For: 10.0.0.1, 127.0.0.1")
        .with("X-Forwarded-For: 10.0.0.2")
        .with("X_Forwarded_For: 10.0.0.3")
        .with("X-Forwarded-Proto: http")
        .with("X-Forwarded-Host: evil.example.com")
        .with("X-Forwarded-Port: 1")
        .with("X-Forwarded-Server: evil.example.com")
        .with("Forwarded: for=10.0.0.1")
        .with("X-Real-IP: 10.0.0.1");
    let echo = forged.echo(&world).await;
    assert_eq!(echo.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(echo.field("x-forwarded-proto"), Some("https"));
    assert_eq!(echo.field("x-forwarded-host"), Some(request::host(&world)));
    for name in ["x-forwarded-port", "x-forwarded-server", "forwarded", "x-real-ip", "x_forwarded_for"] {
        assert_eq!(echo.field(name), None, "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_sets_the_clients_address() {
    let world = World::builder()
        .config(|config| config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
        .start()
        .await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let told = RawRequest::get(ECHO)
        .session(&alice)
        .with("X-Forwarded-For: 203.0.113.9")
        .with("X-Forwarded-For: 198.51.100.7")
        .with("X-Forwarded-Proto: https")
        .with("X-Forwarded-Host: campaign.example.com")
        .with("X-Request-Id: 0af76519-16cd-43dd-8448-eb211c80319c")
        .with("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .with("X-Ims-User: eve");
    let echo = told.echo(&world).await;
    assert_eq!(echo.field("x-forwarded-for"), Some("203.0.113.9, 198.51.100.7, 127.0.0.1"));
    assert_eq!(echo.field("x-forwarded-proto"), Some("https"));
    assert_eq!(echo.field("x-forwarded-host"), Some("campaign.example.com"));
    assert_eq!(echo.field("x-request-id"), Some("0af76519-16cd-43dd-8448-eb211c80319c"));
    assert_eq!(echo.field("traceparent"), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_ne!(echo.field("x-ims-user"), Some("eve"), "trusted for the way, not for the person");

    let silent = RawRequest::get(ECHO).session(&alice).echo(&world).await;
    assert_eq!(silent.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(silent.field("x-forwarded-host"), Some(request::host(&world)));
    let broken = RawRequest::get(ECHO)
        .session(&alice)
        .with("X-Request-Id: <script>")
        .with("traceparent: 00-0-0-01")
        .with("X-Forwarded-Host: a, b")
        .with("X-Forwarded-Proto: gopher");
    let broken = broken.echo(&world).await;
    let id = broken.field("x-request-id").unwrap();
    assert!(id.len() == 32 && broken.field("traceparent").unwrap().contains(id));
    assert_eq!(broken.field("x-forwarded-host"), Some(request::host(&world)));
    assert_eq!(broken.field("x-forwarded-proto"), Some("https"));
    world.stop().await;
}

#[tokio::test]
async fn reserved_headers_of_a_client_are_removed() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let honest = RawRequest::get(ECHO).session(&alice).echo(&world).await;
    let names = ["x-ims-user", "x-ims-email", "x-ims-organization", "x-campaign-groups", "x-ims-assertion"];
    for field in [
        "X_Campaign_Groups: eve",
        "x-campaign_groups: eve",
        "X.Campaign.Groups: eve",
        "X-CAMPAIGN-GROUPS: eve",
        "X~Campaign!Groups: eve",
        "X-Ims-User: eve\r\nX-Ims-User: eve\r\nx-ims-user: eve",
        "x_ims_user: eve",
        "X-Ims_Email: eve",
        "x.ims.organization: eve",
        "X-Ims-Assertion: eve",
        "X_IMS_ASSERTION: eve",
        "Authorization: Bearer eve",
        "Authorization: Basic eve",
        "X-Session-Token: eve",
        "X_Security_Token: eve",
        "Cookie: __sessiontoken=eve",
        "Cookie: a=\"; __sessiontoken=eve; b=\"",
        "Cookie: __SESSIONTOKEN=eve",
        "Cookie: __Host-imsgate-login-eve=eve",
    ] {
        let echo = RawRequest::get(ECHO).session(&alice).with(field).echo(&world).await;
        for name in names {
            assert_eq!(echo.field(name), honest.field(name), "{field:?} changed {name}");
        }
        let eve: Vec<_> = echo
            .names()
            .into_iter()
            .filter(|name| echo.all(name).iter().any(|v| v.contains("eve")))
            .collect();
        assert!(eve.is_empty(), "{field:?} reached Campaign in {eve:?}");
    }

    // `Connection` names fields that the gateway adds, or that frame the message.
    let everything = names.join(", ");
    for listed in [
        "X-Ims-User",
        &everything,
        "Host, Cookie, Content-Length, Content-Type",
        "X-Forwarded-For, X-Forwarded-Proto, X-Request-Id, traceparent, X-Security-Token",
    ] {
        let ask = RawRequest::post(ECHO, "four")
            .session(&alice)
            .with("Content-Type: text/plain")
            .with("Sec-Fetch-Site: same-origin")
            .with(&format!("Connection: close, {listed}"));
        let echo = ask.echo(&world).await;
        for name in names {
            assert_eq!(echo.field(name), honest.field(name), "{listed}");
        }
        for name in
            ["x-forwarded-for", "x-forwarded-proto", "x-request-id", "traceparent", "x-security-token"]
        {
            assert!(echo.field(name).is_some(), "{listed}: {name}");
        }
        assert_eq!(echo.field("content-type"), Some("text/plain"), "{listed}");
        assert_eq!((echo.body_len(), echo.field("host")), (4, Some(request::host(&world))), "{listed}");
        assert_eq!(echo.field("cookie"), honest.field("cookie"));
    }
    let private = RawRequest::get(ECHO)
        .session(&alice)
        .with("X-Private: 1")
        .with("Connection: X-Private")
        .with("TE: trailers");
    let echo = private.with("Keep-Alive: timeout=5").with("Proxy-Authorization: Basic x").echo(&world).await;
    for name in ["x-private", "te", "keep-alive", "proxy-authorization", "connection"] {
        assert_eq!(echo.field(name), None, "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn campaigns_session_cookie_stays_inside_the_gateway() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let live = world.campaign.sessions().into_iter().next().unwrap();
    let theirs = RawRequest::get(ECHO)
        .with(&format!("Cookie: uiLanguage=en; __Host-imsgate={alice}; __sessiontoken=___theirs; lang=\"x\""))
        .echo(&world)
        .await;
    let ours = format!("uiLanguage=en; lang=\"x\"; __sessiontoken={}", live.session_token);
    assert_eq!(theirs.field("cookie"), Some(ours.as_str()));

    let home = RawRequest::get("/view/home").session(&alice).send_to(&world).await;
    assert_eq!(home.status(), 200);
    assert_eq!(home.head.all("set-cookie"), ["uiLanguage=en; Path=/; Secure"]);
    world.stop().await;
}

#[tokio::test]
async fn the_security_token_is_added_only_to_same_origin_requests() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let token = world.campaign.sessions().into_iter().next().unwrap().security_token;
    let own = format!("Origin: {}", world.origin);
    let (same, cross) = ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site");
    for (fields, expected) in [
        (&[same][..], Some(token.as_str())),
        (&[&own], Some(&token)),
        (&[same, &own], Some(&token)),
        (&[same, "Origin: null"], Some(&token)),
        (&[same, "X-Security-Token: @pages=="], Some("@pages==")),
        (&[cross, "X-Security-Token: @pages=="], Some("@pages==")),
        (&["X-Security-Token: @pages=="], Some("@pages==")),
        (&[], None),
        (&[cross], None),
        (&["Sec-Fetch-Site: same-site"], None),
        (&["Sec-Fetch-Site: none"], None),
        (&["Origin: https://evil.example.com"], None),
        (&["Origin: null"], None),
        (&["Origin: https://localhost"], None),
        (&[same, "Origin: https://evil.example.com"], None),
        (&[cross, &own], None),
    ] {
        // A GET. Methods that another origin may not use at all are tested in cross_origin.
        let ask = fields.iter().fold(RawRequest::get(ECHO).session(&alice), |ask, field| ask.with(field));
        assert_eq!(ask.echo(&world).await.field("x-security-token"), expected, "{fields:?}");
    }
    for fields in [&[same][..], &[&own], &[same, "Origin: null"]] {
        let ask =
            fields.iter().fold(RawRequest::post(ECHO, "a=b").session(&alice), |ask, field| ask.with(field));
        assert_eq!(ask.echo(&world).await.field("x-security-token"), Some(token.as_str()), "{fields:?}");
    }
    // Campaign acts on it.
    let form = RawRequest::post("/xtk/demo/form", "label=x")
        .session(&alice)
        .with("Content-Type: application/x-www-form-urlencoded");
    assert_eq!(form.clone().with(same).with(&own).send_to(&world).await.status(), 200);
    assert_eq!(form.with(cross).with("Origin: https://evil.example.com").send_to(&world).await.status(), 403);
    world.stop().await;
}

#[tokio::test]
async fn mode_bearer_sends_the_persons_ims_token() {
    let world = World::builder().session_mode(SessionMode::Bearer).start().await;
    let browser = world.signed_in("alice").await;
    let alice = browser.session().unwrap();
    assert!(world.campaign.sessions().is_empty(), "no logon in this mode");
    let ask = RawRequest::get(ECHO)
        .session(&alice)
        .with("Authorization: Bearer eve")
        .with("Sec-Fetch-Site: same-origin");
    let echo = ask.echo(&world).await;
    let bearer = echo.field("authorization").unwrap();
    assert!(bearer.starts_with("Bearer ey") && !bearer.contains("eve"));
    assert_eq!((echo.field("cookie"), echo.field("x-security-token")), (None, None));
    assert_eq!(echo.field("x-campaign-groups"), Some("delivery,workflow"));
    let public = RawRequest::get("/r/test").with("Authorization: Bearer eve").send_to(&world).await;
    assert_eq!(public.status(), 200);
    assert_eq!(world.campaign.requests().last().unwrap().header("authorization"), None);
    assert_eq!(browser.get("/view/home").await.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn mode_headers_sends_identity_and_no_session_of_the_clients_own() {
    let world = World::builder().session_mode(SessionMode::Headers).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    assert!(world.campaign.sessions().is_empty(), "no logon in this mode");
    let ask = RawRequest::get(ECHO)
        .with(&format!("Cookie: lang=en; __sessiontoken=___somebodys; __Host-imsgate={alice}"))
        .with("Authorization: Bearer eve")
        .with("Sec-Fetch-Site: same-origin");
    let echo = ask.echo(&world).await;
    assert_eq!(echo.field("cookie"), Some("lang=en"));
    assert_eq!((echo.field("authorization"), echo.field("x-security-token")), (None, None));
    assert_eq!(echo.field("x-campaign-groups"), Some("delivery,workflow"));
    verified(&world, &echo).await;
    world.stop().await;
}

/// The assertion's claims, after checking its signature with the published key.
async fn verified(world: &World, echo: &Echo) -> Value {
    let token = echo.field("x-ims-assertion").unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::ES256);
    let jwks = RawRequest::get("/ims/jwks.json").send_to(world).await.json();
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"].as_str() == header.kid.as_deref()).unwrap();
    assert!(key.get("d").is_none(), "the public half only");
    let (x, y) = (key["x"].as_str().unwrap(), key["y"].as_str().unwrap());
    let key = DecodingKey::from_ec_components(x, y).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["campaign"]);
    validation.set_issuer(&[&world.origin]);
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
}
