//! The pieces of a proxied request that are this project's own, each alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use imsgate::clock::Clock;
use imsgate::config::{Log, LogFormat};
use imsgate::policy::framing::{self, HeadLimits};
use imsgate::policy::path::CanonicalPath;
use imsgate::policy::public::{self, PublicPaths};
use imsgate::policy::{cookies, headers};
use imsgate::session::{Identity, Lifetimes, MemoryStore, Sessions, Signer, Tokens};
use imsgate::telemetry::{AccessLog, Line, RequestId};

use super::{Outcome, callgrind};

/// First argument of a run under valgrind.
pub const RUN: &str = "run-piece";

/// What is counted.
pub const NAMES: [&str; 9] = [
    "path",
    "public",
    "framing",
    "session-cookie",
    "cookies-rewrite",
    "strip-request",
    "session-find",
    "assertion",
    "access-line",
];

const FEW: u64 = 1000;
const MANY: u64 = 11_000;
const PATH: &str = "/nl/jsp/logon.jsp/delivery/list/2026";

/// Instructions of one call.
pub fn count(name: &str) -> Outcome<u64> {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let run = |times: u64| {
        let child = callgrind::start(folder.path(), &program, &[RUN, name, &times.to_string()])?;
        Ok::<_, Box<dyn std::error::Error>>((times, callgrind::finish(folder.path(), child)?))
    };
    Ok(callgrind::each(run(FEW)?, run(MANY)?))
}

/// Does one of them so many times.
pub fn run(name: &str, times: u64) {
    let mut piece = piece(name);
    for _ in 0..times {
        piece();
    }
}

fn piece(name: &str) -> Box<dyn FnMut()> {
    let browser = browser();
    match name {
        "path" => Box::new(|| drop(black_box(CanonicalPath::parse(black_box(PATH))))),
        "public" => {
            let paths = PublicPaths::default_campaign();
            Box::new(move || {
                black_box(public::is_denied(black_box(PATH)) || paths.is_public(black_box(PATH)));
            })
        }
        "framing" => {
            let (target, limits) = (Uri::from_static(PATH), HeadLimits::default());
            Box::new(move || {
                let _ = black_box(framing::check(&target, black_box(&browser), &limits));
            })
        }
        "session-cookie" => Box::new(move || {
            black_box(cookies::session_cookie(black_box(&browser)));
        }),
        "cookies-rewrite" => {
            let campaign = HeaderValue::from_static("__sessiontoken=___C8B4A541-48DC-4C97-95AD-066930FD3892");
            // With the copy of the headers, which "strip-request" has too.
            Box::new(move || cookies::rewrite(black_box(&mut browser.clone()), Some(&campaign)))
        }
        "strip-request" => Box::new(move || headers::strip_request(black_box(&mut browser.clone()))),
        "session-find" => session_find(),
        "assertion" => assertion(),
        _ => access_line(),
    }
}

fn session_find() -> Box<dyn FnMut()> {
    let (runtime, sessions) = sessions();
    let auth = runtime.block_on(login(&sessions));
    let cookie = auth.cookie_value();
    // No runtime in between: nothing is waited for when the session is ready to use.
    Box::new(move || {
        let found = futures_util::FutureExt::now_or_never(sessions.find(black_box(&cookie)));
        assert!(matches!(black_box(found), Some(Ok(Some(_)))));
    })
}

fn assertion() -> Box<dyn FnMut()> {
    let (runtime, sessions) = sessions();
    let auth = runtime.block_on(login(&sessions));
    let Ok(signer) = Signer::new("https://campaign.example.com".to_owned()) else { return Box::new(|| {}) };
    let now = Clock::system().now();
    Box::new(move || drop(black_box(auth.assertion(&signer, now))))
}

fn access_line() -> Box<dyn FnMut()> {
    let to = Some("/dev/null".into());
    let log = Log { format: LogFormat::Json, level: "info".to_owned(), audit_file: None, access_file: to };
    let Ok(log) = AccessLog::new(&log) else { return Box::new(|| {}) };
    Box::new(move || {
        log.line(&Line {
            request: RequestId::random(),
            peer: "192.0.2.33",
            method: &Method::GET,
            path: PATH,
            status: StatusCode::OK,
            took: Duration::from_millis(7),
        });
    })
}

fn sessions() -> (tokio::runtime::Runtime, Sessions) {
    #[expect(clippy::expect_used, reason = "a measurement without a runtime cannot go on")]
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let hours = Duration::from_hours(12);
    let (lifetimes, clock) = (Lifetimes { idle: hours, absolute: hours }, Clock::system());
    let store = Arc::new(MemoryStore::new(1000, lifetimes, clock.clone()));
    (runtime, Sessions::new(store, 1000, lifetimes, clock))
}

#[expect(clippy::expect_used, reason = "a measurement without a session cannot go on")]
async fn login(sessions: &Sessions) -> Arc<imsgate::session::Auth> {
    let (identity, tokens) = person();
    sessions.create(identity, tokens, None).await.expect("memory takes a session")
}

/// Somebody with an access token as long as those of IMS.
pub fn person() -> (Identity, Tokens) {
    let identity = Identity {
        user: "A11CE0000000000000000001@acme.e".to_owned(),
        email: Some("alice@example.com".to_owned()),
        name: Some("Alice Archer".to_owned()),
        organization: "4E3D60F754C8E5D0A4C98A2@AdobeOrg".to_owned(),
        organization_name: Some("Acme".to_owned()),
        groups: vec!["delivery".to_owned(), "workflow".to_owned()],
    };
    let access_expires = Clock::system().now().plus(Duration::from_hours(24));
    (identity, Tokens { access: "eyJ".repeat(400).into(), access_expires, refresh: None })
}

/// What a browser sends.
fn browser() -> HeaderMap {
    let fields = [
        ("host", "campaign.example.com"),
        (
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
        ),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("referer", "https://campaign.example.com/view/home"),
        (
            "cookie",
            "uuid230=4c1d2a; __Host-imsgate=3q2-7wAAAAAAAAAAAAAAAA; lang=en; __sessiontoken=___theirs",
        ),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}
