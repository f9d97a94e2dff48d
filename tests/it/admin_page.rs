//! The admin page: who gets in, what it shows, and what it changes.

mod served;

use http::StatusCode;

use crate::support::admin::{admin_get, send, with_admin};
use crate::support::http1::Answer;
use crate::support::request::RawRequest;
use crate::support::{Builder, World, logs};

/// The admin token of these tests.
const TOKEN: &str = "the-token-of-the-test";
/// What a browser sends with a form of the page.
const OWN: &str = "Origin: http://127.0.0.1";
/// The pages of the navigation, except the configuration: these gateways have no configuration file.
const PAGES: [&str; 4] =
    ["/admin", "/admin/sessions", "/admin/sign-ins", "/admin/why?about=alice@example.com"];

fn with_token() -> Builder {
    with_admin().config(|config| config.listen.admin_token = Some(TOKEN.to_owned().into()))
}

async fn post(world: &World, path: &str, form: &str, fields: &[&str]) -> Answer {
    let request = RawRequest::post(path, form).with("Content-Type: application/x-www-form-urlencoded");
    send(world, &fields.iter().fold(request, |request, field| request.with(field))).await
}

/// Signs in. Returns the field with the cookie.
async fn sign_in(world: &World) -> String {
    let answer = post(world, "/admin/sign-in", &format!("token={TOKEN}"), &[OWN]).await;
    assert_eq!((answer.status(), answer.field("location")), (303, Some("/admin")), "{}", answer.text());
    let cookie = answer.field("set-cookie").unwrap();
    format!("Cookie: {}", cookie.split(';').next().unwrap())
}

/// Gets a page with this cookie.
async fn page(world: &World, path: &str, cookie: &str) -> Answer {
    send(world, &RawRequest::get(path).with(cookie)).await
}

