//! From the first request to the session.

use http::StatusCode;

use crate::support::World;

#[tokio::test]
async fn a_person_of_a_matching_group_gets_to_the_page_they_wanted() {
    let world = World::start().await;
    let browser = world.browser();
    let answer = browser.sign_in("alice", "/view/home?tab=1&q=a%20b").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/view/home?tab=1&q=a%20b"));
    let home = browser.follow(&answer).await;
    assert_eq!(home.status, StatusCode::OK, "{}", home.text());
    let home = browser.over_http2().get("/view/home").await;
    assert_eq!(home.status, StatusCode::OK, "{}", home.text());
    world.stop().await;
}
