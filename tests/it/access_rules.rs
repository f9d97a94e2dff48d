//! Access without a session: challenges, public and closed paths, hosts and methods.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use imsgate::demo::campaign::Recorded;
use serde_json::json;

use crate::support::World;
use crate::support::http1::Answer;
use crate::support::request::{self, RawRequest};

#[tokio::test]
async fn without_a_session_each_kind_of_client_gets_its_own_challenge_and_nothing_of_campaign() {
    let world = World::start().await;

    for navigation in [
        RawRequest::get("/view/home").with("Accept: text/html"),
        RawRequest::get("/view/home").with("Sec-Fetch-Mode: navigate"),
        RawRequest::get("/").navigation(),
        RawRequest::get("/no/such/page?x=/r/test").navigation(),
    ] {
        let answer = navigation.send_to(&world).await;
        assert_eq!(answer.status(), 303);
        let location = answer.field("location").unwrap();
        assert!(location.starts_with(&format!("{}/ims/authorize/v2?", world.ims.url())), "{location}");
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
    }

    for program in [
        RawRequest::get("/view/home"),
        RawRequest::get("/view/home").with("Accept: */*"),
        RawRequest::get("/view/home").navigation().with("X-Requested-With: XMLHttpRequest"),
        RawRequest::get("/view/home").with("Accept: text/html").with("Sec-Fetch-Mode: cors"),
        RawRequest::get("/view/home").with("Sec-Fetch-Mode: navigate").with("Sec-Fetch-Dest: image"),
        RawRequest::post("/view/home", "a=b").navigation(),
        RawRequest::new("DELETE", "/view/home"),
        RawRequest::new("gEt", "/view/home").navigation(),
        RawRequest::get("/demo/ws")
            .with("Upgrade: websocket")
            .with("Sec-WebSocket-Version: 13")
            .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        RawRequest::get("/view/home").with("Authorization: Bearer junk"),
        RawRequest::get("/view/home").with("Cookie: __sessiontoken=___C8B4A541-48DC-4C97-95AD-066930FD3892"),
        RawRequest::get("/view/home").with("Cookie: __Host-imsgate=AAAAAAAAAAAAAAAAAAAAAA"),
    ] {
        let answer = program.send_to(&world).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.field("content-type"), Some("application/json"));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.text(), r#"{"error":"login_required","login":"/ims/login"}"#);
    }

    let envelope = "<SOAP-ENV:Envelope/>";
    for soap in [
        RawRequest::post("/nl/jsp/soaprouter.jsp", envelope).with("Content-Type: text/xml; charset=utf-8"),
        RawRequest::post("/nl/jsp/soaprouter.jsp?soapAction=xtk%3Asession%23Logon", envelope),
        RawRequest::post("/anything", envelope).with("SOAPAction: \"xtk:session#Logon\""),
        RawRequest::post("/anything", envelope).with("Content-Type: application/soap+xml;charset=UTF-8"),
        RawRequest::post("/nl/jsp/soaprouter.jsp", envelope).with("Authorization: Bearer junk"),
    ] {
        let answer = soap.send_to(&world).await;
        assert_eq!(answer.status(), 403);
        assert!(answer.field("content-type").unwrap().starts_with("text/xml"), "{:?}", answer.head);
        let fault = "XSV-350008 Session has expired or is invalid. Please reconnect.";
        assert!(answer.text().contains(fault), "{}", answer.text());
    }

    assert_eq!(reached(&world), [""; 0]);
    world.stop().await;
}

