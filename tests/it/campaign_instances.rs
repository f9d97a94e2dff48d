//! Several Campaign instances in one process: sessions, cookies and tokens of one are not valid at another.
//!
//! `acme` is at `localhost`, `stage` at `127.0.0.1`, and `tracking` serves public paths only.

use http::StatusCode;

use crate::support::World;
use crate::support::account::token;
use crate::support::instances::{TRACKING, address_at_stage, stage, three_instances};
use crate::support::request::RawRequest;
use crate::support::saved_form::AFTER_IDLE_TIMEOUT;

async fn world() -> World {
    three_instances().start().await
}

#[tokio::test]
async fn each_host_has_its_instance_and_a_second_sign_in_asks_nobody() {
    let world = world().await;
    let alice = world.signed_in("alice").await;
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::OK);
    // The same browser at the other instance: it has to sign in there, and IMS knows the person.
    let to_ims = alice.get(&address_at_stage(&world, "/view/home")).await;
    assert!(to_ims.location().starts_with(&world.ims.url()), "{}", to_ims.location());
    let to_callback = alice.follow(&to_ims).await;
    assert!(to_callback.status.is_redirection(), "IMS shows no page: {}", to_callback.text());
    let signed_in = alice.follow(&to_callback).await;
    assert_eq!(signed_in.location(), "/view/home", "{}", signed_in.text());
    assert_eq!(alice.get_json(&address_at_stage(&world, "/ims/me")).await.status, StatusCode::OK);
    // Signing out at one leaves the other.
    alice.post_form("/ims/logout", &[]).await;
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(alice.get_json(&address_at_stage(&world, "/ims/me")).await.status, StatusCode::OK);
    let unknown = RawRequest::get("/r/test").for_host(&world, "other.example.com").await;
    assert_eq!(unknown.status(), 421);
    world.stop().await;
}

