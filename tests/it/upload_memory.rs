//! Long uploads through a gateway process: its memory does not grow with them, even if the gateway scans them.

use std::fs;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use imsgate::demo;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::bodies::{CHUNK, Chunks, LENGTH, around, counted};
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
async fn long_attachments_envelopes_and_forms_pass_untouched_and_do_not_grow_memory() {
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
         [campaign]\nupstream = \"http://{upstream}\"\npublic_paths = [\"/nl/jsp/soaprouter.jsp\", \"/nl/jsp/uploadFile.jsp\"]\n\
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
    for (path, kind, body) in uploads() {
        let stream = wire::connect(free, &wire::trust(&certificate), wire::HTTP_1).await;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let length = body.length;
        let call = Request::post(path)
            .header("host", format!("localhost:{}", free.port()))
            .header("soapaction", "\"nms:rtEvent#PushEvent\"")
            .header("content-type", kind);
        let answer = sender.send_request(call.body(body.chunks).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{kind}");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), length.to_string(), "{kind}");
        peaks.push(peak(&gateway.0));
    }
    // Only the buffers of one connection; the first uploads have 200 MB.
    assert!(peaks.iter().all(|peak| *peak < 150 << 20), "{peaks:?}");
    assert!(peaks.iter().all(|peak| *peak < peaks[0] + (16 << 20)), "{peaks:?}");
}

/// Path, media type and body of each upload. The first comes twice: later ones are compared with it.
fn uploads() -> Vec<(&'static str, &'static str, Upload)> {
    const SOAP: &str = "/nl/jsp/soaprouter.jsp";
    const XOP: &str = "multipart/related; type=\"application/xop+xml\"; boundary=x";
    let envelope = "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body>\
        <PushEvent xmlns='urn:nms:rtEvent'><sessiontoken/><rtEvents>";
    let end = "</rtEvents></PushEvent></E:Body></E:Envelope>";
    let file = "--x\r\nContent-Disposition: form-data; name=\"file_noMd5\"; filename=\"a\"\r\n\r\n<a><!-- \r\n--w is near -->";
    vec![
        (SOAP, XOP, Upload { length: LENGTH, chunks: counted() }),
        (SOAP, XOP, Upload { length: LENGTH, chunks: counted() }),
        (
            SOAP,
            "text/xml",
            Upload::between(envelope, "<rtEvent email='a@example.com'>aGVsbG8=</rtEvent>", end),
        ),
        (SOAP, "application/soap+xml", Upload::between(envelope, &"aGVsbG8g".repeat(64), end)),
        (
            "/nl/jsp/uploadFile.jsp",
            "multipart/form-data; boundary=x",
            Upload::between(file, "some bytes\r\n--y", "\r\n--x--\r\n"),
        ),
        (
            "/nl/jsp/uploadFile.jsp",
            "application/x-www-form-urlencoded",
            Upload::between("a=", "b&__sessio=c&long", "&d=e"),
        ),
    ]
}

/// Bytes of a body that the gateway scans. Without optimization this is slow; e2e/uploads.test.mjs sends 200 MB.
const SCANNED: usize = if cfg!(debug_assertions) { LENGTH / 5 } else { LENGTH };

/// A body and its length.
struct Upload {
    length: usize,
    chunks: Chunks,
}

impl Upload {
    /// About [`SCANNED`] bytes of this filling between a beginning and an end.
    fn between(beginning: &str, filling: &str, end: &str) -> Self {
        let chunk = Bytes::from(filling.repeat(CHUNK / filling.len()));
        let count = SCANNED / chunk.len();
        let (beginning, end) = (Bytes::from(beginning.to_owned()), Bytes::from(end.to_owned()));
        Self {
            length: beginning.len() + count * chunk.len() + end.len(),
            chunks: around(beginning, chunk, count, end),
        }
    }
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
