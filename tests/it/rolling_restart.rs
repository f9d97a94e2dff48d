//! Two instances: restarted one after the other, and with a store that stops answering and answers again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;

use crate::support::http1::RawConnection;
use crate::support::request::RawRequest;
use crate::support::{OpenLogin, Redis, World, eventually};

#[tokio::test]
async fn a_rolling_restart_loses_no_session_and_no_request() {
    let Some(redis) = Redis::start() else { return };
    let world = World::builder()
        .config(redis.keeps())
        .config(|config| config.listen.drain_timeout = Duration::from_secs(10))
        .start()
        .await;
    let mut instances = vec![world.neighbour().await, world.neighbour().await];
    let session = world.signed_in("alice").await.session().unwrap();
    let (answered, stopping) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    // Like a load balancer: connects to an instance that listens, and to the next one when it stops.
    let addresses =
        Arc::new(std::sync::Mutex::new(instances.iter().map(|one| one.https[0]).collect::<Vec<_>>()));
    let world = Arc::new(world);
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..6 {
        let (world, session, addresses) = (world.clone(), session.clone(), addresses.clone());
        let (answered, stopping) = (answered.clone(), stopping.clone());
        clients.spawn(async move {
            let path = if number % 2 == 0 { "/demo/slow/20" } else { "/demo/echo" };
            while !stopping.load(Ordering::Relaxed) {
                let address = {
                    let addresses = addresses.lock().unwrap();
                    addresses[answered.load(Ordering::Relaxed) % addresses.len()]
                };
                let Ok(stream) = tokio::net::TcpStream::connect(address).await else { continue };
                let Ok(stream) = world.connect_over(stream).await else { continue };
                let mut line = RawConnection::new(stream);
                line.send(RawRequest::get(path).session(&session).bytes("localhost")).await;
                let answer = line.answer(false).await.expect("an answer to every request");
                assert_eq!(answer.status(), 200, "{}", answer.text());
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let more = async |than: usize| {
        eventually(async || answered.load(Ordering::Relaxed) >= than + 30).await;
    };
    for _ in 0..2 {
        more(answered.load(Ordering::Relaxed)).await;
        let fresh = world.neighbour().await;
        let old = instances.remove(0);
        {
            // First out of rotation, then stopped.
            let mut addresses = addresses.lock().unwrap();
            addresses.retain(|address| *address != old.https[0]);
            addresses.push(fresh.https[0]);
        }
        instances.push(fresh);
        old.stop().await;
    }
    more(answered.load(Ordering::Relaxed)).await;
    stopping.store(true, Ordering::Relaxed);
    clients.join_all().await;
    assert!(world.campaign.logoffs().is_empty() && world.ims.revoked().is_empty());
    for instance in instances {
        instance.stop().await;
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn a_login_begun_at_one_instance_ends_at_another_and_its_state_is_used_once_by_all() {
    let Some(redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    let other = world.neighbour().await;
    let elsewhere = |path: &str| format!("https://localhost:{}{path}", other.https[0].port());
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    let cookie = browser.cookie(&login.cookie()).unwrap();
    let answer = browser.get(&elsewhere(&login.callback())).await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    assert_eq!(browser.get_json("/view/home").await.status, StatusCode::OK);
    // An attacker who has seen the whole login tries it again at both instances.
    for address in [login.callback(), elsewhere(&login.callback())] {
        let thief = world.browser();
        thief.plant(&login.cookie(), &cookie);
        world.assert_begins_again(&thief.get(&address).await);
    }
    assert_eq!(world.ims.token_requests().len(), 1, "the code was sent once");
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_store_outage_ends_no_session_and_a_login_can_be_finished_afterwards() {
    let Some(mut redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    let (alice, erin) = (world.signed_in("alice").await, world.signed_in("erin").await);
    let open = world.browser();
    let login = OpenLogin::begin(&open, "/view/home").await;
    redis.kill();
    assert_eq!(alice.get_json("/view/home").await.status, StatusCode::OK, "for the cache time");
    world.clock.advance(Duration::from_secs(10));
    for path in ["/view/home", "/ims/me", "/ims/auth"] {
        let answer = alice.get_json(path).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (StatusCode::SERVICE_UNAVAILABLE, "5"),
            "{path}"
        );
        assert_eq!(answer.set_cookies(), Vec::<String>::new(), "the cookie stays");
    }
    let page = alice.get("/view/home").await;
    assert!(page.text().contains("You have not been signed out"), "{}", page.text());
    let late = open.get(&login.callback()).await;
    assert_eq!((late.status, late.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert!(open.cookie(&login.cookie()).is_some(), "the login is not lost");
    assert!(late.session_cookie().is_none());
    let logout = erin.post_form("/ims/logout", &[]).await;
    assert_eq!(logout.status, StatusCode::SERVICE_UNAVAILABLE);
    redis.restart();
    // No restart of the gateway is needed.
    eventually(async || alice.get_json("/view/home").await.status == StatusCode::OK).await;
    let answer = open.get(&login.callback()).await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    assert_eq!(open.get_json("/view/home").await.status, StatusCode::OK);
    world.signed_in("alice").await;
    world.stop().await;
}

#[tokio::test]
async fn a_login_whose_session_cannot_be_stored_starts_again_on_every_reload() {
    let Some(redis) = Redis::start() else { return };
    let world = World::builder().config(redis.keeps()).start().await;
    let browser = world.browser();
    let login = OpenLogin::begin(&browser, "/view/home").await;
    // The store can record that a state was used, but cannot save a session.
    redis.ask("ACL SETUSER default resetkeys ~imsgate:*:once:*");
    let mut address = login.callback();
    for _ in 0..5 {
        let answer = browser.get(&address).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
        assert!(answer.session_cookie().is_none());
        // The reload leads to IMS, which knows the browser and sends it back with another code.
        let again = browser.get(&address).await;
        world.assert_begins_again(&again);
        address = browser.at_ims(&again, "alice").await.location().to_owned();
    }
    redis.ask("ACL SETUSER default allkeys");
    let answer = browser.get(&address).await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    assert_eq!(browser.get_json("/view/home").await.status, StatusCode::OK);
    world.stop().await;
}
