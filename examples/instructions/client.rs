//! A client that asks one thing after the other over one TLS connection, and a Campaign that always answers the same.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Outcome;

/// A client's connection.
pub struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// Tries until the gateway listens; gives up when it has ended.
    pub fn connect(address: SocketAddr, certificate: &str, gateway: &mut Child) -> Outcome<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let until = Instant::now() + Duration::from_mins(2);
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > until || gateway.try_wait()?.is_some() => {
                    return Err(error.into());
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
        Ok(Self(StreamOwned::new(connection, stream)))
    }

    /// Sends a request and reads the answer, which must be a 200 with a body of `length` bytes.
    pub fn ask(&mut self, request: &str, length: usize) -> Outcome<()> {
        self.0.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let mut piece = [0; 16 * 1024];
        let whole = loop {
            let count = self.0.read(&mut piece)?;
            answer.extend_from_slice(&piece[..count]);
            let end = answer.windows(4).take(MAX_HEAD).position(|window| window == b"\r\n\r\n");
            if count == 0 || end.is_some_and(|end| answer.len() >= end + 4 + length) {
                break end.is_some_and(|end| answer.len() == end + 4 + length);
            }
        };
        if whole && answer.starts_with(b"HTTP/1.1 200") {
            return Ok(());
        }
        answer.truncate(MAX_HEAD);
        Err(String::from_utf8_lossy(&answer).into_owned().into())
    }
}

/// Starts a Campaign that answers every request with `length` bytes; it lives as long as this program.
pub fn campaign(length: usize) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + length, b'x');
    std::thread::spawn(move || {
        // One after the other: the gateway has one connection, for the client asks one thing at a time.
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                if line == "\r\n" && lines.get_mut().write_all(&answer).is_err() {
                    break;
                }
                line.clear();
            }
        }
    });
    Ok(address)
}

const MAX_HEAD: usize = 4096;
