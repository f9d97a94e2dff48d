//! The gateway behind other web servers, each with its configuration from docs/proxies.md.

use bytes::Bytes;
use http::{Request, StatusCode};
use imsgate::demo::campaign::{CampaignOptions, CampaignSimulator};
use tokio_tungstenite::tungstenite::Message;

use crate::support::behind::{Behind, Server};
use crate::support::http1::RawConnection;
use crate::support::markdown::Page;
use crate::support::request::RawRequest;
use crate::support::websocket::{echoed, open_over};

#[tokio::test]
async fn nginx_as_the_book_configures_it() {
    works_behind(&NGINX).await;
}

#[tokio::test]
async fn haproxy_as_the_book_configures_it() {
    works_behind(&HAPROXY).await;
}

#[tokio::test]
async fn apache_as_the_book_configures_it() {
    works_behind(&APACHE).await;
}

#[tokio::test]
async fn caddy_as_the_book_configures_it() {
    works_behind(&CADDY).await;
}

#[tokio::test]
async fn envoy_as_the_book_configures_it() {
    works_behind(&ENVOY).await;
}

#[tokio::test]
async fn haproxy_passes_connections_on_with_the_proxy_protocol() {
    let start = Behind::start(
        &HAPROXY_TCP,
        |builder| builder.config(|config| config.listen.proxy_protocol = true),
        NOWHERE,
    );
    let Some(behind) = start.await else { return };
    checks(&behind).await;
    behind.stop().await;
}

#[tokio::test]
async fn nginx_lets_an_application_ask_who_a_person_is() {
    asks_for_the_application(&Server { complete: nginx_with_an_application, ..NGINX }).await;
}

#[tokio::test]
async fn caddy_lets_an_application_ask_who_a_person_is() {
    asks_for_the_application(&Server { complete: caddy_with_an_application, ..CADDY }).await;
}

async fn works_behind(server: &Server) {
    let Some(behind) = Behind::start(server, |builder| builder, NOWHERE).await else { return };
    checks(&behind).await;
    behind.stop().await;
}

/// What must work through every web server, and what must not.
async fn checks(behind: &Behind) {
    public_request(behind).await;
    let alice = behind.browser();
    let answer = alice.sign_in("alice", "/view/home").await;
    assert_eq!(answer.location(), "/view/home", "{}", answer.text());
    let session = alice.session().unwrap();
    assert_eq!(alice.get("/view/home").await.status, StatusCode::OK);

    // Larger than every limit that is on by default.
    let body = Bytes::from(vec![b'x'; 3 << 20]);
    let upload = Request::post("/demo/upload").header("origin", &behind.origin).body(body).unwrap();
    let answer = alice.request(upload).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(behind.world.last_request().body_len, 3 << 20);

    let stream = behind.connect_from([127, 0, 0, 1]).await;
    let mut socket = open_over(stream, behind.host(), &session, Some(&behind.origin)).await.unwrap();
    assert_eq!(echoed(&mut socket, Message::text("hello")).await, Message::text("hello"));
    drop(socket);

    // Scripts of a page do not learn who the person is. Their address is not that of the web server.
    for path in [
        "/ims/auth",
        "/ims//auth",
        "//ims/auth",
        "/ims/%61uth",
        "/%69ms/auth",
        "/ims/auth?x=y",
        "/ims/./auth",
    ] {
        let mut line = RawConnection::new(behind.connect_from([127, 0, 0, 2]).await);
        line.send(RawRequest::get(path).session(&session).bytes(behind.host())).await;
        let answer = line.answer(false).await.unwrap();
        for name in
            ["x-ims-user", "x-ims-email", "x-ims-organization", "x-campaign-groups", "x-ims-assertion"]
        {
            assert_eq!(answer.field(name), None, "{path}: {}", answer.status());
        }
    }
}

/// A request without a sign-in arrives as it was sent, with the client's address and without what the client forged.
async fn public_request(behind: &Behind) {
    let ask = RawRequest::get("/r/a%7Eb%20c?x=%20&y=a%2Fb")
        .with("X-Forwarded-For: 203.0.113.9")
        .with("X-Forwarded-Host: forged.example")
        .with(&format!("X-Request-Id: {FORGED}"))
        .with(&format!("traceparent: 00-{FORGED}-1111111111111111-01"))
        .with("X-Ims-User: eve");
    let mut line = RawConnection::new(behind.connect_from([127, 0, 0, 2]).await);
    line.send(ask.bytes(behind.host())).await;
    line.answer(false).await.unwrap();
    let seen = behind.world.last_request();
    assert_eq!(seen.path_and_query, "/r/a%7Eb%20c?x=%20&y=a%2Fb");
    // Behind a web server that speaks HTTP, Campaign sees its address too.
    let client = seen.header("x-forwarded-for").and_then(|list| list.split(", ").next());
    assert_eq!(client, Some("127.0.0.2"), "{:?}", seen.headers);
    assert_eq!(seen.header("x-forwarded-host"), Some(behind.host()));
    assert!(seen.header("nlsslurl").unwrap().starts_with(&behind.origin));
    assert!(seen.headers.iter().all(|(_, value)| !value.contains(FORGED)), "{:?}", seen.headers);
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.header("host"), Some(behind.host()));
    assert_eq!(seen.header("x-ims-user"), None);
}

