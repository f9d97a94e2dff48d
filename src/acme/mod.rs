//! A certificate from an ACME server (RFC 8555): obtained, kept on disk, renewed in time.
//!
//! `order` talks to the server, `challenge` makes the certificates that prove a name (TLS-ALPN-01, RFC 8737), `cache` stores account
//! and certificate. `app::file_watch` notices the new file, and the gateway loads it.

mod cache;
mod challenge;
mod order;

use std::path::PathBuf;
use std::time::Duration;

use rustls::sign::CertifiedKey;
use url::Url;

use self::cache::Cache;
use crate::clock::Clock;
use crate::config;

/// Which certificate to order, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    directory: Url,
    contact: Vec<String>,
    cache: PathBuf,
    ca_file: Option<PathBuf>,
    /// The file of certificate and key.
    file: PathBuf,
    /// The names in the certificate.
    domains: Vec<String>,
}

/// Shows a certificate to the ACME server when it asks for this domain.
pub type Publish = fn(&str, CertifiedKey);

/// Why no certificate was obtained.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The server refuses, or does not answer.
    #[error("{0}")]
    Server(#[from] instant_acme::Error),
    /// The server does not offer TLS-ALPN-01.
    #[error("the server does not offer the challenge tls-alpn-01 for {0}")]
    NoChallenge(String),
    /// The server could not check a name.
    #[error(
        "the server did not accept the proof for {0}; it must reach the https listener on port 443 of these names"
    )]
    Refused(String),
    /// A key or certificate cannot be made.
    #[error("{0}")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not accept it.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// A file cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Plan {
    /// The plan of this configuration; `None` without `listen.acme.directory`. Hosts that are IP addresses are left out.
    pub fn of(listen: &config::Listen, hosts: impl Iterator<Item = String>) -> Option<Self> {
        let directory = listen.acme.directory.clone()?;
        let mut domains: Vec<String> = hosts
            .filter(|host| url::Host::parse(host).is_ok_and(|host| matches!(host, url::Host::Domain(_))))
            .collect();
        domains.sort_unstable();
        domains.dedup();
        Some(Self {
            directory,
            contact: listen.acme.contact.clone(),
            cache: listen.acme.cache.clone(),
            ca_file: listen.acme.ca_file.clone(),
            file: listen.certificate.clone(),
            domains,
        })
    }

    /// The names in the certificate.
    pub fn into_domains(self) -> Vec<String> {
        self.domains
    }

    /// Makes a placeholder certificate if there is none: the listener must run before the ACME server can check it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn prepare(&self) -> Result<(), AcmeError> {
        let cache = Cache::new(&self.cache, &self.file);
        cache.make_folder()?;
        if !self.file.exists() {
            cache.save_certificate(&challenge::placeholder(&self.domains)?)?;
        }
        Ok(())
    }

    /// Renews the certificate in time. Runs for ever, on the control runtime.
    pub async fn keep(self, clock: Clock, publish: Publish) {
        let cache = Cache::new(&self.cache, &self.file);
        let mut pause = FIRST_PAUSE;
        loop {
            let due = cache.due(&self.domains, clock.now());
            if !due.is_zero() {
                tokio::time::sleep(due.min(LONGEST_SLEEP)).await;
                continue;
            }
            let domains = self.domains.join(", ");
            match order::obtain(&self, &cache, publish).await {
                Ok(()) => {
                    tracing::info!(domains, "a new certificate came from the ACME server");
                    pause = FIRST_PAUSE;
                    // The server may issue certificates that are due at once: do not order them in a busy loop.
                    tokio::time::sleep(FIRST_PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(domains, %error, "no certificate from the ACME server; trying again in {pause:?}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// Wait after a failure; the next ones double it. ACME servers limit orders and failed proofs.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_hours(6);
/// Sleeps are short because the clock may be set, and a suspended machine may resume.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);
