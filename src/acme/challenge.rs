//! Self-signed certificates: the proof of a name (RFC 8737 §3), and the placeholder until the first certificate is issued.

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

use super::AcmeError;

/// The certificate that proves control of `domain` to the ACME server. `digest` is that of the key authorization.
pub(super) fn proof(domain: &str, digest: &[u8]) -> Result<CertifiedKey, AcmeError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![domain.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|reason| rustls::Error::General(reason.to_owned()))?;
    // rustls cannot check that key and certificate match: it rejects a certificate with this critical extension.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], aws_lc_rs::sign::any_supported_type(&key)?))
}

/// Certificate and key as PEM. The certificate has expired already, so that a real one is due.
pub(super) fn placeholder(domains: &[String]) -> Result<String, AcmeError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(domains.to_vec())?;
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2000, 1, 2);
    Ok(params.self_signed(&key)?.pem() + &key.serialize_pem())
}
