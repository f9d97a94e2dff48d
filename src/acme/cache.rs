//! Account and certificate on disk.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use instant_acme::AccountCredentials;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::files;
use crate::unix_time::UnixTime;
use crate::wire::pem;

/// The folder of `listen.acme.cache` and the file of certificate and key.
#[derive(Debug)]
pub(super) struct Cache<'p> {
    folder: &'p Path,
    certificate: &'p Path,
}

impl<'p> Cache<'p> {
    pub fn new(folder: &'p Path, certificate: &'p Path) -> Self {
        Self { folder, certificate }
    }

    /// Creates the folder with mode 0700.
    pub fn make_folder(&self) -> io::Result<()> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", self.folder.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(self.folder).map_err(named)
    }

    /// Time until a new certificate is due, which is after two thirds of its lifetime. Zero without a certificate for these names.
    pub fn due(&self, domains: &[String], now: UnixTime) -> Duration {
        let Some((names, from, until)) = self.validity() else { return Duration::ZERO };
        if domains.iter().any(|domain| !names.contains(&domain.to_ascii_lowercase())) {
            return Duration::ZERO;
        }
        let due = until - (until - from) / 3;
        Duration::from_secs(u64::try_from(due - now.0).unwrap_or(0))
    }

    /// Names, begin and end of validity of the certificate.
    fn validity(&self) -> Option<(Vec<String>, i64, i64)> {
        let chain = pem::certificates(&files::read(self.certificate).ok()?).ok()?;
        let (_, parsed) = parse_x509_certificate(chain.first()?).ok()?;
        let names = parsed.subject_alternative_name().ok()??;
        let dns = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        };
        let names = names.value.general_names.iter().filter_map(dns).collect();
        let validity = &parsed.validity;
        Some((names, validity.not_before.timestamp(), validity.not_after.timestamp()))
    }

    /// Replaces the file of certificate and key.
    pub fn save_certificate(&self, pem: &str) -> io::Result<()> {
        save(self.certificate, pem.as_bytes())
    }

    /// The saved account at this server.
    pub fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let path = self.account_file(directory);
        let text = files::check_private(&path).and_then(|()| files::read(&path)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub fn save_account(&self, directory: &str, account: &AccountCredentials) -> io::Result<()> {
        save(&self.account_file(directory), &serde_json::to_vec(account)?)
    }

    /// Each server has its own accounts.
    fn account_file(&self, directory: &str) -> PathBuf {
        let server = directory.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        self.folder.join(format!("account-{server}.json"))
    }
}

/// Replaces a file by a complete new one with mode 0600.
fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", new.display()));
    // A crash may have left this file.
    let _ = fs::remove_file(&new);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    let mut file = file.map_err(named)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(named)?;
    fs::rename(&new, path).map_err(named)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn a_certificate_is_due_when_two_thirds_of_its_time_are_over_or_a_name_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("certificate.pem");
        let cache = Cache::new(folder.path(), &file);
        let names = vec!["a.example.com".to_owned(), "b.example.com".to_owned()];
        assert_eq!(cache.due(&names, UnixTime(0)), Duration::ZERO);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 31);
        let pem = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        cache.save_certificate(&pem).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let (first, day) = (params.not_before.unix_timestamp(), 86_400);
        assert_eq!(cache.due(&names, UnixTime(first)), Duration::from_hours(24 * 20));
        assert_eq!(cache.due(&names[..1], UnixTime(first + 19 * day)), Duration::from_hours(24));
        assert_eq!(cache.due(&names, UnixTime(first + 21 * day)), Duration::ZERO);
        assert_eq!(cache.due(&["c.example.com".to_owned()], UnixTime(first)), Duration::ZERO);
    }
}
