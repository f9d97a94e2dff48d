//! When the gateway's own certificates expire.

use std::path::Path;

use x509_parser::parse_x509_certificate;

use crate::telemetry::CertificateEnd;
use crate::unix_time::UnixTime;
use crate::wire::pem;

/// The expiry of the first certificate in each of these PEM files. Unreadable files are left out: the code that loads them reports them.
pub(super) fn certificate_ends<'p>(files: impl IntoIterator<Item = &'p Path>) -> Vec<CertificateEnd> {
    files.into_iter().filter_map(end).collect()
}

fn end(file: &Path) -> Option<CertificateEnd> {
    let chain = pem::certificates(&std::fs::read(file).ok()?).ok()?;
    let (_, certificate) = parse_x509_certificate(chain.first()?).ok()?;
    let not_after = UnixTime(certificate.validity().not_after.timestamp());
    Some(CertificateEnd { file: file.display().to_string(), not_after })
}
