//! Checks the gateway's certificate and key, and files of certificate authorities.

use std::path::Path;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use x509_parser::parse_x509_certificate;

use super::report::{CheckedKey, Item};
use crate::config::{Config, Places};
use crate::files::{self, FileProblem};
use crate::server::NO_CERTIFICATE;
use crate::unix_time::UnixTime;
use crate::wire::pem;

/// Checks that certificate and key are readable, belong together, are currently valid, and cover the host names.
pub(super) fn check(config: &Config, places: &Places, now: UnixTime) -> Vec<Item> {
    let mut items = Vec::new();
    let mut own = Vec::new();
    for (index, (certificate, private_key)) in config.listen.certificate_files().enumerate() {
        if let Some(directory) = config.listen.acme.directory.as_ref().filter(|_| index == 0)
            && !certificate.exists()
        {
            let message = format!("the gateway gets a certificate from {directory} when it starts");
            items.push(CheckedKey::new(places, "listen.acme.directory").ok(message));
            continue;
        }
        let section = match index {
            0 => "listen".to_owned(),
            _ => format!("listen.certificates[{}]", index - 1),
        };
        let names = [format!("{section}.certificate"), format!("{section}.private_key")];
        let [of_chain, of_key] = names.each_ref().map(|name| CheckedKey::new(places, name));
        let chain = read_chain(of_chain, certificate).map_err(|item| items.push(item)).ok();
        let key = read_key(of_key, private_key).map_err(|item| items.push(item)).ok();
        if let Some(chain) = &chain {
            items.push(dates(of_chain, chain, now));
            own.push(chain[0].clone());
        }
        if let (Some(chain), Some(key)) = (chain, key) {
            items.push(pair(of_key, &names[0], chain, key));
            items.push(of_key.ok("readable only by the gateway's user and group"));
        }
    }
    if !own.is_empty() {
        items.extend(hosts(config, places, &own));
    }
    items
}

/// Checks a file of certificate authorities.
pub(super) fn authorities(key: CheckedKey<'_>, path: &Path) -> Item {
    let chain = match read_chain(key, path) {
        Ok(chain) => chain,
        Err(item) => return item,
    };
    let mut roots = rustls::RootCertStore::empty();
    // Like `serve`: one unusable certificate is an error.
    let count = chain.len();
    for (index, certificate) in chain.into_iter().enumerate() {
        if let Err(error) = roots.add(certificate) {
            let message = format!(
                "{}: certificate {} cannot be a certificate authority: {error}",
                path.display(),
                index + 1
            );
            return key.error(message, FIX_PEM);
        }
    }
    key.ok(format!("{count} certificate authorities"))
}

