//! Every limit of the reference configuration: the answer to the client, the metric and the log line.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use imsgate::config::{Config, PoolLimits};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::admin::{admin_get, hits, value, with_admin};
use crate::support::http1::RawConnection;
use crate::support::request::{self, RawRequest};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{World, eventually, http2_frames, logs};

struct Case {
    /// The name in metrics and logs.
    limit: &'static str,
    /// Its keys in `[limits]`.
    keys: &'static [&'static str],
    set: fn(&mut Config),
    reach: Reach,
    /// The statuses, if there is a request to answer.
    status: Option<u16>,
}

/// How the client reaches the limit.
enum Reach {
    /// Opens a second connection while the first is in use.
    TwoConnections,
    /// Sends these bytes and expects this many responses.
    Sends(usize, fn(&str) -> Vec<u8>),
    /// Sends these HTTP/2 frames.
    Frames(fn(&World) -> Vec<u8>),
    /// Connects and sends nothing, not even a TLS handshake.
    NoWord,
    /// Connects and sends no request.
    NoRequest,
    /// Requests a long response and does not read it.
    NoReading,
    /// The same, and the response arrives complete in the end.
    Waits,
    /// Does not read a response and sends another request.
    HoldsAnAnswer,
}

const CASES: &[Case] = &[
    Case {
        limit: "connections",
        keys: &["connections"],
        set: |config| config.limits.connections = 1,
        reach: Reach::TwoConnections,
        status: Some(503),
    },
    Case {
        limit: "connections_per_ip",
        keys: &["connections_per_ip"],
        set: |config| config.limits.connections_per_ip = Some(1),
        reach: Reach::TwoConnections,
        status: Some(429),
    },
    Case {
        limit: "head",
        keys: &["head_bytes"],
        set: |config| config.limits.head_bytes = 2000,
        reach: Reach::Sends(1, |host| {
            RawRequest::get("/r/x").with(&format!("X: {}", "y".repeat(2000))).bytes(host)
        }),
        status: Some(431),
    },
    Case {
        limit: "head",
        keys: &["head_fields"],
        set: |config| config.limits.head_fields = 10,
        reach: Reach::Sends(1, |host| {
            (0..10).fold(RawRequest::get("/r/x"), |ask, _| ask.with("X: y")).bytes(host)
        }),
        status: Some(431),
    },
    Case {
        limit: "body",
        keys: &["body_bytes"],
        set: |config| config.limits.body_bytes = Some(100),
        reach: Reach::Sends(1, |host| RawRequest::post("/r/x", &"x".repeat(101)).bytes(host)),
        status: Some(413),
    },
    Case {
        limit: "requests",
        keys: &["requests_per_second", "request_burst"],
        set: |config| (config.limits.requests_per_second, config.limits.request_burst) = (1, 1),
        reach: Reach::Sends(4, |host| RawRequest::get("/ims/health/live").keep_alive(host).repeat(4)),
        status: Some(429),
    },
    Case {
        limit: "sign_ins",
        keys: &["sign_ins_per_second", "sign_in_burst"],
        set: |config| (config.limits.sign_ins_per_second, config.limits.sign_in_burst) = (1, 1),
        reach: Reach::Sends(4, |host| RawRequest::get("/ims/callback").keep_alive(host).repeat(4)),
        status: Some(429),
    },
    Case {
        limit: "upload",
        keys: &["upload_timeout"],
        set: |config| config.limits.upload_timeout = Duration::from_millis(300),
        reach: Reach::Sends(1, |host| {
            RawRequest::new("POST", "/ims/logout").with("Content-Length: 9").bytes(host)
        }),
        status: Some(408),
    },
    Case {
        limit: "idle",
        keys: &["idle_timeout"],
        set: |config| config.limits.idle_timeout = Duration::from_millis(300),
        reach: Reach::NoRequest,
        status: None,
    },
    Case {
        limit: "download",
        keys: &["download_timeout"],
        set: |config| config.limits.download_timeout = Duration::from_millis(500),
        reach: Reach::NoReading,
        status: None,
    },
    Case {
        limit: "connection_buffer",
        keys: &["connection_buffer_bytes"],
        set: |config| config.limits.connection_buffer_bytes = 1000,
        reach: Reach::Waits,
        status: None,
    },
    Case {
        limit: "buffer",
        keys: &["buffer_bytes"],
        set: |config| config.limits.buffer_bytes = 100_000,
        reach: Reach::Waits,
        status: None,
    },
    Case {
        limit: "min_rate",
        keys: &["min_rate", "min_rate_grace"],
        set: |config| {
            (config.limits.min_rate, config.limits.min_rate_grace) = (1_000_000, Duration::from_millis(300));
        },
        reach: Reach::NoReading,
        status: None,
    },
    Case {
        limit: "anonymous_share",
        keys: &[],
        set: |config| pool(config, |pool| (pool.max_connections, pool.address_share) = (2, 100)),
        reach: Reach::HoldsAnAnswer,
        status: Some(503),
    },
    Case {
        limit: "address_share",
        keys: &[],
        set: |config| pool(config, |pool| pool.max_connections = 4),
        reach: Reach::HoldsAnAnswer,
        status: Some(503),
    },
    Case {
        limit: "http2_flood",
        keys: &[],
        set: |_| (),
        reach: Reach::Frames(|world| http2_frames::requests(world, 20_000, true)),
        status: None,
    },
    Case {
        limit: "proxy_protocol",
        keys: &[],
        set: |config| {
            config.listen.proxy_protocol = true;
            config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        },
        reach: Reach::NoWord,
        status: None,
    },
];

