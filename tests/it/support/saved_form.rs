//! A browser whose form meets an ended session, up to the page that confirms it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use imsgate::demo::campaign::Recorded;

use crate::support::{Answer, Browser, World};

pub const URLENCODED: &str = "application/x-www-form-urlencoded";
/// Longer than the idle time-out.
pub const AFTER_IDLE_TIMEOUT: Duration = Duration::from_mins(31);

/// A form that a browser posts from a page of the gateway's origin.
pub fn form(world: &World, target: &str, kind: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(target)
        .header("accept", "text/html,*/*;q=0.8")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", "same-origin")
        .header("origin", &world.origin)
        .header("referer", format!("{}/view/home?draft=7", world.origin))
        .header("content-type", kind)
        .body(body.into())
        .unwrap()
}

/// Follows the redirects from a saved form through a silent sign-in to the confirmation page.
pub async fn confirmation(browser: &Browser, saved: Answer) -> Answer {
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    assert_eq!(saved.parameter("prompt").as_deref(), Some("none"));
    let at_ims = browser.follow(&saved).await;
    let arrived = browser.follow(&at_ims).await;
    assert!(arrived.location().starts_with("/ims/resume?"), "{} {}", arrived.location(), arrived.text());
    browser.follow(&arrived).await
}

/// The target and the id of each button on the confirmation page: first "Send now", then "Do not send".
pub fn buttons(page: &Answer) -> Vec<(String, String)> {
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let html = page.text();
    let of = |text: &str, start: &str| {
        let rest = text.split_once(start).unwrap().1;
        rest.split_once('"').unwrap().0.replace("&#38;", "&").replace("&#34;", "\"").replace("&#39;", "'")
    };
    html.split("<form ").skip(1).map(|form| (of(form, "action=\""), of(form, "value=\""))).collect()
}

/// Presses "Send now".
pub async fn send(world: &World, browser: &Browser, page: &Answer) -> Answer {
    let (target, id) = buttons(page).remove(0);
    browser.request(form(world, &target, "text/plain", format!("imsgate-kept={id}\r\n"))).await
}

/// The form posts that Campaign received.
pub fn received(world: &World) -> Vec<Recorded> {
    let is_form = |request: &Recorded| {
        request.method == "POST" && !request.path_and_query.starts_with("/nl/jsp/soaprouter.jsp")
    };
    world.campaign.requests().into_iter().filter(is_form).collect()
}

/// Ends the browser's session at IMS.
pub async fn forget_ims(world: &World, browser: &Browser) {
    let url = format!("{}/ims/logout/v1?client_id=Campaign1", world.ims.url());
    assert!(browser.get(&url).await.status.is_redirection());
}
