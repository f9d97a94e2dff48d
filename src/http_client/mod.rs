//! The HTTP client. [`HttpClient`] calls IMS and [`Endpoint`] calls a Campaign server. Both follow no redirects, limit the size of
//! the body, and have one deadline for the whole exchange. [`Dialer`] opens connections to Campaign.

mod connect;
mod dial;
mod endpoint;
mod race;
mod tunnel;

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::files;

pub use connect::RacingConnector;
pub use dial::{DialedStream, Dialer, Target};
pub use endpoint::Endpoint;

use crate::policy::outbound_proxy::OutboundProxy;
use crate::wire::pem;

/// A connector for http and https addresses.
pub type Connector = HttpsConnector<RacingConnector>;

/// Sends single requests and reads complete responses. Clones share the connection pool.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    deadline: Duration,
}

/// Why there is no complete response.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection could not be opened, or it broke.
    #[error("no connection: {0}")]
    Connection(String),
    /// No complete response within the deadline.
    #[error("no complete response within {0:?}")]
    Deadline(Duration),
    /// The body is incomplete, or longer than the limit.
    #[error("the body of the response is incomplete or too long: {0}")]
    Body(String),
}

impl HttpClient {
    /// A client with this connector. `deadline` limits each exchange, including the body.
    pub fn new(connector: Connector, deadline: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self { client, deadline }
    }

    /// Sends one request and reads the whole response. If the connection fails, a GET is sent once more (RFC 9110 §9.2.2). Other
    /// methods are not repeated, because the server may have processed the request.
    ///
    /// # Errors
    /// [`HttpError`] when there is no complete response within the deadline.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.send_keeping_partial(request, &mut Vec::new()).await
    }

    /// Like [`send`](Self::send). When the body breaks off or the deadline passes, `partial` holds the bytes that arrived.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_keeping_partial(
        &self,
        request: Request<Bytes>,
        partial: &mut Vec<u8>,
    ) -> Result<Response<Bytes>, HttpError> {
        let repeat = (*request.method() == Method::GET).then(|| request.clone());
        let exchange = async {
            // Boxed: a future of hyper-util's client is large.
            match (Box::pin(self.exchange(request, partial)).await, repeat) {
                (Err(HttpError::Connection(reason)), Some(repeat)) => {
                    tracing::debug!(%reason, "connection failed; the GET is sent once more");
                    Box::pin(self.exchange(repeat, partial)).await
                }
                (outcome, _) => outcome,
            }
        };
        tokio::time::timeout(self.deadline, exchange).await.map_err(|_| HttpError::Deadline(self.deadline))?
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        partial: &mut Vec<u8>,
    ) -> Result<Response<Bytes>, HttpError> {
        // The error of the client itself only says in which step it failed; its cause says why.
        let broken = |e: ClientError| HttpError::Connection(e.source().map_or_else(|| e.to_string(), chain));
        let answer = self.client.request(request.map(Full::new)).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        let mut body = Limited::new(body, MAX_BODY);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| HttpError::Body(e.to_string()))?;
            if let Ok(data) = frame.into_data() {
                partial.extend_from_slice(&data);
            }
        }
        Ok(Response::from_parts(head, std::mem::take(partial).into()))
    }
}

/// A connector that trusts the public certificate authorities and those in `extra` (PEM). It connects through `proxy` if given.
///
/// # Errors
/// When the file cannot be read or has no certificate. The message names the file.
pub fn connector(
    extra: Option<&Path>,
    connect_timeout: Duration,
    proxy: Option<&OutboundProxy>,
) -> io::Result<Connector> {
    let tls = tls_config(extra, None)?;
    let http = RacingConnector::new(connect_timeout).through(proxy);
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http))
}

/// TLS for clients. Trusts the public certificate authorities and those in `extra` (PEM). `identity` is a client certificate chain
/// and its key (PEM).
///
/// # Errors
/// When a file cannot be read or its content is wrong. The message names the file.
pub fn tls_config(extra: Option<&Path>, identity: Option<(&Path, &Path)>) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra {
        for (index, certificate) in certificates(path)?.into_iter().enumerate() {
            roots
                .add(certificate)
                .map_err(|e| named(path, &format_args!("certificate {}: {e}", index + 1)))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    let Some((chain, key)) = identity else { return Ok(tls.with_no_client_auth()) };
    let file = Zeroizing::new(files::read(key).map_err(io::Error::other)?);
    let private = pem::private_key(&file).map_err(|e| named(key, &e))?;
    tls.with_client_auth_cert(certificates(chain)?, private).map_err(|e| match e {
        rustls::Error::InconsistentKeys(_) => {
            named(key, &format_args!("is not the key of the first certificate in {}", chain.display()))
        }
        e => named(key, &e),
    })
}

/// Reads all certificates of a PEM file.
fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let file = files::read(path).map_err(io::Error::other)?;
    pem::certificates(&file).map_err(|e| named(path, &e))
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The longest body that is read, in bytes. IMS sends a few kilobytes.
const MAX_BODY: usize = 1024 * 1024;
/// How long an idle connection is kept. Shorter than the shortest idle timeout of common servers (Node.js, 5 s), so that no
/// request goes into a connection that the server is closing. Long enough for all calls of one login.
const IDLE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers the first request of each connection and closes the connection after the second.
    async fn closes_after_second_request() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                let _ = stream.read(&mut request).await;
            }
        });
        format!("http://{address}/")
    }

    #[tokio::test]
    async fn after_a_closed_connection_a_get_is_repeated_and_a_post_is_not() {
        let deadline = Duration::from_secs(20);
        let client = HttpClient::new(connector(None, deadline, None).unwrap(), deadline);
        let url = closes_after_second_request().await;
        let send = async |method: Method| {
            let request = Request::builder().method(method).uri(&url).body(Bytes::new()).unwrap();
            client.send(request).await.map(|answer| answer.status().as_u16())
        };
        assert_eq!(send(Method::GET).await.unwrap(), 200);
        assert_eq!(send(Method::GET).await.unwrap(), 200);
        assert!(matches!(send(Method::POST).await, Err(HttpError::Connection(_))));
    }

    #[tokio::test]
    async fn a_response_has_a_size_limit_and_a_deadline() {
        let deadline = Duration::from_millis(500);
        let client = HttpClient::new(connector(None, deadline, None).unwrap(), deadline);
        let get = |url: &str| Request::get(url).body(Bytes::new()).unwrap();
        let answered = |answer: Vec<u8>| async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&answer).await;
                // Keeps the connection open until the client closes it.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
            url
        };
        let long = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b'x'; MAX_BODY + 1]].concat();
        let generous = HttpClient::new(connector(None, deadline, None).unwrap(), Duration::from_mins(1));
        let outcome = generous.send(get(&answered(long).await)).await;
        assert!(matches!(outcome, Err(HttpError::Body(_))), "{outcome:?}");
        for silent in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhal"] {
            let outcome = client.send(get(&answered(silent.into()).await)).await;
            assert!(matches!(outcome, Err(HttpError::Deadline(_))), "{silent:?}: {outcome:?}");
        }
    }
}
