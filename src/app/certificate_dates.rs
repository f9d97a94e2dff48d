//! When the certificates end that the gateway serves with.

use std::path::Path;

use x509_parser::parse_x509_certificate;

use crate::telemetry::CertificateEnd;
use crate::unix_time::UnixTime;
use crate::wire::pem;

/// The end of each first certificate in these PEM files. A file that cannot be read is left out: who loads it reports it.
pub(super) fn certificate_ends<'p>(files: impl IntoIterator<Item = &'p Path>) -> Vec<CertificateEnd> {
    files.into_iter().filter_map(end).collect()
}

fn end(file: &Path) -> Option<CertificateEnd> {
    let chain = pem::certificates(&std::fs::read(file).ok()?).ok()?;
    let (_, certificate) = parse_x509_certificate(chain.first()?).ok()?;
    let not_after = UnixTime(certificate.validity().not_after.timestamp());
    Some(CertificateEnd { file: file.display().to_string(), not_after })
}
