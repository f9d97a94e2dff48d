//! OPTIONS with Max-Forwards (RFC 9110 §7.6.2).

use crate::support::World;
use crate::support::request::RawRequest;

#[tokio::test]
async fn max_forwards_is_decremented_and_answered_at_zero() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let ask = |method: &str, left: &str| {
        RawRequest::new(method, "/demo/echo").session(&alice).with(&format!("Max-Forwards: {left}"))
    };
    for (left, told) in [("7", "6"), ("1", "0"), ("many", "many")] {
        assert!(ask("OPTIONS", left).send_to(&world).await.status() < 500);
        assert_eq!(world.last_request().header("max-forwards"), Some(told), "{left}");
    }
    world.campaign.forget_requests();
    let answer = ask("OPTIONS", "0").send_to(&world).await;
    assert_eq!(answer.status(), 204);
    assert!(answer.field("allow").unwrap().contains("POST"));
    assert!(world.campaign.requests().is_empty());
    // It has no meaning for other methods.
    assert_eq!(ask("GET", "0").echo(&world).await.field("max-forwards"), Some("0"));
    world.stop().await;
}
