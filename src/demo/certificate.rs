//! The demo's throw-away certificate.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256,
};

/// A self-signed certificate and its key (ECDSA P-256), both PEM, for the host names and addresses given.
///
/// The key exists in memory only. Browsers do not know the issuer and warn.
///
/// # Panics
/// If a host is not a DNS name or an IP address: callers pass fixed ones.
#[expect(clippy::expect_used, reason = "fixed inputs; a demo without a certificate cannot go on")]
pub fn certificate(hosts: &[&str]) -> (String, String) {
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("hosts are DNS names or addresses");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "imsgate demo, throw-away");
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
