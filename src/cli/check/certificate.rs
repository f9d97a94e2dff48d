//! The gateway's certificate and key, and extra certificate authorities.

use std::path::Path;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use x509_parser::parse_x509_certificate;

use super::files;
use super::report::Item;
use crate::clock::UnixTime;
use crate::config::{Config, Places};

/// Certificate and key: readable, belonging together, within their dates, for the right host.
pub(super) fn check(config: &Config, places: &Places, now: UnixTime) -> Vec<Item> {
    let mut items = Vec::new();
    let chain =
        read_chain(places, CERTIFICATE, &config.listen.certificate).map_err(|item| items.push(item)).ok();
    let key = read_key(places, &config.listen.private_key).map_err(|item| items.push(item)).ok();
    if let Some(chain) = &chain {
        items.push(dates(places, chain, now));
        items.extend(hosts(config, places, &chain[0]));
    }
    if let (Some(chain), Some(key)) = (chain, key) {
        items.push(pair(places, chain, key));
        let path = &config.listen.private_key;
        let item =
            files::private(places, PRIVATE_KEY, path, "readable by the gateway's user and group alone");
        items.push(item);
    }
    items
}

/// A file of certificate authorities.
pub(super) fn authorities(places: &Places, key: &str, path: &Path) -> Item {
    let chain = match read_chain(places, key, path) {
        Ok(chain) => chain,
        Err(item) => return item,
    };
    let mut roots = rustls::RootCertStore::empty();
    match roots.add_parsable_certificates(chain) {
        (0, _) => Item::stops(
            places,
            key,
            format!("{} holds no certificate that can be a certificate authority", path.display()),
            MEND_PEM,
        ),
        (added, _) => Item::ok(places, key, format!("{added} certificate authorities")),
    }
}

fn read_chain(places: &Places, key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Item> {
    let name = path.display();
    let bytes = read(places, key, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if chain.is_empty() => {
            Err(Item::stops(places, key, format!("{name} holds no PEM certificate"), MEND_PEM))
        }
        Ok(chain) => Ok(chain),
        Err(error) => Err(Item::stops(places, key, format!("{name} is not PEM: {error}"), MEND_PEM)),
    }
}

fn read_key(places: &Places, path: &Path) -> Result<PrivateKeyDer<'static>, Item> {
    let bytes = read(places, PRIVATE_KEY, path)?;
    // The text of a PEM error never holds the key, but says nothing to people either.
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let message = format!("{} holds no PEM private key", path.display());
        let mend = "write an unencrypted PKCS #8, PKCS #1 or SEC 1 key in PEM form";
        Item::stops(places, PRIVATE_KEY, message, mend)
    })
}

fn read(places: &Places, key: &str, path: &Path) -> Result<Vec<u8>, Item> {
    std::fs::read(path).map_err(|error| {
        let mend =
            "relative paths start at the working directory; the gateway's user must be able to read the file";
        Item::stops(places, key, format!("cannot read {}: {error}", path.display()), mend)
    })
}

fn dates(places: &Places, chain: &[CertificateDer<'_>], now: UnixTime) -> Item {
    let renew = "renew the certificate";
    for (number, certificate) in chain.iter().enumerate() {
        let which = if number == 0 {
            "the certificate".to_owned()
        } else {
            format!("certificate {} of the chain", number + 1)
        };
        let Ok((_, parsed)) = parse_x509_certificate(certificate) else {
            return Item::stops(
                places,
                CERTIFICATE,
                format!("{which} is not an X.509 certificate"),
                MEND_PEM,
            );
        };
        let (from, until) = (parsed.validity.not_before.timestamp(), parsed.validity.not_after.timestamp());
        if now.0 > until {
            return Item::stops(places, CERTIFICATE, format!("{which} expired on {}", day(until)), renew);
        }
        if now.0 < from {
            let message = format!("{which} is not valid before {}", day(from));
            return Item::stops(places, CERTIFICATE, message, "check the clock of this machine, or wait");
        }
        if until - now.0 < SOON {
            return Item::warning(places, CERTIFICATE, format!("{which} expires on {}", day(until)), renew);
        }
        if number + 1 == chain.len() {
            let until = parse_x509_certificate(&chain[0])
                .map_or(until, |(_, own)| own.validity.not_after.timestamp());
            return Item::ok(places, CERTIFICATE, format!("valid until {}", day(until)));
        }
    }
    Item::stops(places, CERTIFICATE, "the chain is empty", MEND_PEM)
}

fn hosts(config: &Config, places: &Places, certificate: &CertificateDer<'_>) -> Vec<Item> {
    let parsed = match ParsedCertificate::try_from(certificate) {
        Ok(parsed) => parsed,
        Err(error) => {
            return vec![Item::stops(
                places,
                CERTIFICATE,
                format!("rustls cannot use it: {error}"),
                MEND_PEM,
            )];
        }
    };
    let covers = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(host).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    let mend = "get a certificate with that name as subject alternative name";
    let callback = config.instance.ims.callback_server.host_str().unwrap_or_default();
    let mut items = vec![if covers(callback) {
        Item::ok(places, CERTIFICATE, format!("covers {callback}"))
    } else {
        let message = format!("does not cover {callback}, the host of ims.callback_server");
        Item::stops(places, CERTIFICATE, message, mend)
    }];
    let uncovered = config.instance.campaign.hosts.iter().filter(|host| !covers(host));
    items.extend(uncovered.map(|host| {
        Item::warning(places, CERTIFICATE, format!("does not cover {host}, one of campaign.hosts"), mend)
    }));
    items
}

fn pair(places: &Places, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Item {
    let key = match aws_lc_rs::default_provider().key_provider.load_private_key(key) {
        Ok(key) => key,
        Err(_) => {
            let message = "rustls cannot use this kind of key";
            return Item::stops(
                places,
                PRIVATE_KEY,
                message,
                "use an ECDSA P-256 or RSA key of 2048 bits or more",
            );
        }
    };
    match CertifiedKey::new(chain, key).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => Item::stops(
            places,
            PRIVATE_KEY,
            "does not belong to the first certificate of listen.certificate",
            "use the key of that certificate; the gateway's own certificate stands first in the chain",
        ),
        _ => Item::ok(places, PRIVATE_KEY, "belongs to the certificate"),
    }
}

fn day(timestamp: i64) -> String {
    OffsetDateTime::from_unix_timestamp(timestamp)
        .map_or_else(|_| "an unknown day".to_owned(), |at| at.date().to_string())
}

const CERTIFICATE: &str = "listen.certificate";
const PRIVATE_KEY: &str = "listen.private_key";
const MEND_PEM: &str = "the file must hold certificates as -----BEGIN CERTIFICATE----- blocks";
/// Seconds: two weeks to renew.
const SOON: i64 = 14 * 86_400;
