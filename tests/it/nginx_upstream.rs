//! nginx as an upstream: files, ranges, conditions, encodings and persistent connections.

use std::fs;
use std::process::{Child, Command, Stdio};

use imsgate::config::Upstream;
use tempfile::TempDir;

use crate::support::request::RawRequest;
use crate::support::{Front, World, eventually, missing};

/// nginx on a Unix socket in its own folder. Ended when dropped.
struct Nginx {
    process: Child,
    folder: TempDir,
}

impl Nginx {
    /// `None` where nginx may be [`missing`].
    fn start() -> Option<Self> {
        let Some(program) = Front::program() else {
            missing("nginx");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir_all(path("files/r")).unwrap();
        fs::write(path("files/r/file.txt"), content()).unwrap();
        let configuration = format!(
            "daemon off; master_process off; pid {pid}; error_log stderr; worker_processes 1;\n\
             events {{ worker_connections 100; }}\n\
             http {{\n\
               access_log off; types {{ text/plain txt; }}\n\
               client_body_temp_path {temp}; proxy_temp_path {temp}; fastcgi_temp_path {temp};\n\
               uwsgi_temp_path {temp}; scgi_temp_path {temp};\n\
               gzip on; gzip_min_length 1; gzip_types text/plain; gzip_proxied any;\n\
               add_header X-Connection $connection always;\n\
               server {{ listen unix:{socket}; root {files}; }}\n\
             }}\n",
            pid = path("pid"),
            temp = path("temp"),
            socket = path("socket"),
            files = path("files"),
        );
        fs::write(path("nginx.conf"), configuration).unwrap();
        let process = Command::new(program)
            .args(["-p", &path(""), "-e", "stderr", "-c", &path("nginx.conf")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { process, folder })
    }

    /// A gateway with one worker in front of nginx.
    async fn world(&self) -> World {
        let socket = self.folder.path().join("socket");
        eventually(async || std::os::unix::net::UnixStream::connect(&socket).is_ok()).await;
        let upstream: Upstream = format!("unix:{}", socket.display()).parse().unwrap();
        World::builder()
            .instance(|instance| instance.campaign.upstreams = vec![upstream])
            .config(|config| config.listen.workers = 1)
            .start()
            .await
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Longer than any buffer between client and Campaign.
fn content() -> String {
    "0123456789".repeat(100_000)
}

#[tokio::test]
async fn files_ranges_conditions_and_encodings_pass_through_nginx_and_gateway_alike() {
    let Some(nginx) = Nginx::start() else { return };
    let world = nginx.world().await;
    let file = RawRequest::get("/r/file.txt");

    let whole = file.send_to(&world).await;
    assert_eq!((whole.status(), whole.text()), (200, content()));
    assert_eq!(whole.field("content-length"), Some("1000000"));
    let etag = whole.field("etag").unwrap().to_owned();

    let part = file.clone().with("Range: bytes=5-14").send_to(&world).await;
    assert_eq!((part.status(), part.text().as_str()), (206, "5678901234"));
    assert_eq!(part.field("content-range"), Some("bytes 5-14/1000000"));
    let parts = file.clone().with("Range: bytes=0-0,9-9").send_to(&world).await;
    assert!(parts.field("content-type").unwrap().starts_with("multipart/byteranges"));
    assert_eq!(file.clone().with("Range: bytes=2000000-").send_to(&world).await.status(), 416);

    let same = file.clone().with(&format!("If-None-Match: {etag}")).send_to(&world).await;
    assert_eq!((same.status(), same.text().as_str()), (304, ""));
    assert_eq!(file.clone().with("If-Match: \"other\"").send_to(&world).await.status(), 412);

    let head = RawRequest::new("HEAD", "/r/file.txt").send_to(&world).await;
    assert_eq!(
        (head.status(), head.field("content-length"), head.text().as_str()),
        (200, Some("1000000"), "")
    );

    let encoded = file.clone().with("Accept-Encoding: gzip").send_to(&world).await;
    assert_eq!(encoded.field("content-encoding"), Some("gzip"));
    assert_eq!(encoded.body[..2], [0x1f, 0x8b], "as nginx made it");
    assert!(encoded.body.len() < 100_000);

    assert_eq!(RawRequest::get("/r/none").send_to(&world).await.status(), 404);
    assert_eq!(RawRequest::post("/r/file.txt", "a=b").send_to(&world).await.status(), 405);
    world.stop().await;
}

#[tokio::test]
async fn one_connection_serves_request_after_request() {
    let Some(nginx) = Nginx::start() else { return };
    let world = nginx.world().await;
    let mut connections = std::collections::BTreeSet::new();
    for number in 0..20 {
        let ask = match number % 4 {
            0 => RawRequest::get("/r/file.txt"),
            1 => RawRequest::get("/r/file.txt").with("Accept-Encoding: gzip"),
            2 => RawRequest::new("HEAD", "/r/file.txt"),
            _ => RawRequest::get("/r/file.txt").with("Range: bytes=0-9"),
        };
        let answer = ask.send_to(&world).await;
        connections.insert(answer.field("x-connection").unwrap().to_owned());
    }
    assert_eq!(connections.len(), 1, "{connections:?}");
    world.stop().await;
}
