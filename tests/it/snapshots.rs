//! One configuration replaces another while requests are served.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use imsgate::internal::PublicPaths;

use crate::support::{World, eventually};

/// A path whose response takes 600 ms.
const SLOW: &str = "/demo/slow/600";
/// A path that is public in only one of the two configurations. Campaign itself needs no session for it.
const PATH: &str = "/r/test";

fn public(world: &World, is_public: bool) -> imsgate::config::Config {
    world.changed(|config| {
        let mut instance = (*config.instances[0]).clone();
        instance.campaign.public_paths = PublicPaths::parse(is_public.then_some(PATH)).unwrap();
        config.instances[0] = Arc::new(instance);
    })
}

#[tokio::test]
async fn a_request_is_served_with_one_configuration_while_another_replaces_it() {
    let world = World::start().await;
    let (closed, open) = (public(&world, false), public(&world, true));
    let alice = world.signed_in("alice").await;
    let stranger = world.browser();
    world.gateway.apply(&closed);
    assert_eq!(stranger.get_json(PATH).await.status, StatusCode::UNAUTHORIZED);

    // A request in progress ends as it began.
    let slow = alice.get(SLOW);
    let swap = async {
        eventually(async || world.campaign.requests().iter().any(|r| r.path_and_query == SLOW)).await;
        world.gateway.apply(&open);
        stranger.get_json(PATH).await.status
    };
    let (slow, status) = tokio::join!(slow, swap);
    assert_eq!((slow.status, status), (StatusCode::OK, StatusCode::OK));

    // Under load every response belongs to one of the two, and the session lives on in both.
    let load = async {
        for _ in 0..100 {
            let status = stranger.get_json(PATH).await.status;
            assert!([StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
            assert_eq!(alice.get_json(PATH).await.status, StatusCode::OK);
        }
    };
    let swaps = async {
        loop {
            // Long enough for some requests with each configuration.
            world.gateway.apply(&closed);
            tokio::time::sleep(Duration::from_millis(3)).await;
            world.gateway.apply(&open);
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    tokio::select! {
        () = load => {}
        () = swaps => {}
    }
    world.gateway.apply(&closed);
    assert_eq!(stranger.get_json(PATH).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::OK);
    world.stop().await;
}
