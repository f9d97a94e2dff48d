//! Addresses and cookies in Campaign's responses: addresses of an upstream, and http addresses of the public host, become addresses of
//! the public origin; every other address is unchanged.

use crate::support::World;
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};

const OTHER: &str = "track.example.com";

#[tokio::test]
async fn an_address_of_an_upstream_or_of_the_public_host_by_http_leads_to_the_public_origin() {
    let upstream = repeating().await;
    let world = world(&upstream, true).await;
    for (said, expected) in [
        ("Location: http://UPSTREAM/view/home?a=b#c", "https://PUBLIC/view/home?a=b#c"),
        ("Location: HTTPS://user:secret@UPSTREAM/x%2F\u{e9}", "https://PUBLIC/x%2F\u{e9}"),
        ("Location: //UPSTREAM/x", "https://PUBLIC/x"),
        ("Location: http://127.0.0.2/x", "https://PUBLIC/x"),
        ("Location: http://127.0.0.2:80?x", "https://PUBLIC?x"),
        ("Location: https://127.0.0.2", "https://PUBLIC"),
        ("Location: http://[0:0:0:0:0:0:0:1]:1/x", "https://PUBLIC/x"),
        ("Location: http://localhost/x", "https://PUBLIC/x"),
        ("Location: http://LocalHost:8080/x", "https://PUBLIC/x"),
        ("Location: http://track.example.com:8080/x", "https://track.example.com:PORT/x"),
        ("Content-Location: http://UPSTREAM/x", "https://PUBLIC/x"),
        ("Refresh: 5; url=http://UPSTREAM/x", "5; url=https://PUBLIC/x"),
        ("Refresh: 0,URL = 'http://localhost/x' and more", "0,URL = 'https://PUBLIC/x' and more"),
    ] {
        assert_eq!(
            answered(&world, &upstream, said, request::host(&world)).await,
            [filled(&world, &upstream, expected)]
        );
    }
    // The host that the client used.
    let location = answered(&world, &upstream, "Location: http://UPSTREAM/x", OTHER).await;
    assert_eq!(location, [format!("https://{OTHER}/x")]);
    world.stop().await;
}

#[tokio::test]
async fn every_other_address_passes_byte_for_byte() {
    let upstream = repeating().await;
    let world = world(&upstream, true).await;
    for said in [
        "Location: http://shop.example.com/landing?u=http://UPSTREAM/x",
        "Location: HTTP://Shop.Example.com:80/a b/%zz\u{ff}",
        "Location: http://UPSTREAM@shop.example.com/",
        "Location: http://shop.example.com\\@UPSTREAM/",
        "Location: http://127.0.0.1:9/x",
        "Location: http://127.0.0.2:8080/x",
        "Location: https://localhost:9443/x",
        "Location: http://localhost.example.com/x",
        "Location: ftp://UPSTREAM/x",
        "Location: /view/home?u=http://UPSTREAM/",
        "Location: view//UPSTREAM/x",
        "Location: ",
        "Content-Location: /x",
        "Refresh: 5",
        "Refresh: 5; url=http://shop.example.com/",
        "Refresh: never; url=http://UPSTREAM/",
        "Link: <http://UPSTREAM/x>; rel=next",
    ] {
        let passed = filled(&world, &upstream, said);
        let value = passed.split_once(": ").unwrap().1;
        assert_eq!(answered(&world, &upstream, said, request::host(&world)).await, [value]);
    }
    world.stop().await;
}

#[tokio::test]
async fn addresses_stay_as_they_are_when_that_is_configured() {
    let upstream = repeating().await;
    let world = world(&upstream, false).await;
    let location = answered(&world, &upstream, "Location: http://UPSTREAM/x", request::host(&world)).await;
    assert_eq!(location, [format!("{}/x", upstream.url)]);
    world.stop().await;
}

#[tokio::test]
async fn cookies_of_campaign_are_secure_and_belong_to_no_inner_host() {
    let upstream = repeating().await;
    let world = world(&upstream, true).await;
    for (said, expected) in [
        ("a=1; Path=/", "a=1; Path=/; Secure"),
        ("a=1; secure; HttpOnly", "a=1; secure; HttpOnly"),
        ("a=secure", "a=secure; Secure"),
        ("a=1; Domain=127.0.0.2; Path=/", "a=1; Path=/; Secure"),
        ("a=1;domain=.localhost;Secure", "a=1;domain=.localhost;Secure"),
        ("a=1; Domain=.shop.example.com", "a=1; Domain=.shop.example.com; Secure"),
    ] {
        let said = format!("Set-Cookie: {said}");
        assert_eq!(answered(&world, &upstream, &said, request::host(&world)).await, [expected], "{said}");
    }
    world.stop().await;
}

/// The values that a client gets of a field that Campaign sends.
async fn answered(world: &World, upstream: &Upstream, said: &str, host: &str) -> Vec<String> {
    let said = filled(world, upstream, said);
    let answer = RawRequest::get("/r/0").with(&format!("X-Say: {said}")).for_host(world, host).await;
    assert_eq!(answer.status(), 302, "{said}");
    answer.head.all(&said.split_once(':').unwrap().0.to_lowercase()).into_iter().map(str::to_owned).collect()
}

/// Replaces `UPSTREAM` and `PUBLIC` with host and port.
fn filled(world: &World, upstream: &Upstream, text: &str) -> String {
    let public = request::host(world);
    let port = public.split_once(':').unwrap().1;
    let inner = upstream.url.trim_start_matches("http://");
    text.replace("UPSTREAM", inner).replace("PUBLIC", public).replace("PORT", port)
}

/// Each response repeats the field in `X-Say` of its request.
async fn repeating() -> Upstream {
    Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        loop {
            let head = seen.request(&mut line).await?;
            let said = head.all("x-say").join("");
            line.send(format!("HTTP/1.1 302 Found\r\n{said}\r\nContent-Length: 0\r\n\r\n")).await;
        }
    })
    .await
}

/// With two more upstreams, where nothing listens.
async fn world(upstream: &Upstream, rewrite: bool) -> World {
    let urls = [&upstream.url, "http://127.0.0.2", "http://[::1]:1"];
    let upstreams = urls.map(|url| url.parse().unwrap()).to_vec();
    World::builder()
        .instance(move |instance| {
            instance.campaign.upstreams = upstreams;
            instance.campaign.hosts = vec![OTHER.to_owned()];
            instance.campaign.rewrite_location = rewrite;
        })
        .start()
        .await
}
