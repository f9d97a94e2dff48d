//! TLS of the server: rustls with aws-lc-rs, TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedCipherSuite};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::certificates::{ACME_PROTOCOL, Certificates};
use crate::files::{self, FileProblem};
use crate::wire::pem::{self, PemError};

/// Certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read or contains nothing usable.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not match, or rustls does not accept them.
    #[error("certificate and key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
}

/// The configuration from pairs of PEM files: a certificate chain and its key. Tickets of the `previous` configuration stay valid.
pub fn server_config<'p>(
    files: impl IntoIterator<Item = (&'p Path, &'p Path)>,
    previous: Option<&ServerConfig>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let keys = files.into_iter().map(|(certificate, key)| read_pair(certificate, key));
    build(Certificates::new(keys.collect::<Result<Vec<_>, _>>()?), previous)
}

fn read_pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let read = |path: &Path| {
        files::read(path).map_err(|error| {
            let fix =
                if matches!(error.problem, FileProblem::Missing) { NO_CERTIFICATE } else { &error.fix() };
            TlsError::File { path: path.to_owned(), reason: format!("{}; {fix}", error.reason()) }
        })
    };
    let refused = |path: &Path, reason: String| TlsError::File { path: path.to_owned(), reason };
    let (chain, key_pem) = (read(certificate)?, Zeroizing::new(read(key)?));
    let chain = pem::certificates(&chain).map_err(|e| refused(certificate, e.to_string()))?;
    let private = pem::private_key(&key_pem).map_err(|e| refused(key, e.to_string()))?;
    pair(chain, private).map_err(|error| match error {
        TlsError::Pair(rustls::Error::InconsistentKeys(_)) => {
            refused(key, format!("is not the key of the first certificate in {}", certificate.display()))
        }
        error => error,
    })
}

/// The configuration from PEM texts.
pub fn server_config_from_pem(certificate: &str, key: &str) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |e: PemError| TlsError::Pair(rustls::Error::General(e.to_string()));
    let chain = pem::certificates(certificate.as_bytes()).map_err(wrong)?;
    let pair = pair(chain, pem::private_key(key.as_bytes()).map_err(wrong)?)?;
    build(Certificates::new([pair]), None)
}

fn pair(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, TlsError> {
    Ok(CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?)
}

fn build(certificates: Certificates, previous: Option<&ServerConfig>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = CryptoProvider { cipher_suites: SUITES.to_vec(), ..aws_lc_rs::default_provider() };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    config.ignore_client_order = true;
    // Some HTTP/1.0 tools offer nothing else (RFC 7301 §6).
    config.alpn_protocols =
        vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec(), ACME_PROTOCOL.to_vec()];
    // Without a ticketer, sessions to resume would be kept in memory, at most 256.
    config.ticketer = match previous {
        Some(previous) => previous.ticketer.clone(),
        None => aws_lc_rs::Ticketer::new()?,
    };
    // Each ticket is used once and brings the next one. A browser has one HTTP/2 connection, so it needs no second ticket.
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// What to do when certificate or key is missing.
pub const NO_CERTIFICATE: &str = "for development, certs/make-dev.sh makes certs/gateway.pem and certs/gateway.key; for production, name \
     the files of your certificate authority in listen.certificate and listen.private_key (certs/README.md)";

/// Preferred suites, in the server's order. OpenSSL clients prefer AES-256, and with it SHA-384 for the keys of a handshake. This is ten
/// times slower than SHA-256 on processors with instructions for it. A client that offers only AES-256 gets it.
const SUITES: &[SupportedCipherSuite] = &[
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];
