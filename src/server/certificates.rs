//! The certificates of the listener, selected by the name and the signature schemes in the client's hello.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Certificates with their keys, in the order of preference. The first one is for clients that ask for no known name.
#[derive(Debug)]
pub struct Certificates(Vec<Named>);

#[derive(Debug)]
struct Named {
    key: Arc<CertifiedKey>,
    /// In lower case; `*.` at the beginning stands for one label.
    names: Vec<String>,
}

impl Certificates {
    /// These certificates.
    pub fn new(keys: impl IntoIterator<Item = CertifiedKey>) -> Self {
        let named = |key: CertifiedKey| Named { names: names(&key), key: Arc::new(key) };
        let mut all: Vec<_> = keys.into_iter().map(named).collect();
        // ECDSA costs the gateway a tenth of what RSA does. The order is kept otherwise.
        let first = all.first().map(|first| first.names.clone()).unwrap_or_default();
        all.sort_by_key(|named| named.key.key.algorithm() == SignatureAlgorithm::RSA);
        all.sort_by_key(|named| named.names != first);
        Self(all)
    }

    /// The certificate for this name: one that has the name itself, else one with a wildcard, else the first.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let can_sign = |named: &&Named| named.key.key.choose_scheme(schemes).is_some();
        let find = |fits: &dyn Fn(&str) -> bool| {
            let mut with_name = self.0.iter().filter(|named| named.names.iter().any(|own| fits(own)));
            with_name.find(can_sign)
        };
        let known = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            find(&|own| own == name).or_else(|| {
                let parent = name.split_once('.')?.1;
                find(&|own| own.strip_prefix("*.") == Some(parent))
            })
        });
        known.or_else(|| self.0.iter().find(can_sign)).map(|named| named.key.clone())
    }
}

/// Certificates that prove names to an ACME server (RFC 8737), by name. The process has one listener for them all.
static PROOFS: LazyLock<ArcSwap<HashMap<String, Arc<CertifiedKey>>>> = LazyLock::new(ArcSwap::default);

/// Publishes the certificate that proves this name to an ACME server.
pub fn publish_proof(name: &str, certificate: CertifiedKey) {
    let certificate = Arc::new(certificate);
    PROOFS.rcu(|proofs| {
        let mut proofs = HashMap::clone(proofs);
        proofs.insert(name.to_ascii_lowercase(), certificate.clone());
        proofs
    });
}

/// The protocol that an ACME server asks for when it checks a name. No other client does.
pub const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == ACME_PROTOCOL)) {
            return PROOFS.load().get(&hello.server_name()?.to_ascii_lowercase()).cloned();
        }
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

/// The DNS names in the certificate (RFC 6125 §6.4: alternative names only).
fn names(key: &CertifiedKey) -> Vec<String> {
    let Some(certificate) = key.cert.first() else { return Vec::new() };
    let Ok((_, parsed)) = parse_x509_certificate(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(dns).collect()
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    fn certificate(names: &[&str], is_rsa: bool) -> CertifiedKey {
        let algorithm = if is_rsa { &PKCS_RSA_SHA256 } else { &PKCS_ECDSA_P256_SHA256 };
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        CertifiedKey::from_der(vec![certificate.der().clone()], key, &default_provider()).unwrap()
    }

    #[test]
    fn a_client_gets_the_certificate_for_its_name_and_its_signatures() {
        let all = Certificates::new([
            certificate(&["first.example.com"], true),
            certificate(&["*.example.com"], false),
            certificate(&["other.example.com", "third.example.org"], true),
            certificate(&["first.example.com"], false),
        ]);
        let (ecdsa, rsa) = (SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256);
        for (name, schemes, expected, is_rsa) in [
            (Some("first.example.com"), &[rsa, ecdsa][..], "first.example.com", false),
            (Some("FIRST.example.com"), &[rsa][..], "first.example.com", true),
            (Some("other.example.com"), &[rsa, ecdsa], "other.example.com", true),
            // A name with a certificate of its own that the client cannot verify.
            (Some("other.example.com"), &[ecdsa], "*.example.com", false),
            (Some("any.example.com"), &[rsa, ecdsa], "*.example.com", false),
            (Some("a.b.example.com"), &[rsa, ecdsa], "first.example.com", false),
            (Some("third.example.org"), &[rsa], "other.example.com", true),
            (Some("unknown.example.net"), &[rsa], "first.example.com", true),
            (None, &[rsa, ecdsa], "first.example.com", false),
        ] {
            let chosen = all.choose(name, schemes).unwrap();
            assert_eq!(names(&chosen)[0], expected, "{name:?}");
            assert_eq!(chosen.key.algorithm() == SignatureAlgorithm::RSA, is_rsa, "{name:?}");
        }
        assert!(all.choose(None, &[SignatureScheme::ED25519]).is_none());
    }
}
