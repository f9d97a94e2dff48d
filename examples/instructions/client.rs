//! A client that sends one request at a time, over one TLS connection or over many, and a Campaign whose responses are all the same.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Outcome;

/// A client that resumes its TLS sessions as browsers do.
pub struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A TLS connection to the gateway.
pub struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// A client for this address that trusts this certificate.
    pub fn new(address: SocketAddr, certificate: &str) -> Outcome<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address, config: Arc::new(config) })
    }

    /// Waits until the gateway listens; fails when the gateway has ended.
    pub fn wait(&self, gateway: &mut Child) -> Outcome<()> {
        let until = Instant::now() + Duration::from_mins(2);
        while let Err(error) = TcpStream::connect(self.address) {
            if Instant::now() > until || gateway.try_wait()?.is_some() {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// A new connection.
    pub fn connect(&self) -> Outcome<Connection> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let connection = ClientConnection::new(self.config.clone(), ServerName::try_from("localhost")?)?;
        Ok(Connection(StreamOwned::new(connection, stream)))
    }
}

impl Connection {
    /// Closes the connection as a browser does: it sends `close_notify` and does not wait for the gateway's.
    pub fn close(mut self) -> Outcome<()> {
        self.0.conn.send_close_notify();
        Ok(self.0.flush()?)
    }

    /// Sends a request and reads the response, which must be a 200 with a body of `length` bytes.
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

/// Starts a Campaign that answers every request with `length` bytes and stops with this program.
pub fn campaign(length: usize) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + length, b'x');
    std::thread::spawn(move || {
        // One connection at a time is enough: the client sends one request at a time, so the gateway opens one connection.
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
