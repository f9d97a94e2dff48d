//! TLS connections to the gateway, and bytes over them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An open TLS connection.
pub type Stream = tokio_rustls::client::TlsStream<TcpStream>;
/// The certificates a client trusts.
pub type Trust = Arc<RootCertStore>;

pub const HTTP_1: &[u8] = b"http/1.1";
pub const HTTP_2: &[u8] = b"h2";

/// Trusts this certificate and no other.
pub fn trust(certificate: &str) -> Trust {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    Arc::new(roots)
}

/// Opens a connection under the name `localhost` that speaks this protocol.
pub async fn connect(address: SocketAddr, trust: &Trust, protocol: &[u8]) -> Stream {
    let stream = TcpStream::connect(address).await.unwrap();
    // As browsers do.
    stream.set_nodelay(true).unwrap();
    tls(stream, trust, protocol).await.unwrap()
}

/// The same over any stream.
pub async fn tls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    trust: &Trust,
    protocol: &[u8],
) -> io::Result<tokio_rustls::client::TlsStream<S>> {
    let config = Arc::new(client(trust, protocol, aws_lc_rs::default_provider(), ALL_VERSIONS));
    TlsConnector::from(config).connect(name(), stream).await
}

/// A client with its own ticket cache.
pub fn client(
    trust: &Trust,
    protocol: &[u8],
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(trust.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// The name in the certificate.
pub fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Writes everything, then reads until the peer closes, or is silent after its first bytes.
pub async fn exchange(mut stream: Stream, bytes: &[u8]) -> Vec<u8> {
    // A peer that refuses early may close before it has read all.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut answer = Vec::new();
    let mut patience = FIRST_BYTE;
    while let Ok(Ok(1..)) = tokio::time::timeout(patience, stream.read_buf(&mut answer)).await {
        patience = SILENCE;
    }
    answer
}

const FIRST_BYTE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);
