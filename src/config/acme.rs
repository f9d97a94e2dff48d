//! `[listen.acme]`: certificates from an ACME server.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::formats::{self, OneOrMany};

/// `[listen.acme]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Acme {
    /// Directory of an ACME server (RFC 8555), such as `https://acme-v02.api.letsencrypt.org/directory`. The gateway
    /// gets a certificate for its host names, proves them on its https listener (TLS-ALPN-01), and renews it in time.
    /// Set it in place of `listen.certificate` and `listen.private_key`. You agree to the server's terms of service.
    #[schemars(with = "Option<formats::ServerUrl>")]
    pub directory: Option<Url>,
    /// Addresses that the ACME server may write to, such as `mailto:admin@example.com`.
    #[serde(default)]
    #[schemars(with = "Option<OneOrMany<formats::Name>>", !default)]
    pub contact: Vec<String>,
    /// Folder for account, certificate and private key. Only the gateway's user may read them.
    #[schemars(with = "formats::File", extend("default" = DEFAULT_CACHE))]
    pub cache: PathBuf,
    /// PEM file of certificate authorities that are trusted for the ACME server in addition to the public ones.
    #[schemars(with = "Option<formats::File>")]
    pub ca_file: Option<PathBuf>,
}

impl Default for Acme {
    fn default() -> Self {
        Self { directory: None, contact: Vec::new(), cache: DEFAULT_CACHE.into(), ca_file: None }
    }
}

/// The file in the folder that holds the certificate chain and the private key.
pub(super) const CERTIFICATE: &str = "certificate.pem";
pub(super) const DEFAULT_CACHE: &str = "/var/lib/imsgate/acme";