/// An application beside Campaign gets the identity of signed-in people, and no request of others.
async fn asks_for_the_application(server: &Server) {
    let application = CampaignSimulator::start(CampaignOptions::default()).await.unwrap();
    let address = application.url().trim_start_matches("http://").to_owned();
    let Some(behind) = Behind::start(server, |builder| builder, &address).await else { return };
    let stranger = behind.browser().get("/reports/a").await;
    assert!([StatusCode::FOUND, StatusCode::UNAUTHORIZED].contains(&stranger.status), "{}", stranger.status);
    assert!(application.requests().is_empty());

    let alice = behind.browser();
    alice.sign_in("alice", "/view/home").await;
    let forged = Request::get("/reports/a").header("x-ims-user", "eve").header("x-campaign-groups", "admin");
    alice.request(forged.body(Bytes::new()).unwrap()).await;
    let seen = application.requests().pop().unwrap();
    let all = |name: &str| {
        seen.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value).collect::<Vec<_>>()
    };
    assert_eq!(all("x-ims-email"), ["alice@example.com"]);
    assert_eq!(all("x-campaign-groups"), ["delivery,workflow"]);
    assert!(all("x-ims-user").len() == 1 && all("x-ims-user") != ["eve"], "{:?}", seen.headers);
    assert!(
        seen.headers.iter().all(|(_, value)| !value.contains(&alice.session().unwrap())),
        "{:?}",
        seen.headers
    );
    behind.stop().await;
    application.stop().await;
}

const NGINX: Server = Server {
    name: "nginx",
    places: &["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"],
    arguments: &["-p", "@FOLDER@/", "-e", "stderr", "-c", "@FOLDER@/server.yaml"],
    block: &["nginx"],
    complete: nginx,
};

fn nginx(block: &str) -> String {
    let block = block.replace("listen 443 ssl", "listen @LISTEN@ ssl");
    format!(
        "daemon off; master_process off; pid @FOLDER@/pid; error_log stderr;\nevents {{ worker_connections 500; }}\n\
         http {{\naccess_log off; client_body_temp_path @FOLDER@/temp; proxy_temp_path @FOLDER@/temp;\n\
         fastcgi_temp_path @FOLDER@/temp; uwsgi_temp_path @FOLDER@/temp; scgi_temp_path @FOLDER@/temp;\n{block}}}\n"
    )
}

fn nginx_with_an_application(block: &str) -> String {
    let application = Page::read("docs/proxies.md").block(&["nginx", "forward-auth"]).text;
    let (before, after) = block.rsplit_once('}').unwrap();
    nginx(&format!("{before}{application}}}{after}"))
}

const HAPROXY: Server = Server {
    name: "haproxy",
    places: &["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"],
    arguments: &["-db", "-f", "@FOLDER@/server.yaml"],
    block: &["haproxy"],
    complete: haproxy,
};

const HAPROXY_TCP: Server = Server { block: &["haproxy", "tcp"], ..HAPROXY };

fn haproxy(block: &str) -> String {
    format!("global\n    maxconn 200\n{}", block.replace("bind :443", "bind @LISTEN@"))
}

const APACHE: Server = Server {
    name: "apache2",
    places: &["/usr/sbin/apache2", "/usr/sbin/httpd"],
    arguments: &["-X", "-d", "@FOLDER@", "-f", "@FOLDER@/server.yaml"],
    block: &["apache"],
    complete: apache,
};

fn apache(block: &str) -> String {
    let modules = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "proxy", "proxy_http", "headers"];
    let modules =
        modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let block = block.replace("*:443", "@LISTEN@");
    format!(
        "{}PidFile @FOLDER@/pid\nErrorLog @FOLDER@/log\nMutex posixsem\nUser #33\nGroup #33\nServerName localhost\nListen @LISTEN@\n{block}",
        modules.concat()
    )
}

const CADDY: Server = Server {
    name: "caddy",
    places: &["/usr/bin/caddy", "/usr/local/bin/caddy"],
    arguments: &["run", "--config", "@FOLDER@/server.yaml", "--adapter", "caddyfile"],
    block: &["caddyfile"],
    complete: caddy,
};

fn caddy(block: &str) -> String {
    let block = block.replace("https://campaign.example.com", "https://campaign.example.com:@PORT@");
    let block = block.replace("\ttls /etc", "\tbind 127.0.0.1\n\ttls /etc");
    format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{block}")
}

fn caddy_with_an_application(block: &str) -> String {
    let application = Page::read("docs/proxies.md").block(&["caddyfile", "forward-auth"]).text;
    caddy(&block.replace("\treverse_proxy", &format!("{application}\treverse_proxy")))
}

const ENVOY: Server = Server {
    name: "envoy",
    places: &[
        "/usr/bin/envoy",
        "/usr/local/bin/envoy",
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/envoy"),
    ],
    arguments: &[
        "-c",
        "@FOLDER@/server.yaml",
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "-l",
        "warning",
    ],
    block: &["yaml", "envoy"],
    complete: envoy,
};

fn envoy(block: &str) -> String {
    block.replace("address: 0.0.0.0, port_value: 443", "address: 127.0.0.1, port_value: @PORT@")
}

/// An id that a client chose.
const FORGED: &str = "11111111111111111111111111111111";
/// No application is asked.
const NOWHERE: &str = "127.0.0.1:9";