#[tokio::test]
async fn a_session_of_one_instance_means_nothing_at_another() {
    let world = world().await;
    let alice = world.signed_in("alice").await;
    let session = alice.session().unwrap();
    let before = world.campaign.requests().len();
    for path in ["/view/home", "/ims/me", "/ims/auth", "/ims/me/console-password"] {
        for extra in ["Accept: application/json", "X-Forwarded-Host: localhost", "X-Forwarded-For: 127.0.0.1"]
        {
            let request = RawRequest::get(path).session(&session).with(extra);
            let answer = request.for_host(&world, &stage(&world)).await;
            assert!([401, 405].contains(&answer.status()), "{path}: {}", answer.status());
        }
    }
    // It ends nothing there either.
    RawRequest::post("/ims/logout", "")
        .session(&session)
        .with("Sec-Fetch-Site: same-origin")
        .for_host(&world, &stage(&world))
        .await;
    RawRequest::get("/view/home?disconnect=true").session(&session).for_host(&world, &stage(&world)).await;
    assert_eq!(world.campaign.requests().len(), before, "nothing reached Campaign");
    assert_eq!(
        alice.get_json("/ims/me").await.status,
        StatusCode::OK,
        "the session lives on where it belongs"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_login_of_one_instance_is_not_finished_at_another() {
    let world = world().await;
    let alice = world.browser();
    let to_ims = alice.get("/view/home").await;
    let to_callback = alice.at_ims(&to_ims, "alice").await;
    let query = to_callback.target().query().unwrap().to_owned();
    let name = alice.open_logins().remove(0);
    let cookie = format!("{name}={}", alice.cookie(&name).unwrap());
    let callback = RawRequest::get(&format!("/ims/callback?{query}")).navigation();
    let answer = callback.with(&format!("Cookie: {cookie}")).for_host(&world, &stage(&world)).await;
    assert!(answer.field("location").unwrap().starts_with(&world.ims.url()), "another login begins");
    assert!(!answer.field("set-cookie").unwrap().starts_with("__Host-imsgate="), "nobody is signed in");
    // The code is still good at the instance whose login it is.
    let signed_in = alice.follow(&to_callback).await;
    assert_eq!(signed_in.location(), "/view/home", "{}", signed_in.text());
    // A return address never leads to the other instance.
    let there = address_at_stage(&world, "/view/home");
    let to = alice.get(&format!("/ims/login?return_to={there}")).await;
    assert_eq!(to.location(), "/");
    world.stop().await;
}

#[tokio::test]
async fn a_technical_account_of_one_instance_is_nobody_at_another() {
    let world = world().await;
    let request = RawRequest::get("/view/home").bearer(&token(&world)).with("Accept: application/json");
    assert_eq!(request.send_to(&world).await.status(), 200);
    assert_eq!(request.for_host(&world, &stage(&world)).await.status(), 401);
    assert_eq!(request.for_host(&world, TRACKING).await.status(), 403);
    assert_eq!(request.send_to(&world).await.status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn a_saved_form_of_one_instance_is_not_found_at_another() {
    let world = world().await;
    let alice = world.signed_in("alice").await;
    alice.follow(&alice.follow(&alice.get(&address_at_stage(&world, "/view/home")).await).await).await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let saved = alice.post_form("/xtk/demo/form", &[("label", "of acme")]).await;
    let names = saved.set_cookies();
    let form = names
        .iter()
        .find(|cookie| cookie.starts_with("__Host-imsgate-kept-"))
        .unwrap_or_else(|| panic!("{names:?}"));
    let form = form.split(';').next().unwrap();
    // A live session at the other instance, with the cookie of the form.
    let to_ims = alice.get(&address_at_stage(&world, "/view/home")).await;
    let callback = alice.at_ims(&to_ims, "alice").await;
    let signed_in = alice.follow(&callback).await;
    let session =
        signed_in.set_cookies().into_iter().find(|cookie| cookie.starts_with("__Host-imsgate=")).unwrap();
    let session = session.split(';').next().unwrap().to_owned();
    let page = RawRequest::get("/ims/resume").navigation().with(&format!("Cookie: {session}; {form}"));
    let answer = page.for_host(&world, &stage(&world)).await;
    assert_eq!((answer.status(), answer.field("location")), (303, Some("/")), "{}", answer.text());
    assert!(
        !world.campaign.requests().iter().any(|request| request.path_and_query.starts_with("/xtk/demo/form"))
    );
    world.stop().await;
}

#[tokio::test]
async fn an_instance_without_ims_serves_its_public_paths_and_nothing_else() {
    let world = world().await;
    let alice = world.signed_in("alice").await;
    let session = alice.session().unwrap();
    let before = world.campaign.requests().len();
    assert_eq!(RawRequest::get("/r/test").for_host(&world, TRACKING).await.status(), 200);
    assert_eq!(world.campaign.requests().len(), before + 1);
    let sent = world.last_request();
    assert_eq!((sent.header("host"), sent.header("x-ims-user")), (Some(TRACKING), None));
    for (path, status) in [
        ("/view/home", 403),
        ("/", 403),
        ("/nl/jsp/soaprouter.jsp", 403),
        ("/nl/jsp/logon.jsp", 403),
        ("/nms/imslogin.jssp", 403),
        ("/res/x.jsp", 403),
        ("/r/x;y", 403),
        ("/ims/login", 404),
        ("/ims/callback?code=x&state=y", 404),
        ("/ims/me", 404),
        ("/ims/auth", 404),
        ("/ims/jwks.json", 404),
        ("/ims/logout", 404),
        ("/ims/health/live", 200),
        ("/ims/health/ready", 200),
    ] {
        for request in [RawRequest::get(path), RawRequest::get(path).session(&session)] {
            let answer = request.navigation().for_host(&world, TRACKING).await;
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(answer.field("set-cookie"), None, "{path}");
            assert!(!answer.text().contains("href=\"/view/home\""), "{path}: a button that is refused too");
        }
    }
    // Tokens of Campaign are refused there too.
    let token = RawRequest::get("/r/test").with("Cookie: __sessiontoken=___ABC");
    let query = RawRequest::get("/r/test?__sessiontoken=admin/secret");
    assert_eq!(query.for_host(&world, TRACKING).await.status(), 403);
    token.for_host(&world, TRACKING).await;
    assert_eq!(world.last_request().header("cookie"), None, "the client's session cookie stays out");
    world.stop().await;
}
