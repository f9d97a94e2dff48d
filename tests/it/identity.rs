//! The identity headers have the values from IMS, in every mode. Only Campaign and trusted proxies get them.

use imsgate::config::SessionMode;
use imsgate::demo::faults::FaultFrequency;
use imsgate::internal::decoded_identity as decoded;
use serde_json::json;

use crate::support::assertion::claims;
use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::{Builder, World};

const FIELDS: [&str; 5] =
    ["x-ims-user", "x-ims-email", "x-ims-organization", "x-campaign-groups", "x-ims-assertion"];
const ECHO: &str = "/demo/echo";

#[tokio::test]
async fn campaign_reads_exactly_what_ims_said() {
    for (said, sent) in [
        ("m\u{fc}ller@x.example", "m%C3%BCller@x.example"),
        ("m%C3%BCller@x.example", "m%25C3%25BCller@x.example"),
        (" admin@x.example", "%20admin@x.example"),
        ("admin@x.example\t", "admin@x.example%09"),
        ("a@x.example, b@x.example", "a@x.example%2C b@x.example"),
        ("a@x.example\r\nX-Ims-User: b", "a@x.example%0D%0AX-Ims-User: b"),
    ] {
        let world = World::start().await;
        world.ims.faults().tamper_userinfo(FaultFrequency::Always, move |info| info["email"] = said.into());
        let browser = world.signed_in("alice").await;
        let echo = RawRequest::get(ECHO).session(&browser.session().unwrap()).echo(&world).await;
        assert_eq!(echo.all("x-ims-email"), [sent], "{said:?}");
        assert_eq!(decoded(&sent.parse().unwrap()).as_deref(), Some(said));
        let claims = claims(&browser, echo.field("x-ims-assertion").unwrap()).await;
        assert_eq!(claims["email"], said);
        world.stop().await;
    }
}

#[tokio::test]
async fn every_identity_header_is_there_in_every_mode() {
    for mode in [SessionMode::BearerLogon, SessionMode::Bearer, SessionMode::Headers] {
        let world = World::builder().session_mode(mode).start().await;
        world
            .ims
            .faults()
            .tamper_userinfo(FaultFrequency::Always, |info| info["email_verified"] = json!(false));
        let alice = world.signed_in("alice").await.session().unwrap();
        let forged = RawRequest::get(ECHO).session(&alice).with("X-Ims-Email: eve@example.com");
        let echo = forged.echo(&world).await;
        for name in FIELDS {
            let values = echo.all(name);
            assert_eq!(values.len(), 1, "{mode:?} {name}");
            assert_eq!(values[0].is_empty(), name == "x-ims-email", "{mode:?} {name}: {values:?}");
        }
        world.stop().await;
    }
}

