//! A long upload through a gateway process: its memory does not grow with the upload.

use std::fs;
use std::process::{Child, Command, Stdio};

use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use imsgate::demo;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::bodies::{LENGTH, counted};
use crate::support::{eventually, wire};

/// The gateway; ended when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_soap_call_with_a_long_attachment_does_not_grow_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, key) = demo::certificate(&["localhost"]);
    fs::write(path("cert.pem"), &certificate).unwrap();
    crate::support::write_secret(path("key.pem").as_ref(), &key);
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "[ims]\nserver = \"http://127.0.0.1:9\"\nclient_id = \"c\"\nclient_secret = \"s\"\n\
         scope = \"openid read_organizations\"\ncallback_server = \"https://localhost:{port}\"\n\
         organization_id = \"4E3D60F754C8E5D0A4C98A2@AdobeOrg\"\nassociation_mask = \"x\"\n\
         [campaign]\nupstream = \"http://{upstream}\"\npublic_paths = [\"/nl/jsp/soaprouter.jsp\"]\n\
         [session]\nstore = \"memory\"\n\
         [listen]\nhttps = \"{free}\"\nworkers = 1\ncertificate = \"{cert}\"\nprivate_key = \"{key}\"\n",
        port = free.port(),
        upstream = upstream.local_addr().unwrap(),
        cert = path("cert.pem"),
        key = path("key.pem"),
    );
    fs::write(path("imsgate.toml"), config).unwrap();
    let gateway = Command::new(env!("CARGO_BIN_EXE_imsgate"))
        .args(["serve", "--config", &path("imsgate.toml")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let gateway = Process(gateway);
    tokio::spawn(async move {
        while let Ok((stream, _)) = upstream.accept().await {
            tokio::spawn(swallow(stream));
        }
    });
    eventually(async || TcpStream::connect(free).await.is_ok()).await;

    let mut peaks = Vec::new();
    for _ in 0..2 {
        let stream = wire::connect(free, &wire::trust(&certificate), wire::HTTP_1).await;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let call = Request::post("/nl/jsp/soaprouter.jsp")
            .header("host", format!("localhost:{}", free.port()))
            .header("soapaction", "\"nms:rtEvent#PushEvent\"")
            .header("content-type", "multipart/related; type=\"application/xop+xml\"; boundary=x");
        let answer = sender.send_request(call.body(counted()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), LENGTH.to_string());
        peaks.push(peak(&gateway.0));
    }
    // Only the buffers of one connection; the upload has 200 MB.
    assert!(peaks[1] < 150 << 20, "{peaks:?}");
    assert!(peaks[1] < peaks[0] + (16 << 20), "{peaks:?}");
}

/// Reads one chunked request and answers with the length of its body.
async fn swallow(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await?;
    }
    let (mut length, mut chunk) = (0, Vec::new());
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        chunk.resize(size + 2, 0);
        stream.read_exact(&mut chunk).await?;
        length += size;
        if size == 0 {
            break;
        }
    }
    let body = length.to_string();
    let answer =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await
}

/// The peak resident memory of the process in bytes (`VmHWM` of proc(5)).
fn peak(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