#[tokio::test]
async fn public_paths_are_open_and_carry_no_identity() {
    let world = World::start().await;
    let paths = [
        "/r/test",
        "/r/",
        "/r/?id=h1,2,3",
        "/nl/jsp/m.jsp",
        "/nl/jsp/s.jsp",
        "/nms/jsp/webForm.jsp?fo=1",
        "/nms/jsp/barcode.jsp",
        "/nms/jsp/captcha.jsp",
        "/xtk/jsp/zoneinfo.jsp",
        "/x/sc.jssp",
        "/x/interactionProposal.jssp",
        "/x/zoneJson.jssp",
        "/x/facebookCallback.jssp",
        "/webApp/landing",
        "/jssp/pubX",
        "/strings/pub/a",
        "/interaction/a",
        "/barcode/a",
        "/lineImage/a",
        "/res/10",
        "/nms/mobile/1/registerIOS.jssp",
        "/nms/mobile/1/registerAndroid.jssp",
        "/favicon.ico",
        "/robots.txt",
    ];
    for method in ["GET", "POST", "OPTIONS"] {
        for path in paths {
            let forged = RawRequest::new(method, path)
                .with("X-Ims-User: eve")
                .with("X_Ims_Email: eve@example.com")
                .with("X-Ims-Organization: eve")
                .with("x-campaign_groups: admin")
                .with("X-Ims-Assertion: e.v.e")
                .with("Authorization: Bearer eve")
                .with("X-Session-Token: eve")
                .with(
                    "Cookie: uuid230=1; __sessiontoken=eve; __Host-imsgate=eve; __Host-imsgate-login-eve=1",
                );
            forged.send_to(&world).await;
        }
    }
    assert_eq!(reached(&world), paths.repeat(3), "each reached Campaign");
    for request in world.campaign.requests() {
        let spoken: Vec<_> = request.headers.iter().filter(|(_, value)| value.contains("eve")).collect();
        assert!(spoken.is_empty(), "{} {spoken:?}", request.path_and_query);
        assert_eq!(request.header("cookie"), Some("uuid230=1"), "what concerns neither session passes");
        let identity =
            request.headers.iter().find(|(name, _)| name.starts_with("x-ims") || name.contains("group"));
        assert_eq!(identity, None, "{}", request.path_and_query);
    }
    assert_eq!(RawRequest::get("/r/test").send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn nothing_in_a_request_makes_another_path_public() {
    let world = World::start().await;
    for path in [
        "/view/home?x=/r/test",
        "/view/home?/r/test",
        "/r",
        "/R/test",
        "/rx/test",
        "/r/x;a",
        "/r;x/test",
        "/r/%3b",
        "/r/x%3B/y",
        "/r/%252e%252e/view/home",
        "/r/%252fview",
        "/view/home.jssp/sc.jssp;x",
        "/%72/test",
        "/robots.txt/x",
        "/nl/jsp/m.jsp/x",
        "/nl/jsp/soaprouter.jsp%3fx/sc.jssp",
        "/nl/jsp/soaprouter.jsp%23/sc.jssp",
        "/nl/jsp/soaprouter.jsp/sc.jssp",
        "/nl/jsp/soaprouter.JSP/x/interactionProposal.jssp",
        "/nl/jsp/soaprouter.js%70/sc.jssp",
        "/nms/x.jssp/zoneJson.jssp",
        "/view/home%23/sc.jssp",
        "/view/home%3F/sc.jssp",
        "/view/home%253f/sc.jssp",
        "/view/home%EF%BC%9F/sc.jssp",
        "/r/%25c0%25ae%25c0%25ae/view",
        "/r/%25EF%25BC%258F/view",
        "/r/%25C2%2580",
        "/r/x%252e/y",
        "/r/x%2520/y",
        "/r/x%253ay",
        "/r/..%C2%A5view",
    ] {
        assert_eq!(RawRequest::get(path).send_to(&world).await.status(), 401, "{path}");
    }
    for field in [
        "User-Agent: GoogleHC/1.0",
        "X-Original-URL: /r/test",
        "X-Rewrite-URL: /r/test",
        "X-Forwarded-Uri: /r/test",
        "X-Original-URI: /r/test",
        "X-HTTP-Method-Override: OPTIONS",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Prefix: /r",
        "X-Ims-User: alice",
    ] {
        for method in ["GET", "OPTIONS", "HEAD"] {
            let answer = RawRequest::new(method, "/view/home").with(field).send_to(&world).await;
            assert_eq!(answer.status(), 401, "{method} {field}");
        }
    }
    assert_eq!(reached(&world), [""; 0]);
    world.stop().await;
}

#[tokio::test]
async fn closed_paths_are_closed_to_everybody() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    for path in [
        "/nl/jsp/ooconv.jsp",
        "/nl/jsp/OOConv.jsp?x=1",
        "/nl/jsp/%6foconv.jsp",
        "/nl//jsp///ooconv.jsp",
        "/nl/jsp;x/ooconv.jsp",
        "/res/x.jsp",
        "/res/a/b.JSPX",
        "/res/x%2Ejsp",
        "//res/x.jsp",
        "/res/x.jsp;a",
        "/RES/x.JSP",
        "/%52es/x.jSp",
        "/res/x%252ejsp",
        "/re%C5%BF/x.jsp",
        "/res/x.js\u{ff50}",
        "/res%252e/x.jsp",
        "/nl/jsp/ooconv.jsp%3fx",
        "/nl/jsp/ooconv.jsp/x",
        "/nl/jsp/OOCONV~1.JSP",
    ] {
        for ask in [
            RawRequest::get(path),
            RawRequest::get(path).session(&alice),
            RawRequest::post(path, "a").session(&alice),
        ] {
            let answer = ask.send_to(&world).await;
            assert_eq!((answer.status(), &answer.json()["error"]), (403, &json!("closed")), "{path}");
        }
        let page = RawRequest::get(path).navigation().session(&alice).send_to(&world).await;
        assert_eq!(page.status(), 403);
        assert!(page.field("content-type").unwrap().starts_with("text/html"));
    }
    assert_eq!(reached(&world), [""; 0]);
    world.stop().await;
}

#[tokio::test]
async fn a_health_probe_needs_no_host() {
    let world = World::start().await;
    let own = request::host(&world).to_owned();
    let status = async |head: &str| {
        let mut line = request::connect(&world).await;
        line.send(format!("{head}\r\n\r\n")).await;
        line.answer(false).await.unwrap().status()
    };
    for path in ["/ims/health/live", "/ims/health/ready", "/ims/health/sign-in"] {
        assert_eq!(status(&format!("GET {path} HTTP/1.0")).await, 200, "{path}");
        assert_eq!(status(&format!("GET {path} HTTP/1.0\r\nHost:")).await, 200, "{path}");
        // A request that names two hosts is not a health probe.
        assert_eq!(status(&format!("GET {path} HTTP/1.0\r\nHost: {own}\r\nHost: x")).await, 400, "{path}");
    }
    for path in ["/ims/health", "/ims/healthy", "/ims/login", "/r/test", "/ims/health/../login"] {
        assert_eq!(status(&format!("GET {path} HTTP/1.0")).await, 400, "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_request_must_have_exactly_one_host_of_the_gateway() {
    let world = World::builder()
        .instance(|instance| instance.campaign.hosts = vec!["track.example.com".to_owned()])
        .start()
        .await;
    let own = request::host(&world).to_owned();
    let get = RawRequest::get("/r/test");

    for host in [own.as_str(), "LOCALHOST", "localhost:1", "track.example.com", "Track.Example.com:443"] {
        assert_eq!(get.for_host(&world, host).await.status(), 200, "{host}");
    }
    world.campaign.forget_requests();
    for host in ["evil.example.com", "localhost.evil.example.com", "127.0.0.1", "xlocalhost", "[::1]"] {
        let answer = get.for_host(&world, host).await;
        assert_eq!((answer.status(), &answer.json()["error"]), (421, &json!("unknown_host")), "{host}");
        assert_eq!(
            RawRequest::get("/ims/login").navigation().for_host(&world, host).await.status(),
            421,
            "{host}"
        );
        // Health probes use the address.
        assert_eq!(RawRequest::get("/ims/health/live").for_host(&world, host).await.status(), 200);
        assert_eq!(RawRequest::get("/ims/health/ready").for_host(&world, host).await.status(), 200);
        assert_eq!(RawRequest::get("/ims/health/sign-in").for_host(&world, host).await.status(), 200);
        assert_eq!(RawRequest::get("/ims/health/../../view/home").for_host(&world, host).await.status(), 400);
    }
    for host in
        ["", "localhost/x", "localhost evil", "evil@localhost", "localhost,evil", "localhost?", "locälhost"]
    {
        assert_eq!(get.for_host(&world, host).await.status(), 400, "{host}");
    }
    for (target, hosts) in [
        ("/r/test", vec![]),
        ("/r/test", vec![own.clone(), own.clone()]),
        ("/r/test", vec![own.clone(), "evil.example.com".to_owned()]),
        ("https://localhost/r/test", vec!["evil.example.com".to_owned()]),
        ("https://evil.example.com/r/test", vec![own.clone()]),
        ("http://evil@localhost/r/test", vec![own.clone()]),
    ] {
        let hosts = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect::<Vec<_>>().concat();
        let request = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        assert_eq!(request::send(&world, &request).await.unwrap().status(), 400, "{request}");
    }
    assert_eq!(reached(&world), [""; 0]);

    let absolute = RawRequest::get(&format!("https://{own}/r/test")).send_to(&world).await;
    assert_eq!((absolute.status(), reached(&world)), (200, vec!["/r/test".to_owned()]));
    world.stop().await;
}

#[tokio::test]
async fn authority_and_host_over_http2_must_agree() {
    let world = World::start().await;
    let own = request::host(&world).to_owned();
    let mut sender = request::http2::<Empty<Bytes>>(&world).await;
    for (authority, host, expected) in [
        (own.as_str(), None, StatusCode::OK),
        (&own, Some(own.as_str()), StatusCode::OK),
        (&own, Some("evil.example.com"), StatusCode::BAD_REQUEST),
        ("evil.example.com", Some(&own), StatusCode::BAD_REQUEST),
        ("evil.example.com", None, StatusCode::MISDIRECTED_REQUEST),
        ("evil.example.com", Some("evil.example.com"), StatusCode::MISDIRECTED_REQUEST),
    ] {
        let mut request = Request::get(format!("https://{authority}/r/test"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), expected, "{authority} {host:?}");
        answer.into_body().collect().await.unwrap();
    }
    assert_eq!(reached(&world), ["/r/test", "/r/test"]);
    for request in world.campaign.requests() {
        assert_eq!(request.header("host"), Some(own.as_str()));
    }
    world.stop().await;
}

#[tokio::test]
async fn methods_for_proxies_are_refused() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    world.campaign.forget_requests();
    for (method, target) in [("TRACE", "/demo/echo"), ("CONNECT", "/demo/echo"), ("CONNECT", "localhost:80")]
    {
        let answer = request::send(
            &world,
            RawRequest::new(method, target).session(&alice).bytes(request::host(&world)),
        )
        .await;
        let status = answer.as_ref().map_or(0, Answer::status);
        assert!(matches!(status, 400 | 405), "{method} {target}: {answer:?}");
    }
    assert_eq!(reached(&world), [""; 0]);
    world.stop().await;
}

/// Path and query of every request that reached Campaign.
fn reached(world: &World) -> Vec<String> {
    world.campaign.requests().into_iter().map(|Recorded { path_and_query, .. }| path_and_query).collect()
}