fn trusted() -> Builder {
    World::builder().config(|config| config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
}

async fn auth(world: &World, session: Option<&str>, secrets: &[&str]) -> Answer {
    let mut ask = RawRequest::get("/ims/auth");
    if let Some(session) = session {
        ask = ask.session(session);
    }
    for secret in secrets {
        ask = ask.with(&format!("X-Ims-Auth-Secret: {secret}"));
    }
    ask.send_to(world).await
}

fn identity_fields(answer: &Answer) -> Vec<(&str, &str)> {
    FIELDS.iter().filter_map(|name| Some((*name, answer.field(name)?))).collect()
}

#[tokio::test]
async fn a_trusted_proxy_gets_every_identity_header() {
    let world = trusted().start().await;
    let browser = world.signed_in("alice").await;
    let session = browser.session().unwrap();
    let answer = auth(&world, Some(&session), &[]).await;
    assert_eq!(answer.status(), 200);
    let fields = identity_fields(&answer);
    assert_eq!(fields.len(), FIELDS.len(), "{fields:?}");
    assert_eq!(fields[1..2], [("x-ims-email", "alice@example.com")]);
    assert_eq!(fields[3..4], [("x-campaign-groups", "delivery,workflow")]);
    assert_eq!(claims(&browser, fields[4].1).await["email"], "alice@example.com");

    // A proxy that copies only present fields must not forward those of the client.
    for nobody in [None, Some("bm9ib2R5")] {
        let answer = auth(&world, nobody, &[]).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(identity_fields(&answer), FIELDS.map(|name| (name, "")));
    }
    world.ims.faults().tamper_userinfo(FaultFrequency::Always, |info| info["email_verified"] = json!(false));
    let unverified = world.signed_in("erin").await.session().unwrap();
    let answer = auth(&world, Some(&unverified), &[]).await;
    assert_eq!(identity_fields(&answer)[1], ("x-ims-email", ""));
    world.stop().await;
}

#[tokio::test]
async fn a_script_of_the_same_origin_gets_only_the_status() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for secrets in [&[][..], &[""], &["x"]] {
        let answer = auth(&world, Some(&alice), secrets).await;
        assert_eq!(
            (answer.status(), identity_fields(&answer), answer.body.len()),
            (200, vec![], 0),
            "{secrets:?}"
        );
        let answer = auth(&world, None, secrets).await;
        assert_eq!((answer.status(), identity_fields(&answer)), (401, vec![]), "{secrets:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_proxy_that_sends_the_secret_gets_the_identity() {
    const SECRET: &str = "only-for-the-proxy-of-this-test";
    let world = World::builder()
        .config(|config| config.listen.forward_auth_secret = Some(SECRET.into()))
        .start()
        .await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let answer = auth(&world, Some(&alice), &[SECRET]).await;
    assert_eq!((answer.status(), identity_fields(&answer).len()), (200, FIELDS.len()));
    let prefix = &SECRET[..SECRET.len() - 1];
    let longer = format!("{SECRET}x");
    for wrong in [&[][..], &[""], &[prefix], &[&longer], &[SECRET, SECRET], &["x", SECRET]] {
        let answer = auth(&world, Some(&alice), wrong).await;
        assert_eq!((answer.status(), identity_fields(&answer)), (200, vec![]), "{wrong:?}");
    }
    let echo = RawRequest::get(ECHO)
        .session(&alice)
        .with(&format!("X-Ims-Auth-Secret: {SECRET}"))
        .echo(&world)
        .await;
    assert_eq!(echo.field("x-ims-auth-secret"), None, "Campaign does not hear it");
    world.stop().await;
}

#[tokio::test]
async fn reserved_names_of_every_family_are_removed() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let honest = RawRequest::get(ECHO).session(&alice).echo(&world).await;
    for field in [
        "X-Ims-Groups: eve",
        "X-Ims-Auth-Secret: eve",
        "X--Ims..User: eve",
        "Proxy: http://eve",
        "PROXY_HOST: eve",
        "X-Client-IP: eve",
        "True-Client-IP: eve",
        "CF_Connecting_IP: eve",
        "X-Forwarded-User: eve",
        "X_Forwarded_Email: eve",
        "Remote-User: eve",
        "REMOTE_USER: eve",
        "X.Remote.User: eve",
        "X-Auth-Request-Email: eve",
        "NLSSLURL: https://eve",
        "nl_ssl_url: https://eve",
        "X-HTTP-Method-Override: eve",
        "X_Method_Override: eve",
        "SSL_CLIENT_CERT: eve",
        "X-Host: eve",
        "X-Security-Zone: eve",
        "Content_Type: eve",
        "Authorization_: eve",
        "_X-Ims-User: eve",
        "X-User-Login: eve",
        "x_user_token: eve",
        "X-Login: eve",
        "X.Logon: eve",
        "X-Operator: eve",
        "X-Account: eve",
        "X-Uid: eve",
        "X-Group: eve",
        "X-Role-Name: eve",
        "X-Token: eve",
        "X-Identity-Token: eve",
        "X-Impersonate: eve",
        "X-On-Behalf-Of: eve",
        "X-Secure: eve",
        "Is-Https: eve",
        "SERVER_NAME: eve",
        "X-Peer-Address: eve",
        "Session-Token: eve",
        "Sec-Remote-User: eve",
        "Sec-X-Ims-User: eve",
        "Cookie2: __sessiontoken=eve",
        "Cookie: %5F%5Fsessiontoken=eve",
        "Cookie: %5%46%5%46sessiontoken=eve",
        "Cookie: %u005F%u005Fsessiontoken=eve",
        "Cookie: \u{ff3f}\u{ff3f}sessiontoken=eve",
        "Cookie: %255f_sessiontoken=eve",
        "Cookie: \"__sessiontoken\"=eve",
        "Cookie: __session\\token=eve",
        "Cookie: ..sessiontoken=eve",
        "Cookie: %5f%5FHost%2Dimsgate=eve",
    ] {
        let echo = RawRequest::get(ECHO).session(&alice).with(field).echo(&world).await;
        for name in FIELDS {
            assert_eq!(echo.field(name), honest.field(name), "{field:?} changed {name}");
        }
        for name in echo.names() {
            assert!(!echo.all(name).iter().any(|value| value.contains("eve")), "{field:?} passed as {name}");
        }
        // Also without a session.
        RawRequest::get("/r/test").with(field).send_to(&world).await;
        let seen = world.last_request();
        assert!(
            !seen.headers.iter().any(|(_, value)| value.contains("eve")),
            "{field:?}: {:?}",
            seen.headers
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn fields_that_campaigns_clients_send_reach_campaign() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let fields = [
        ("SOAPAction", "xtk:session#GetOption"),
        ("X-Query-Source", "@adobe/acc-js-sdk 1.2.0,test"),
        ("X-Requested-With", "XMLHttpRequest"),
        ("X-Security-Token", "@of-the-page"),
        ("ACC-SDK-Version", "@adobe/acc-js-sdk 1.2.0"),
        ("ACC-SDK-Auth", "ImsBearerToken"),
        ("ACC-SDK-Client-App", "test"),
        ("ACC-SDK-Call-Internal", "1"),
        ("ACC-SDK-Call-RetryCount", "1"),
        ("X-CSRF-Token", "1"),
        ("Sec-Fetch-User", "?1"),
        ("Sec-CH-UA-Platform", "Windows"),
        ("User-Agent", "nlclient"),
        ("Accept-Language", "de"),
        ("If-None-Match", "\"x\""),
        ("Range", "bytes=0-9"),
        ("Via", "1.1 somebody"),
        ("X-Custom", "yes"),
    ];
    let ask = fields.iter().fold(RawRequest::get(ECHO).session(&alice), |ask, (name, value)| {
        ask.with(&format!("{name}: {value}"))
    });
    let echo = ask.echo(&world).await;
    for (name, value) in fields {
        assert!(echo.all(&name.to_ascii_lowercase()).contains(&value), "{name}");
    }
    world.stop().await;
}
