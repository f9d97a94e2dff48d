//! A TCP or TLS server in front of the Campaign simulator.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Copies between a connection and Campaign in both directions.
pub async fn join(mut stream: impl AsyncRead + AsyncWrite + Unpin, campaign: &str) {
    let mut campaign = TcpStream::connect(campaign.trim_start_matches("http://")).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut campaign).await;
}

/// A TLS server with this certificate. It offers no ALPN protocol.
pub fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap());
    TlsAcceptor::from(Arc::new(config.unwrap()))
}
