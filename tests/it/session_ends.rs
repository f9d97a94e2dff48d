//! A session that ends at one instance ends at all of them, with its WebSockets and event streams. It is logged off at Campaign and
//! revoked at IMS once.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use imsgate::app::Gateway;
use imsgate::demo::ims::Signing;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::request::RawRequest;
use crate::support::{Browser, Redis, World, admin, wire};

/// The open session, WebSocket and event stream at one instance.
struct Open {
    socket: WebSocketStream<wire::Stream>,
    events: RawConnection,
}

/// A world whose sessions are in Redis, and another instance of its gateway.
async fn two_instances(redis: &Redis) -> (World, Gateway) {
    let world = World::builder()
        .config(redis.keeps())
        .config(|config| config.listen.admin = Some(([127, 0, 0, 1], 0).into()))
        .start()
        .await;
    let other = world.neighbour().await;
    (world, other)
}

/// Ends a session at one instance and observes it at the other.
async fn ends_everywhere(what: &str, end: impl AsyncFnOnce(&World, &Browser)) {
    // Boxed: it holds two gateways.
    Box::pin(end_and_observe(what, end)).await;
}

async fn end_and_observe(what: &str, end: impl AsyncFnOnce(&World, &Browser)) {
    let Some(redis) = Redis::start() else { return };
    let (world, other) = two_instances(&redis).await;
    let (alice, bystander) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let session = alice.session().unwrap();
    let mut open = open_at(&world, &other, &session).await;
    let mut untouched = open_at(&world, &other, &bystander.session().unwrap()).await;
    let campaign: Vec<String> =
        world.campaign.sessions().into_iter().map(|session| session.session_token).collect();
    assert_eq!(campaign.len(), 2);

    let begun = Instant::now();
    end(&world, &alice).await;
    let (socket, events) = tokio::join!(closed(&mut open.socket), cut(&mut open.events));
    tracing::info!(what, after = ?begun.elapsed(), "felt at the other instance");
    assert!(socket && events, "{what}");
    assert_eq!(status(&world, &other, &session).await, 401, "{what}");
    assert_eq!(RawRequest::get("/demo/echo").session(&session).send_to(&world).await.status(), 401, "{what}");

    world.eventually(|| !world.campaign.logoffs().is_empty() && !world.ims.revoked().is_empty()).await;
    assert!(open_still(&mut untouched).await, "{what}: somebody else's");
    // Both instances have had the time to say it: what they are asked now comes later.
    assert_eq!(status(&world, &other, &bystander.session().unwrap()).await, 200);
    other.stop().await;
    assert_eq!(world.campaign.logoffs().len(), 1, "{what}: one Logoff");
    assert_eq!(world.ims.revoked().len(), 1, "{what}: the refresh token takes its access token with it");
    assert_eq!(world.campaign.sessions().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_logout_takes_effect_at_every_instance() {
    ends_everywhere("logout", async |_, alice| drop(alice.post_form("/ims/logout", &[]).await)).await;
}

#[tokio::test]
async fn signing_out_everywhere_takes_effect_at_every_instance() {
    ends_everywhere("everywhere", async |_, alice| {
        drop(alice.post_form("/ims/sign-out-everywhere", &[]).await);
    })
    .await;
}

#[tokio::test]
async fn an_operators_revoke_takes_effect_at_every_instance() {
    ends_everywhere("operator", async |world, _| {
        let answer = admin::ask(world, "DELETE", "/sessions?user=ALICE@example.com").await;
        assert_eq!((answer.status(), answer.json()["ended"].as_u64()), (200, Some(1)));
    })
    .await;
}

#[tokio::test]
async fn a_logout_at_the_provider_takes_effect_at_every_instance() {
    ends_everywhere("back-channel", async |world, _| {
        let session = world.ims.sessions_of("alice").remove(0);
        let token =
            world.ims.logout_token(&Signing::Honest, |_, claims| claims["sid"] = session.into()).unwrap();
        let answer = world.browser().post_form("/ims/backchannel-logout", &[("logout_token", &token)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    })
    .await;
}

#[tokio::test]
async fn a_time_out_takes_effect_at_every_instance_with_one_cleanup() {
    let Some(redis) = Redis::start() else { return };
    let (world, other) = two_instances(&redis).await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let mut open = open_at(&world, &other, &alice).await;
    world.clock.advance(Duration::from_hours(12));
    let (socket, events) = tokio::join!(closed(&mut open.socket), cut(&mut open.events));
    assert!(socket && events);
    world.eventually(|| !world.campaign.logoffs().is_empty() && !world.ims.revoked().is_empty()).await;
    other.stop().await;
    assert_eq!((world.campaign.logoffs().len(), world.ims.revoked().len()), (1, 1));
    world.stop().await;
}

#[tokio::test]
async fn sessions_of_a_stopped_instance_are_cleaned_up_by_another() {
    let Some(redis) = Redis::start() else { return };
    let (world, other) = two_instances(&redis).await;
    world.signed_in("alice").await;
    // An instance that has never seen this session and starts after its login.
    let third = world.neighbour().await;
    other.stop().await;
    let World { clock, ims, campaign, gateway, .. } = world;
    gateway.stop().await;
    clock.advance(Duration::from_hours(13));
    let begun = Instant::now();
    while campaign.logoffs().is_empty() || ims.revoked().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "no Logoff came");
        // The instance may have loaded the session just now, and checks it again within the idle time-out.
        clock.advance(Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    third.stop().await;
    assert_eq!(campaign.logoffs().len(), 1);
}

#[tokio::test]
async fn campaign_and_ims_are_told_of_a_time_out_with_every_store() {
    let directory = tempfile::tempdir().unwrap();
    let (path, key_file) = (directory.path().join("sessions.redb"), directory.path().join("key"));
    let embedded = imsgate::config::Store::Embedded { path, key_file };
    for store in [imsgate::config::Store::Memory { max_sessions: 100 }, embedded] {
        let world = World::builder().config(move |config| config.session.store = store).start().await;
        world.signed_in("alice").await;
        world.clock.advance(Duration::from_mins(31));
        world.eventually(|| world.campaign.logoffs().len() == 1 && world.ims.revoked().len() == 1).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn a_session_that_expires_while_the_gateway_is_down_is_cleaned_up_by_the_sweep() {
    let directory = tempfile::tempdir().unwrap();
    let (path, key_file) = (directory.path().join("sessions.redb"), directory.path().join("key"));
    let store = imsgate::config::Store::Embedded { path, key_file };
    let world = World::builder().config(move |config| config.session.store = store).start().await;
    world.signed_in("alice").await;
    let again = world.restarted_after(Duration::from_hours(13)).await;
    again.eventually(|| again.campaign.logoffs().len() == 1 && again.ims.revoked().len() == 1).await;
    again.stop().await;
}

#[tokio::test]
async fn a_session_cleanup_is_retried_and_finished_before_the_stop() {
    use imsgate::demo::faults::{FaultFrequency, InjectedResponse};
    let world = World::builder().start().await;
    let (one, two) = (world.signed_in("alice").await, world.signed_in("alice").await);
    world.ims.faults().answer(
        imsgate::demo::ims::ImsEndpoint::Revoke,
        FaultFrequency::Once,
        InjectedResponse::Status(503),
    );
    // The session of the second browser ends beside its requests.
    one.post_form("/ims/sign-out-everywhere", &[]).await;
    assert_eq!(two.get_json("/view/home").await.status, 401);
    let World { ims, campaign, gateway, .. } = world;
    gateway.stop().await;
    assert_eq!(campaign.logoffs().len(), 2);
    assert_eq!(ims.revoked().len(), 2);
}

async fn open_at(world: &World, gateway: &Gateway, session: &str) -> Open {
    let mut request = "ws://localhost/demo/ws".into_client_request().unwrap();
    let cookie = format!("__Host-imsgate={session}").parse().unwrap();
    request.headers_mut().insert("cookie", cookie);
    let (socket, _) = client_async(request, world.connect_to(gateway).await).await.unwrap();
    let mut events = RawConnection::new(world.connect_to(gateway).await);
    events.send(RawRequest::get("/demo/events").session(session).keep_alive("localhost")).await;
    let head = events.head().await.unwrap();
    assert_eq!(head.status(), 200);
    Open { socket, events }
}

async fn status(world: &World, gateway: &Gateway, session: &str) -> u16 {
    let mut line = RawConnection::new(world.connect_to(gateway).await);
    line.send(RawRequest::get("/demo/echo").session(session).bytes("localhost")).await;
    line.answer(false).await.unwrap().status()
}

async fn closed(socket: &mut WebSocketStream<wire::Stream>) -> bool {
    let next = tokio::time::timeout(PATIENCE, socket.next()).await;
    matches!(next, Ok(None | Some(Err(_))))
}

/// True when the event stream ends. Earlier events are skipped.
async fn cut(events: &mut RawConnection) -> bool {
    let end = async { while events.chunk().await.is_ok_and(|event| !event.is_empty()) {} };
    tokio::time::timeout(PATIENCE, end).await.is_ok()
}

/// True when more events arrive and the WebSocket is not closed.
async fn open_still(open: &mut Open) -> bool {
    let event = open.events.chunk().await;
    let socket = tokio::time::timeout(Duration::ZERO, open.socket.next()).await;
    event.is_ok_and(|event| !event.is_empty()) && socket.is_err()
}
