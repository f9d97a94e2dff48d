//! `imsgate rehearse` decides about a line as the gateway does about the request.

mod gateway;

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use imsgate::config::AccessFormat;
use serde_json::Value;

use crate::support::request::{self, RawRequest};
use crate::support::{Checked, World};

/// A line as nginx and Apache write it.
pub(crate) fn combined(method: &str, target: &str, status: u16) -> String {
    let mut escaped = String::new();
    for byte in format!("{method} {target} HTTP/1.1").bytes() {
        match byte {
            b'"' | b'\\' | ..0x20 | 0x7f.. => {
                let _ = write!(escaped, "\\x{byte:02X}");
            }
            byte => escaped.push(char::from(byte)),
        }
    }
    format!("127.0.0.1 - - [22/Nov/2026:10:13:32 +0000] \"{escaped}\" {status} 12 \"-\" \"Mozilla/5.0\"\n")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test]
async fn every_format_is_read_also_compressed_and_from_standard_input() {
    let world = Checked::good().await;
    let own = r#"{"timestamp":"2026-11-22T10:13:32.000042Z","level":"INFO","target":"access","request":"x","peer":"127.0.0.1","method":"GET","path":"/r/x","status":200,"ms":7}"#;
    let other =
        r#"{"timestamp":"2026-11-22T10:13:32Z","level":"INFO","message":"started","target":"imsgate"}"#;
    let vhost = |host: &str| format!("{host}:443 {}", combined("GET", "/r/x", 200));
    let text = format!(
        "{own}\n{other}\n{}{}{}no log\u{1b}[31m\n{}",
        vhost("LOCALHOST"),
        vhost("other.example.com"),
        combined("GET", "/view/home", 302),
        combined("GET", "/r/../x", 200),
    );
    let (plain, packed) = (world.path("access.log"), world.path("access.log.gz"));
    std::fs::write(&plain, &text).unwrap();
    let mut gzip = GzEncoder::new(std::fs::File::create(&packed).unwrap(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap();
    for (log, input) in [("access.log", ""), ("access.log.gz", ""), ("-", &*text)] {
        let (code, said, error) =
            world.run_with(&["rehearse", log, "-c", "imsgate.toml", "--json"], input).await;
        assert_eq!((code, &*error), (Some(0), ""), "{said}");
        let said = json(&said);
        let counts = (&said["requests"], &said["without_request"], &said["not_understood"]["lines"]);
        assert_eq!(counts, (&5.into(), &1.into(), &1.into()), "{said}");
        assert_eq!(said["not_understood"]["first"][0]["line"], 6);
        let by_access: Vec<_> = said["decisions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|decision| (decision["access"].as_str().unwrap(), decision["requests"].as_u64().unwrap()))
            .collect();
        assert_eq!(by_access, [("public", 2), ("signed-in", 1), ("refused", 2)]);
    }
    // For people: no control characters of the log, no query, and no progress bar in a pipe.
    let (code, said, error) =
        world.run(&["rehearse", "access.log", "access.log.gz", "-c", "imsgate.toml"]).await;
    assert_eq!((code, &*error), (Some(0), ""));
    for part in [
        "10 requests in ",
        "2 lines without a request, 2 not understood",
        "access.log:6: no line of an access log",
        "public  Campaign gets it from anybody\n  4 requests (40.0 %); 4 had been answered with status 2xx or 3xx",
        "4  `/r/*` of campaign.public_paths matches",
        "status 421",
        "/view/home",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "{said}");
    let all = ["rehearse", "access.log", "-c", "imsgate.toml", "--all"];
    let (code, said, summary) = world.run(&all).await;
    assert_eq!((code, said.lines().count()), (Some(0), 5), "{said}");
    assert!(said.contains("1  public     GET /r/x  `/r/*` of campaign.public_paths matches\n"), "{said}");
    assert!(summary.contains("5 requests in "), "{summary}");
}

#[tokio::test]
async fn two_configurations_are_compared() {
    let world = Checked::good().await;
    let old = world.path("old.toml");
    std::fs::copy(world.path("imsgate.toml"), &old).unwrap();
    let log: String = [
        combined("GET", "/r/x?__sessiontoken=admin/topsecret", 200),
        combined("GET", "/r/a", 200),
        combined("GET", "/r/b", 404),
        combined("GET", "/r/b", 200),
        combined("GET", "/shop/x", 200),
        combined("GET", "/view/home", 200),
    ]
    .concat();
    std::fs::write(world.path("access.log"), log).unwrap();
    let compare = ["rehearse", "access.log", "-c", "imsgate.toml", "--before", "old.toml"];
    let (code, said, _) = world.run(&compare).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no change"), "{said}");
    world.replace("[campaign]\n", "[campaign]\npublic_paths = [\"/shop/*\"]\n");
    let (code, said, _) = world.run(&compare).await;
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "4 requests (66.6 %); 3 had been answered",
        "public → signed-in  3 requests (50.0 %); 2 had been answered with status 2xx or 3xx",
        "before: `/r/*` of campaign.public_paths matches\n      now:    no pattern of campaign.public_paths matches",
        "first:  access.log:2",
        "2  /r/b",
        "signed-in → public",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (_, said, _) = world.run(&[&compare[..], &["--json"]].concat()).await;
    let said = json(&said);
    assert_eq!(said["changes"][0]["requests"], 3, "{said}");
    assert_eq!(said["changes"][1]["paths"][0]["path"], "/shop/x");
    let (_, said, _) = world.run(&[&compare[..], &["--json", "--all"]].concat()).await;
    assert!(!said.contains("topsecret"), "{said}");
    let second = json(said.lines().nth(1).unwrap());
    assert_eq!((&second["access"], &second["before"]["access"]), (&"signed-in".into(), &"public".into()));
}

#[tokio::test]
async fn what_is_no_log_and_no_configuration_ends_with_code_2() {
    let world = Checked::good().await;
    std::fs::write(world.path("empty.log"), "").unwrap();
    std::fs::write(world.path("cut.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    for (words, code, part) in [
        (&["rehearse", "imsgate.toml", "-c", "imsgate.toml"][..], 2, ""),
        (&["rehearse", "missing.log", "-c", "imsgate.toml"], 2, "missing.log: "),
        (&["rehearse", ".", "-c", "imsgate.toml"], 2, "directory"),
        (&["rehearse", "cut.gz", "-c", "imsgate.toml"], 2, "cut.gz: "),
        (&["rehearse", "empty.log", "-c", "missing.toml"], 2, "missing.toml"),
        (&["rehearse", "empty.log", "-c", "imsgate.toml", "--before", "missing.toml"], 2, "missing.toml"),
        (&["rehearse", "empty.log", "-c", "imsgate.toml"], 0, ""),
    ] {
        let (exit, said, error) = world.run(words).await;
        assert_eq!(exit, Some(code), "{words:?}: {said}{error}");
        assert!(error.contains(part), "{words:?}: {error}");
    }
}

#[tokio::test]
async fn the_gateways_own_combined_log_is_read_back_and_has_no_secret() {
    let checked = Checked::good().await;
    let file = checked.path("combined.log");
    let named = file.clone();
    let world = World::builder()
        .config(move |config| {
            config.log.access_file = Some(named);
            config.log.access_format = AccessFormat::Combined;
        })
        .start()
        .await;
    let hostile = "User-Agent: x\" 200 1 \"-\" \"y\\";
    let referer = "Referer: https://localhost/ims/callback?code=topsecret";
    RawRequest::get("/r/test?a=topsecret").with(hostile).with(referer).send_to(&world).await;
    RawRequest::get("/r/%22test").send_to(&world).await;
    RawRequest::get("/view/home?__sessiontoken=topsecret")
        .with("Authorization: Bearer topsecret")
        .send_to(&world)
        .await;
    RawRequest::get("/ims/callback?code=topsecret&state=topsecret").send_to(&world).await;
    let mut line = request::connect(&world).await;
    line.send("GET /r/test HTTP/1.1\r\nX : y\r\n\r\n").await;
    assert_eq!(line.answer(false).await.unwrap().status(), 400);
    world.stop().await;

    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("topsecret"), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
    let first = text.lines().find(|line| line.contains("\"GET /r/test HTTP/1.1\" 200 - ")).unwrap();
    assert!(first.starts_with("127.0.0.1 - - ["), "{first}");
    let end = " \"https://localhost/ims/callback\" \"x\\x22 200 1 \\x22-\\x22 \\x22y\\x5C\"";
    assert!(first.ends_with(end), "{first}");
    assert!(text.contains("] \"-\" 400 - \"-\" \"-\"\n"), "{text}");

    let (code, said, error) =
        checked.run(&["rehearse", "combined.log", "-c", "imsgate.toml", "--all", "--json"]).await;
    assert_eq!(code, Some(0), "{error}");
    let decided: Vec<Value> = said.lines().map(json).collect();
    let targets: std::collections::BTreeSet<_> =
        decided.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(targets, ["/ims/callback", "/r/%22test", "/r/test", "/view/home"].into());
}