fn read_chain(key: CheckedKey<'_>, path: &Path) -> Result<Vec<CertificateDer<'static>>, Item> {
    let bytes = read(key, path)?;
    pem::certificates(&bytes).map_err(|error| key.error(format!("{}: {error}", path.display()), FIX_PEM))
}

fn read_key(key: CheckedKey<'_>, path: &Path) -> Result<PrivateKeyDer<'static>, Item> {
    let bytes = read(key, path)?;
    pem::private_key(&bytes).map_err(|error| {
        let fix = "write an unencrypted PKCS #8, PKCS #1 or SEC 1 key in PEM form";
        key.error(format!("{}: {error}", path.display()), fix)
    })
}

fn read(key: CheckedKey<'_>, path: &Path) -> Result<Vec<u8>, Item> {
    files::read(path).map_err(|error| {
        let is_missing = matches!(error.problem, FileProblem::Missing) && key.key.starts_with("listen.");
        let fix = if is_missing { NO_CERTIFICATE } else { &error.fix() };
        key.error(format!("cannot read {}: {}", path.display(), error.reason()), fix)
    })
}

fn dates(key: CheckedKey<'_>, chain: &[CertificateDer<'_>], now: UnixTime) -> Item {
    let renew = "renew the certificate";
    for (number, certificate) in chain.iter().enumerate() {
        let which = if number == 0 {
            "the certificate".to_owned()
        } else {
            format!("certificate {} of the chain", number + 1)
        };
        let Ok((_, parsed)) = parse_x509_certificate(certificate) else {
            return key.error(format!("{which} is not an X.509 certificate"), FIX_PEM);
        };
        let (from, until) = (parsed.validity.not_before.timestamp(), parsed.validity.not_after.timestamp());
        if now.0 > until {
            return key.error(format!("{which} expired on {}", day(until)), renew);
        }
        if now.0 < from {
            let message = format!("{which} is not valid before {}", day(from));
            return key.error(message, "check the clock of this machine, or wait");
        }
        if until - now.0 < SOON {
            return key.warning(format!("{which} expires on {}", day(until)), renew);
        }
        if number + 1 == chain.len() {
            let until = parse_x509_certificate(&chain[0])
                .map_or(until, |(_, own)| own.validity.not_after.timestamp());
            return key.ok(format!("valid until {}", day(until)));
        }
    }
    key.error("the chain is empty", FIX_PEM)
}

fn hosts(config: &Config, places: &Places, own: &[CertificateDer<'_>]) -> Vec<Item> {
    let certificate = CheckedKey::new(places, "listen.certificate");
    let mut parsed = Vec::new();
    for one in own {
        match ParsedCertificate::try_from(one) {
            Ok(one) => parsed.push(one),
            Err(error) => {
                let message = format!("rustls cannot use it: {error}");
                return vec![certificate.error(message, FIX_PEM)];
            }
        }
    }
    let covers = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(host)
            .is_ok_and(|name| parsed.iter().any(|own| verify_server_name(own, &name).is_ok()))
    };
    let fix = "get a certificate with that name as subject alternative name";
    let callbacks = config.instances.iter().filter_map(|instance| instance.ims.callback_server.host_str());
    let at_callback = callbacks.map(|callback| {
        if covers(callback) {
            return certificate.ok(format!("covers {callback}"));
        }
        let message = format!("does not cover {callback}, the host of ims.callback_server");
        certificate.error(message, fix)
    });
    let mut items: Vec<Item> = at_callback.collect();
    let of_signed_in = config.instances.iter().flat_map(|instance| &instance.campaign.hosts);
    let of_public = config.public_instances.iter().flat_map(|instance| &instance.campaign.hosts);
    let uncovered = of_signed_in.chain(of_public).filter(|host| !covers(host));
    items.extend(
        uncovered
            .map(|host| certificate.warning(format!("does not cover {host}, one of campaign.hosts"), fix)),
    );
    items
}

fn pair(
    of_key: CheckedKey<'_>,
    name_of_chain: &str,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Item {
    let Ok(key) = aws_lc_rs::default_provider().key_provider.load_private_key(key) else {
        let message = "rustls cannot use this kind of key";
        return of_key.error(message, "use an ECDSA P-256 or RSA key of 2048 bits or more");
    };
    match CertifiedKey::new(chain, key).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => of_key.error(
            format!("does not belong to the first certificate of {name_of_chain}"),
            "use the key of that certificate; the gateway's own certificate comes first in the chain",
        ),
        _ => of_key.ok("belongs to the certificate"),
    }
}

fn day(timestamp: i64) -> String {
    OffsetDateTime::from_unix_timestamp(timestamp)
        .map_or_else(|_| "an unknown day".to_owned(), |at| at.date().to_string())
}

const FIX_PEM: &str = "the file must contain certificates as -----BEGIN CERTIFICATE----- blocks";
/// Warn this many seconds before a certificate expires: two weeks.
const SOON: i64 = 14 * 86_400;

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;

    use super::super::report::Severity;
    use super::*;
    use crate::config::read;

    /// A folder with a certificate for `name` from 2026 to 2027, a key, and a configuration that names both.
    fn world(name: &str, own_key: bool) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        let key = if own_key { key } else { KeyPair::generate().unwrap() };
        fs::write(folder.path().join("c.pem"), certificate.pem()).unwrap();
        fs::write(folder.path().join("k.pem"), key.serialize_pem()).unwrap();
        fs::set_permissions(folder.path().join("k.pem"), fs::Permissions::from_mode(0o600)).unwrap();
        folder
    }

    fn serve(folder: &TempDir) -> Result<std::sync::Arc<rustls::ServerConfig>, crate::server::TlsError> {
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        crate::server::server_config([(certificate.as_path(), key.as_path())], None)
    }

    fn findings(folder: &TempDir, now: i64) -> Vec<(Severity, String)> {
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "[ims]\nserver = \"https://ims.example.com\"\nclient_id = \"a\"\nclient_secret = \"b\"\n\
             scope = \"openid,read_organizations\"\ncallback_server = \"https://campaign.example.com\"\n\
             organization_id = \"4E3D60F754C8E5D0A4C98A2@AdobeOrg\"\nassociation_mask = \"C - (.*)\"\n\
             [campaign]\nupstream = \"http://127.0.0.1:1\"\n\
             [listen]\ncertificate = {:?}\nprivate_key = {:?}\n",
            at("c.pem"),
            at("k.pem"),
        );
        fs::write(folder.path().join("imsgate.toml"), text).unwrap();
        let loaded = read(&folder.path().join("imsgate.toml"), []).unwrap();
        let items = check(&loaded.config, &loaded.places, UnixTime(now));
        items.into_iter().map(|item| (item.severity, item.message)).collect()
    }

    fn stops(folder: &TempDir, now: i64) -> Vec<String> {
        let stopping = findings(folder, now).into_iter().filter(|(severity, _)| *severity == Severity::Error);
        stopping.map(|(_, message)| message).collect()
    }

    const MID_2026: i64 = 1_782_864_000;
    const LATE_2026: i64 = 1_798_243_200;
    const IN_2028: i64 = 1_830_297_600;

    #[test]
    fn a_good_certificate_stops_nothing_and_warns_before_it_expires() {
        let folder = world("campaign.example.com", true);
        assert_eq!(stops(&folder, MID_2026), [""; 0]);
        assert!(findings(&folder, MID_2026).iter().any(|(_, message)| message == "valid until 2027-01-01"));
        let late = findings(&folder, LATE_2026);
        assert!(
            late.contains(&(Severity::Warning, "the certificate expires on 2027-01-01".to_owned())),
            "{late:?}"
        );
    }

    #[test]
    fn a_certificate_that_browsers_would_refuse_stops_logins() {
        let folder = world("campaign.example.com", true);
        assert_eq!(stops(&folder, IN_2028), ["the certificate expired on 2027-01-01"]);
        assert_eq!(stops(&folder, 0), ["the certificate is not valid before 2026-01-01"]);
        let other = world("other.example.com", true);
        assert_eq!(
            stops(&other, MID_2026),
            ["does not cover campaign.example.com, the host of ims.callback_server"]
        );
        let wildcard = world("*.example.com", true);
        assert_eq!(stops(&wildcard, MID_2026), [""; 0]);
    }

    #[test]
    fn a_key_of_another_certificate_stops_logins() {
        let folder = world("campaign.example.com", false);
        assert_eq!(
            stops(&folder, MID_2026),
            ["does not belong to the first certificate of listen.certificate"]
        );
    }

    #[test]
    fn an_unreadable_certificate_of_the_chain_stops_logins_and_has_its_line() {
        let folder = world("campaign.example.com", true);
        let path = folder.path().join("c.pem");
        let good = fs::read_to_string(&path).unwrap();
        let line = good.lines().count() + 1;
        for (rest, word) in [
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "no END"),
            ("-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n", "NONSENSE"),
        ] {
            fs::write(&path, format!("{good}{rest}")).unwrap();
            let message = stops(&folder, MID_2026).remove(0);
            assert!(
                message.contains(&format!("c.pem: line {line}: ")) && message.contains(word),
                "{message}"
            );
            let refused = serve(&folder).unwrap_err().to_string();
            assert_eq!(refused, message, "serve reports the same");
        }
        let other = world("campaign.example.com", false);
        let refused = serve(&other);
        assert!(
            refused.unwrap_err().to_string().contains("k.pem: is not the key of the first certificate in ")
        );
    }

    #[test]
    fn files_with_other_content_stop_logins() {
        let folder = world("campaign.example.com", true);
        fs::copy(folder.path().join("k.pem"), folder.path().join("c.pem")).unwrap();
        assert!(stops(&folder, MID_2026)[0].contains("holds no PEM certificate"));
        fs::write(folder.path().join("k.pem"), "secret words").unwrap();
        assert!(stops(&folder, MID_2026)[1].contains("holds no PEM private key"));
        fs::remove_file(folder.path().join("c.pem")).unwrap();
        assert!(stops(&folder, MID_2026)[0].contains("cannot read"));
    }
}
