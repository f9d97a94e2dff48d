//! Work that has begun is finished even if the client disconnects.

use std::time::Duration;

use http::StatusCode;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse as Fault};
use imsgate::demo::ims::ImsEndpoint;

use crate::support::World;
use crate::support::request::{self, RawRequest};
use crate::support::saved_form::{AFTER_IDLE_TIMEOUT, URLENCODED, confirmation, form, received, send};

#[tokio::test]
async fn a_logout_reaches_campaign_and_ims_when_the_browser_disconnects() {
    let world = World::builder().instance(|it| it.ims.timeout = Duration::from_secs(1)).start().await;
    let session = world.signed_in("alice").await.session().unwrap();
    let asked = || world.ims.requests_to(ImsEndpoint::Revoke);
    // While IMS does not answer the first of two revocations, the browser disconnects.
    world.ims.faults().answer(ImsEndpoint::Revoke, FaultFrequency::Once, Fault::Never);
    let logout =
        RawRequest::post("/ims/logout", "").session(&session).with(&format!("Origin: {}", world.origin));
    let mut line = request::connect(&world).await;
    line.send(logout.bytes(request::host(&world))).await;
    world.eventually(|| asked() == 1).await;
    drop(line);
    world.eventually(|| !world.ims.revoked().is_empty()).await;
    assert_eq!(world.campaign.logoffs().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_form_that_meets_a_restarted_campaign_is_still_saved() {
    let world = World::start().await;
    let browser = world.signed_in("alice").await;
    world.clock.advance(AFTER_IDLE_TIMEOUT);
    let kept = browser.request(form(&world, "/demo/echo/a", URLENCODED, "a=b")).await;
    let page = confirmation(&browser, kept).await;
    world.campaign.expire_all_sessions();

    let still = send(&world, &browser, &page).await;
    assert_eq!(still.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(still.text().contains("still saved"), "{}", still.text());
    let echo = send(&world, &browser, &browser.get("/ims/resume").await).await;
    assert_eq!(echo.json()["body_len"], 3, "{}", echo.text());
    // Campaign refused the first attempt without processing it.
    assert_eq!(received(&world).len(), 2);
    assert_eq!(send(&world, &browser, &page).await.status, StatusCode::GONE);
    world.stop().await;
}
