//! Independent HTTP clients: curl, wrk, h2load and nghttp, each for a short run without an error.

use std::io::Write as _;
use std::process::{Command, Output};

use crate::support::{World, missing};

/// Requests of one run.
const REQUESTS: &str = "500";

#[tokio::test]
async fn h2load_gets_every_response_over_both_protocols() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let (connect_to, cookie) = (world.address().to_string(), format!("cookie: __Host-imsgate={alice}"));
    for protocol in [&["--h1"][..], &["-m", "20"]] {
        for (path, header) in [("/r/test", "x-none: 1"), ("/demo/echo", cookie.as_str())] {
            let url = format!("{}{path}", world.origin);
            let fixed = ["-n", REQUESTS, "-c", "4", "-H", header, "--connect-to", &connect_to, &url];
            let Some(output) = run("h2load", protocol.iter().copied().chain(fixed)).await else { return };
            let said = text(&output.stdout);
            assert!(said.contains("500 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
            assert!(said.contains("status codes: 500 2xx, 0 3xx, 0 4xx, 0 5xx"), "{said}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn wrk_sees_no_error() {
    let world = World::start().await;
    let url = format!("{}/r/test", world.origin);
    let Some(output) = run("wrk", ["-t", "1", "-c", "8", "-d", "1s", &url]).await else { return };
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("Requests/sec"), "{said}");
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    assert!(!said.contains("\n  0 requests in"), "{said}");
    world.stop().await;
}

#[tokio::test]
async fn nghttp_reads_pages_and_uploads_without_a_protocol_error() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let cookie = format!("cookie: __Host-imsgate={alice}");
    let mut body = tempfile::NamedTempFile::new().unwrap();
    body.write_all(&vec![b'x'; 3 << 20]).unwrap();
    let file = body.path().display().to_string();
    let echo = format!("{}/demo/echo", world.origin);
    let upload = format!("{}/demo/upload", world.origin);
    let closed = format!("{}/view/home", world.origin);
    for (arguments, status) in [
        (vec!["-v", "-n", "-m", "50", "-H", &cookie, &echo], "200"),
        (vec!["-v", "-H", &cookie, "-d", &file, &upload], "200"),
        (vec!["-v", "-n", &closed], "401"),
    ] {
        let Some(output) = run("nghttp", arguments.iter().copied()).await else { return };
        let said = text(&output.stdout);
        assert!(output.status.success(), "{said} {}", text(&output.stderr));
        assert!(said.contains(&format!(":status: {status}")), "{arguments:?}: {said}");
        assert!(!said.contains("PROTOCOL_ERROR") && !said.contains("INTERNAL_ERROR"), "{said}");
        // RFC 8441 §3.
        assert!(said.contains("SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1"), "{said}");
    }
    assert_eq!(world.last_request().body_len, 3 << 20);
    world.stop().await;
}

#[tokio::test]
async fn curl_speaks_every_version_and_uploads_with_and_without_a_length() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let cookie = format!("__Host-imsgate={alice}");
    let resolve = format!("localhost:{}:127.0.0.1", world.address().port());
    let mut body = tempfile::NamedTempFile::new().unwrap();
    body.write_all(&vec![b'x'; 3 << 20]).unwrap();
    let file = format!("@{}", body.path().display());
    let always =
        ["-sk", "--max-time", "60", "--resolve", &resolve, "--cookie", &cookie, "-w", " %{http_code}"];
    for version in ["--http1.0", "--http1.1", "--http2"] {
        for (more, path, ends) in [
            (&[][..], "/demo/echo", " 200"),
            (&["--data-binary", &file], "/demo/upload", " 200"),
            (&["-I"], "/view/home", " 200"),
            (&["--path-as-is"], "/r/../view/home", " 400"),
            (&["-H", "Cookie:"], "/demo/echo", " 401"),
            (&["-X", "TRACE"], "/demo/echo", " 405"),
        ] {
            let url = format!("{}{path}", world.origin);
            let arguments = always.into_iter().chain([version]).chain(more.iter().copied()).chain([&*url]);
            let Some(output) = run("curl", arguments).await else { return };
            let said = text(&output.stdout);
            assert!(said.ends_with(ends), "{version} {more:?} {path}: {said} {}", text(&output.stderr));
            assert!(path != "/demo/upload" || said.contains(&format!("\"bytes\":{}", 3 << 20)), "{said}");
        }
    }
    // Chunks, after a 100 Continue.
    let url = format!("{}/demo/upload", world.origin);
    let chunked = [
        "--http1.1",
        "-H",
        "Transfer-Encoding: chunked",
        "-H",
        "Expect: 100-continue",
        "--data-binary",
        &file,
    ];
    let arguments = always.into_iter().chain(chunked).chain([&*url]);
    if let Some(output) = run("curl", arguments).await {
        let said = text(&output.stdout);
        assert!(said.contains(&format!("\"bytes\":{}", 3 << 20)) && said.ends_with(" 200"), "{said}");
    }
    world.stop().await;
}

/// Runs a program to its end; `None` where it may be [`missing`].
async fn run<'a>(program: &'static str, arguments: impl IntoIterator<Item = &'a str>) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    match output {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            missing(program);
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