/// h2 refuses a stream beyond this limit and does not report it: `http2_floods::streams_beyond_the_limit_are_refused`.
const UNCOUNTED: &[&str] = &["http2_streams"];

/// Changes the limits of the connection pool for Campaign.
fn pool(config: &mut Config, change: impl FnOnce(&mut PoolLimits)) {
    let campaign = &mut Arc::get_mut(&mut config.instances[0]).unwrap().campaign;
    campaign.pool.queue_timeout = Duration::from_millis(200);
    change(&mut campaign.pool);
}

/// A client with a unique address, which identifies its log lines.
struct Client<'a> {
    world: &'a World,
    address: Ipv4Addr,
}

impl Client<'_> {
    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((self.address, 0))).unwrap();
        socket.connect(self.world.address()).await.unwrap()
    }

    async fn line(&self) -> RawConnection {
        RawConnection::new(self.world.connect_over(self.connect().await).await.unwrap())
    }

    /// Sends these bytes and returns the status of each response.
    async fn sends(&self, bytes: &[u8], answers: usize) -> (Vec<u16>, RawConnection) {
        let mut line = self.line().await;
        line.send(bytes).await;
        let mut statuses = Vec::new();
        for _ in 0..answers {
            statuses.push(line.answer(false).await.unwrap().status());
        }
        (statuses, line)
    }

    /// Reaches the limit. Returns the statuses.
    async fn reach(&self, case: &Case) -> Vec<u16> {
        let host = request::host(self.world);
        match case.reach {
            Reach::TwoConnections => {
                let ask = RawRequest::get("/ims/health/live").keep_alive(host);
                let (first, _held) = self.sends(&ask, 1).await;
                assert_eq!(first, [200]);
                self.sends(&ask, 1).await.0
            }
            Reach::Sends(answers, bytes) => self.sends(&bytes(host), answers).await.0,
            Reach::Frames(frames) => {
                let stream = self.world.connect_http2_over(self.connect().await).await;
                http2_frames::flood_over(stream, &frames(self.world)).await;
                Vec::new()
            }
            Reach::NoWord => {
                let mut stream = self.connect().await;
                let word = b"GET / HTTP/1.1\r\n\r\n";
                tokio::io::AsyncWriteExt::write_all(&mut stream, word).await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
                Vec::new()
            }
            Reach::NoRequest => {
                assert!(self.line().await.rest().await.is_empty());
                Vec::new()
            }
            Reach::HoldsAnAnswer => {
                let held = RawRequest::get("/res/100m").keep_alive(host);
                let (first, _held) = self.sends(&held, 0).await;
                self.world.eventually(|| !self.world.campaign.requests().is_empty()).await;
                [first, self.sends(&RawRequest::get("/r/test").keep_alive(host), 1).await.0].concat()
            }
            Reach::Waits => {
                let _held = self.sends(&RawRequest::get("/res/100m").keep_alive(host), 0).await;
                counted(self.world, case.limit).await;
                Vec::new()
            }
            Reach::NoReading => {
                let (_, mut line) = self.sends(&RawRequest::get("/res/100m").keep_alive(host), 0).await;
                counted(self.world, case.limit).await;
                assert!(line.rest().await.len() < 100 << 20, "and the rest never comes");
                Vec::new()
            }
        }
    }
}

