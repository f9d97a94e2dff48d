//! The demo's temporary certificate.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256,
};

/// A self-signed certificate and its key (ECDSA P-256), both PEM, for these host names and addresses.
///
/// The key exists only in memory. Browsers warn because they do not trust the certificate.
///
/// # Panics
/// When a host is not a DNS name or an IP address. Callers pass constants.
#[expect(clippy::expect_used, reason = "the inputs are constants; the demo cannot run without a certificate")]
pub fn certificate(hosts: &[&str]) -> (String, String) {
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("hosts are DNS names or addresses");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "imsgate demo, temporary");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a P-256 key");
    let certificate = params.self_signed(&key).expect("a self-signed certificate");
    (certificate.pem(), key.serialize_pem())
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};

    #[test]
    fn certificate_and_key_serve_a_tls_listener() {
        let (cert, key) = super::certificate(&["localhost", "127.0.0.1", "::1"]);
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .unwrap();
    }
}