#[tokio::test]
async fn without_a_token_the_page_is_off_and_says_how_to_switch_it_on() {
    let world = with_admin().start().await;
    for path in ["/", "/admin", "/admin/sessions", "/admin/sign-in", "/admin/style.css", "/admin/nothing"] {
        let answer = admin_get(&world, path, "127.0.0.1").await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(answer.text().contains("admin_token_file = "), "{path}: {}", answer.text());
    }
    assert_eq!(post(&world, "/admin/sign-in", "token=", &[OWN]).await.status(), 404);
    // Without a token in the configuration, programs need none.
    assert_eq!(admin_get(&world, "/sessions", "127.0.0.1").await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn the_page_opens_with_the_token_and_a_cookie_that_is_not_the_token() {
    let world = with_token().start().await;
    for path in PAGES {
        let answer = admin_get(&world, path, "127.0.0.1").await;
        assert_eq!((answer.status(), answer.field("location")), (303, Some("/admin/sign-in")), "{path}");
    }
    assert_eq!(admin_get(&world, "/", "127.0.0.1").await.field("location"), Some("/admin"));
    let form = admin_get(&world, "/admin/sign-in", "127.0.0.1").await;
    assert!(form.text().contains("name=\"token\" type=\"password\""), "{}", form.text());

    let answer = post(&world, "/admin/sign-in", &format!("token={TOKEN}"), &[OWN]).await;
    let cookie = answer.field("set-cookie").unwrap().to_owned();
    assert!(!cookie.contains(TOKEN), "{cookie}");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/admin; HttpOnly; SameSite=Strict");
    assert!(pair.split_once('=').unwrap().1.len() >= 43, "256 random bits");
    let cookie = format!("Cookie: {pair}");
    for path in PAGES {
        let answer = page(&world, path, &cookie).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(!answer.text().contains(TOKEN), "{path}");
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.field("x-frame-options"), Some("DENY"));
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        let text = answer.text();
        for inline in ["<script", "<style", " style=", " onclick", "javascript:"] {
            assert!(!text.contains(inline), "{path}: {inline}");
        }
    }
    // The token itself is no cookie.
    let name = pair.split_once('=').unwrap().0;
    let forged = page(&world, "/admin", &format!("Cookie: {name}={TOKEN}")).await;
    assert_eq!(forged.status(), 303);

    let out = post(&world, "/admin/sign-out", "", &[OWN, &cookie]).await;
    assert!(out.field("set-cookie").unwrap().contains("Max-Age=0"), "{:?}", out.field("set-cookie"));
    assert_eq!(page(&world, "/admin", &cookie).await.status(), 303, "the cookie is worth nothing any more");
    assert!(!logs::say(TOKEN), "the token is in the log");
    world.stop().await;
}

#[tokio::test]
async fn wrong_tokens_are_refused_recorded_and_limited() {
    let world = with_token().start().await;
    for wrong in 0..5 {
        let answer = post(&world, "/admin/sign-in", &format!("token=wrong-{wrong}"), &[OWN]).await;
        assert_eq!((answer.status(), answer.field("set-cookie")), (403, None));
    }
    // From now on the right token is not compared either.
    let late = post(&world, "/admin/sign-in", &format!("token={TOKEN}"), &[OWN]).await;
    assert_eq!((late.status(), late.field("set-cookie")), (429, None));
    // The commands still work, because they have a count of their own.
    let ask = |token: &str| RawRequest::get("/sessions").bearer(token);
    assert_eq!(send(&world, &ask(TOKEN)).await.status(), 200);
    for _ in 0..5 {
        assert_eq!(send(&world, &ask("wrong")).await.status(), 401);
    }
    assert_eq!(send(&world, &ask(TOKEN)).await.status(), 429);
    let refused = logs::all("audit");
    let refused = |by: &str| {
        refused.iter().filter(|line| line.field("event") == "admin_refused" && line.field("by") == by).count()
    };
    assert!(refused("admin_page") >= 5 && refused("command") >= 5);
    logs::assert_audit_schema();
    world.stop().await;
}

#[tokio::test]
async fn programs_need_the_token_for_all_but_metrics_and_health() {
    let world = with_token().start().await;
    let alice = world.signed_in("alice").await;
    for open in ["/metrics", "/health"] {
        assert_eq!(admin_get(&world, open, "127.0.0.1").await.status(), 200, "{open}");
    }
    let cookie = sign_in(&world).await;
    for (method, path) in [
        ("GET", "/sessions"),
        ("GET", "/sessions?user=alice@example.com"),
        ("DELETE", "/sessions?user=alice@example.com"),
        ("DELETE", "/sessions/x"),
        ("GET", "/events"),
        ("GET", "/foreign-tokens"),
        ("GET", "/switches/maintenance"),
        ("POST", "/switches/maintenance"),
        ("POST", "/reload"),
        ("POST", "/reload/compare"),
        ("GET", "/nothing"),
        ("GET", "/metrics/"),
    ] {
        let request = RawRequest::new(method, path);
        for request in [request.clone(), request.clone().bearer("wrong-token-of-test"), request.with(&cookie)]
        {
            let answer = send(&world, &request).await;
            assert!([401, 429].contains(&answer.status()), "{method} {path}: {}", answer.status());
            assert!(answer.json()["error"].is_string(), "{path}");
        }
    }
    assert_eq!(alice.get_json("/view/home").await.status, StatusCode::OK);
    world.stop().await;

    let world = with_token().start().await;
    for path in ["/sessions", "/events", "/foreign-tokens"] {
        let answer = send(&world, &RawRequest::get(path).bearer(TOKEN)).await;
        assert_eq!(answer.status(), 200, "{path}");
        // A page in the browser of an operator is no program.
        let foreign = RawRequest::get(path).bearer(TOKEN).with("Origin: https://evil.example.com");
        assert_eq!(send(&world, &foreign).await.status(), 403, "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn only_a_form_of_the_page_itself_changes_something() {
    let world = with_token().start().await;
    let alice = world.signed_in("alice").await;
    let cookie = sign_in(&world).await;
    let end = "person=alice%40example.com";
    for fields in [
        &[][..],
        &["Origin: https://evil.example.com"],
        &["Origin: null"],
        &["Origin: http://127.0.0.1:1"],
        &["Origin: https://127.0.0.1"],
        &["Sec-Fetch-Site: cross-site", OWN],
        &["Sec-Fetch-Site: same-site"],
        &["Sec-Fetch-Site: none"],
    ] {
        let fields = [fields, &[cookie.as_str()]].concat();
        let answer = post(&world, "/admin/sessions/end-all", end, &fields).await;
        assert_eq!(answer.status(), 403, "{fields:?}");
        let answer = post(&world, "/admin/sign-in", &format!("token={TOKEN}"), &fields).await;
        assert_eq!((answer.status(), answer.field("set-cookie")), (403, None), "{fields:?}");
    }
    // Without the cookie, the form of the page is not enough.
    assert_eq!(post(&world, "/admin/sessions/end-all", end, &[OWN]).await.status(), 303);
    // A GET changes nothing.
    for path in ["/admin/sessions/end-all?person=alice@example.com", "/admin/sign-out"] {
        assert_eq!(page(&world, path, &cookie).await.status(), 405, "{path}");
    }
    assert_eq!(alice.get_json("/view/home").await.status, StatusCode::OK);
    // Another page may link to this one, and not load it as a part of itself.
    let load = RawRequest::get("/admin/sign-in").with("Sec-Fetch-Site: cross-site");
    assert_eq!(send(&world, &load).await.status(), 403);
    assert_eq!(send(&world, &load.navigation()).await.status(), 200);
    // DNS rebinding: the name of another page leads here.
    for host in ["evil.example.com", "127.0.0.1.evil.example.com"] {
        assert_eq!(admin_get(&world, "/admin/sign-in", host).await.status(), 421, "{host}");
    }
    assert_eq!(post(&world, "/admin/sessions/end-all", end, &[OWN, &cookie]).await.status(), 303);
    assert_eq!(alice.get_json("/view/home").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn a_session_is_found_and_ended_and_the_audit_trail_names_the_page() {
    let world = with_token().start().await;
    let (alice, again) = (world.signed_in("alice").await, world.signed_in("alice").await);
    let erin = world.signed_in("erin").await;
    let cookie = sign_in(&world).await;
    let all = page(&world, "/admin/sessions", &cookie).await.text();
    assert!(all.contains("3 sessions") && all.contains("erin@example.com"), "{all}");
    let found = page(&world, "/admin/sessions?person=ALICE%40example.com", &cookie).await.text();
    assert!(found.contains("2 sessions") && !found.contains("erin@example.com"), "{found}");
    assert!(found.contains("delivery, workflow"), "{found}");
    for secret in [alice.session().unwrap(), again.session().unwrap()] {
        assert!(!found.contains(&secret), "{found}");
    }
    let sid = found.split_once("name=\"sid\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let form = format!("sid={sid}&person=alice%40example.com");
    let ended = post(&world, "/admin/sessions/end", &form, &[OWN, &cookie]).await;
    let back = ended.field("location").unwrap().to_owned();
    assert_eq!((ended.status(), back.as_str()), (303, "/admin/sessions?person=alice%40example.com&ended=1"));
    assert!(page(&world, &back, &cookie).await.text().contains("1 session ended."));
    let is_live = async |browser: &crate::support::Browser| {
        browser.get_json("/view/home").await.status == StatusCode::OK
    };
    assert!(is_live(&alice).await != is_live(&again).await, "one of the two");
    let line = logs::all("audit")
        .into_iter()
        .find(|line| line.field("sid") == sid && line.field("event") == "revoked");
    let line = line.unwrap();
    assert_eq!((line.field("by"), line.field("peer"), line.field("ended")), ("admin_page", "127.0.0.1", "1"));

    let all = post(&world, "/admin/sessions/end-all", "person=alice%40example.com", &[OWN, &cookie]).await;
    assert_eq!(all.field("location"), Some("/admin/sessions?person=alice%40example.com&ended=1"));
    assert!(!is_live(&alice).await && !is_live(&again).await && is_live(&erin).await);
    assert_eq!(post(&world, "/admin/sessions/end-all", "person=", &[OWN, &cookie]).await.status(), 400);
    assert!(is_live(&erin).await, "an empty name ends no session");
    logs::assert_audit_schema();
    world.stop().await;
}

#[tokio::test]
async fn refusals_are_shown_with_reason_near_misses_and_fix() {
    let world = with_token().start().await;
    world.signed_in("alice").await;
    let refused = world.browser().sign_in("bob", "/view/home").await;
    let cookie = sign_in(&world).await;
    let sign_ins = page(&world, "/admin/sign-ins", &cookie).await.text();
    for part in [
        "alice@example.com",
        "bob@example.com",
        "<dt>Why</dt>",
        "<dt>Nearly</dt>",
        "<dt>Fix</dt>",
        "at the admin page",
    ] {
        assert!(sign_ins.contains(part), "{part}: {sign_ins}");
    }
    for about in ["BOB@example.com".to_owned(), refused.request_id()] {
        let why = page(&world, &format!("/admin/why?about={about}"), &cookie).await.text();
        assert!(why.contains("<dt>Nearly</dt>") && why.contains(&refused.request_id()), "{why}");
        assert!(!why.contains("alice@example.com"), "{why}");
    }
    let nothing = page(&world, "/admin/why?about=nobody@example.com", &cookie).await.text();
    assert!(nothing.contains("remembers no event about"), "{nothing}");
    // After an hour the list does not show it any more, but `why` does.
    world.clock.advance(std::time::Duration::from_mins(61));
    let cookie = sign_in(&world).await;
    let later = page(&world, "/admin/sign-ins", &cookie).await.text();
    assert!(!later.contains("bob@example.com"), "{later}");
    assert!(page(&world, "/admin/why?about=bob@example.com", &cookie).await.text().contains("Nearly"));
    world.stop().await;
}

#[tokio::test]
async fn what_others_wrote_is_text_on_the_page() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x>";
    let world = with_token()
        .ims(|options| {
            for person in options.people.iter_mut().filter(|person| person.username == "alice") {
                HOSTILE.clone_into(&mut person.name);
            }
        })
        .start()
        .await;
    world.signed_in("alice").await;
    let cookie = sign_in(&world).await;
    let encoded = "%3Cscript%3Ealert(1)%3C/script%3E%22'%3E%3Cimg%20src=x%3E";
    for path in [
        "/admin/sessions".to_owned(),
        format!("/admin/sessions?person={encoded}"),
        format!("/admin/why?about={encoded}"),
    ] {
        let text = page(&world, &path, &cookie).await.text();
        assert!(text.contains("&#60;script&#62;alert(1)"), "{path}: {text}");
        assert!(!text.contains("<script") && !text.contains("<img"), "{path}: {text}");
    }
    // A callback of anybody is in the list of refusals.
    let line = format!("/ims/callback?error={encoded}&state={encoded}");
    RawRequest::get(&line).send_to(&world).await;
    let text = page(&world, "/admin/sign-ins", &cookie).await.text();
    assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
    let search = RawRequest::get(&format!("/admin/sessions?ended={encoded}")).with(&cookie);
    assert_eq!(send(&world, &search).await.status(), 400);
    world.stop().await;
}

#[tokio::test]
async fn the_public_listener_has_no_admin_page() {
    let world = with_token().start().await;
    let cookie = sign_in(&world).await;
    for path in ["/admin", "/admin/sign-in", "/admin/style.css", "/admin/sessions"] {
        let request = RawRequest::get(path).with(&cookie).bearer(TOKEN);
        let answer = request.send_to(&world).await;
        assert!(!answer.text().contains("imsgate admin") && !answer.text().contains("admin token"), "{path}");
        assert_ne!(answer.status(), 200, "{path}");
        // Nor with the name of the admin listener.
        let admin = world.gateway.admin.unwrap().to_string();
        assert_eq!(request.for_host(&world, &admin).await.status(), 421, "{path}");
    }
    let form = RawRequest::post("/admin/sign-in", &format!("token={TOKEN}")).with(OWN);
    let answer = form.send_to(&world).await;
    assert_ne!(answer.field("location"), Some("/admin"));
    assert!(!answer.field("set-cookie").unwrap_or_default().contains("imsgate-admin"));
    world.stop().await;
}