/// Waits until the limit was reached.
async fn counted(world: &World, limit: &str) {
    eventually(async || hits(world, limit).await > 0).await;
}

#[tokio::test]
async fn every_limit_has_a_response_a_count_and_a_log_line() {
    let mut metrics = String::new();
    for (case, number) in CASES.iter().zip(1..) {
        let set = case.set;
        let world = with_admin()
            .config(move |config| {
                config.listen.workers = 1;
                set(config);
            })
            .start()
            .await;
        let client = Client { world: &world, address: Ipv4Addr::new(127, 77, 0, number) };
        assert_eq!(hits(&world, case.limit).await, 0, "{} {:?}", case.limit, case.keys);
        let statuses = client.reach(case).await;
        if let Some(status) = case.status {
            assert!(statuses.contains(&status), "{} {:?}: {statuses:?}", case.limit, case.keys);
        }
        counted(&world, case.limit).await;
        let peer = client.address.to_string();
        let said = || {
            logs::all("imsgate::telemetry::metrics::counters").iter().any(|line| {
                line.field("message").starts_with("a limit was reached")
                    && line.field("limit") == case.limit
                    && line.field("peer") == peer
            })
        };
        world.eventually(said).await;
        metrics = admin_get(&world, "/metrics", "127.0.0.1").await.text();
        world.stop().await;
    }

    let named: BTreeSet<&str> = CASES.iter().map(|case| case.limit).collect();
    let counted: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("imsgate_limit_hits_total{limit=\"")?.split('"').next())
        .collect();
    assert_eq!(named, counted, "every limit that is counted has its line in the table");
    let keys: BTreeSet<&str> = CASES.iter().flat_map(|case| case.keys).chain(UNCOUNTED).copied().collect();
    assert_eq!(keys, reference(), "every key of [limits] has its line in the table");
}

/// The keys that the reference configuration has in `[limits]`.
fn reference() -> BTreeSet<&'static str> {
    let lines = include_str!("../../config/imsgate.toml").lines();
    let section =
        lines.skip_while(|line| *line != "[limits]").skip(1).take_while(|line| !line.starts_with('['));
    section
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, _)| key)
        .filter(|key| !key.contains('#'))
        .collect()
}

/// Reads requests and never answers.
async fn silent() -> Upstream {
    Upstream::start(|_, mut line: RawConnection, seen: Seen| async move {
        while seen.request(&mut line).await.is_some() {}
        None
    })
    .await
}

#[tokio::test]
async fn every_deadline_for_campaign_has_a_response_a_count_and_a_log_line() {
    const SHORT: Duration = Duration::from_millis(300);
    for (key, status, reason, said) in [
        ("connect_timeout", 502, "connect", "no connection within 300ms"),
        ("response_timeout", 504, "deadline", "sent no response within 300ms"),
        ("queue_timeout", 503, "busy", "all 1 connections"),
    ] {
        let upstream = silent().await;
        // A silent server never answers the TLS handshake, either.
        let scheme = if key == "connect_timeout" { "https" } else { "http" };
        let url = upstream.url.replacen("http", scheme, 1).parse().unwrap();
        let world = with_admin()
            .instance(move |instance| {
                let campaign = &mut instance.campaign;
                campaign.upstreams = vec![url];
                match key {
                    "connect_timeout" => campaign.connect_timeout = SHORT,
                    "response_timeout" => campaign.response_timeout = SHORT,
                    _ => (campaign.pool.max_connections, campaign.pool.queue_timeout) = (1, SHORT),
                }
            })
            .config(|config| config.listen.workers = 1)
            .start()
            .await;
        let mut held = request::connect(&world).await;
        if key == "queue_timeout" {
            held.send(RawRequest::get("/r/held").keep_alive(request::host(&world))).await;
            world.eventually(|| !upstream.seen().is_empty()).await;
        }
        let answer = RawRequest::post("/r/x", "a=b").send_to(&world).await;
        assert_eq!(answer.status(), status, "{key}");
        assert_eq!(value(&world, &format!("imsgate_upstream_errors_total{{reason=\"{reason}\"}}")).await, 1);
        let lines = logs::of(answer.field("x-request-id").unwrap());
        assert!(lines.iter().any(|line| line.field("error").contains(said)), "{key}: {lines:?}");
        world.stop().await;
    }
}
