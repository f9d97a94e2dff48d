//! Reads PEM files (RFC 7468) strictly, to the last line. So a certificate chain is always complete, and every error names its line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use zeroize::Zeroizing;

/// An error in a PEM file. Holds no part of the file except a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// An error in this line (from 1), or in the block that begins there.
    #[error("line {line}: {reason}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// The error.
        reason: String,
    },
    /// The file has no such block.
    #[error("the file holds no PEM {0}")]
    None(&'static str),
}

/// All certificates of a file, in order. The file may also hold private keys and parameters.
///
/// # Errors
/// [`PemError`] when the file holds no certificate, or a line or block that is invalid or unknown.
pub fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut found = Vec::new();
    for block in blocks(file)? {
        match block.label.as_str() {
            CERTIFICATE | "X509 CERTIFICATE" => found.push(block.certificate()?),
            _ => block.is_known()?,
        }
    }
    if found.is_empty() { Err(PemError::None("certificate")) } else { Ok(found) }
}

/// The only private key of a file. The file may also hold certificates and parameters.
///
/// # Errors
/// [`PemError`] when the file holds no key or several keys, or a line or block that is invalid or unknown.
pub fn private_key(file: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let mut found: Option<(usize, PrivateKeyDer<'static>)> = None;
    for block in blocks(file)? {
        block.is_known()?;
        let der = || block.der.to_vec();
        let key = match block.label.as_str() {
            "PRIVATE KEY" => PrivatePkcs8KeyDer::from(der()).into(),
            "RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(der()).into(),
            "EC PRIVATE KEY" => PrivateSec1KeyDer::from(der()).into(),
            _ => continue,
        };
        if let Some((first, _)) = found {
            return Err(at(block.line, format!("a second private key; the first is in line {first}")));
        }
        found = Some((block.line, key));
    }
    found.map(|(_, key)| key).ok_or(PemError::None("private key"))
}

/// A block from BEGIN to END.
struct Block {
    /// Number of the BEGIN line, from 1.
    line: usize,
    label: String,
    der: Zeroizing<Vec<u8>>,
}

impl Block {
    fn certificate(&self) -> Result<CertificateDer<'static>, PemError> {
        match x509_parser::parse_x509_certificate(&self.der) {
            Ok(([], _)) => Ok(CertificateDer::from(self.der.to_vec())),
            Ok(_) => Err(at(self.line, "this certificate has bytes after its end")),
            Err(error) => Err(at(self.line, format!("this certificate cannot be read ({error})"))),
        }
    }

    fn is_known(&self) -> Result<(), PemError> {
        match self.label.as_str() {
            CERTIFICATE | "X509 CERTIFICATE" | "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY"
            | "EC PARAMETERS" | "DH PARAMETERS" => Ok(()),
            "ENCRYPTED PRIVATE KEY" => Err(at(self.line, ENCRYPTED)),
            label => Err(at(self.line, format!("a block of the type {label:?} is not used here: remove it"))),
        }
    }
}

/// The blocks of a file. Text outside of blocks is allowed (RFC 7468 §2), unless it looks like a part of a block.
fn blocks(file: &[u8]) -> Result<Vec<Block>, PemError> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String, Zeroizing<Vec<u8>>)> = None;
    for (index, raw) in file.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let text = raw.trim_ascii();
        let boundary = Boundary::of(text).map_err(|reason| at(number, reason))?;
        open = match (open, boundary) {
            (None, Boundary::Begin(label)) => Some((number, label, Zeroizing::default())),
            (None, Boundary::End(label)) => {
                return Err(at(number, format!("the block {label:?} that ends here has no BEGIN")));
            }
            (None, Boundary::None) => {
                if text.contains(&0) {
                    return Err(at(number, "this is binary (DER?), not PEM"));
                }
                if text.len() >= LONG && text.iter().all(|byte| is_base64(*byte)) {
                    return Err(at(number, "this looks like part of a block whose BEGIN is missing"));
                }
                None
            }
            (Some((line, label, base64)), Boundary::End(end)) if end == label => {
                let der = STANDARD.decode(&*base64);
                let der = der.map_err(|_| at(line, "the block that begins here is not base64"))?;
                blocks.push(Block { line, label, der: Zeroizing::new(der) });
                None
            }
            (Some((line, label, mut base64)), Boundary::None) => {
                if text.starts_with(b"Proc-Type") {
                    return Err(at(number, ENCRYPTED));
                }
                let body = text.iter().filter(|byte| !byte.is_ascii_whitespace());
                if !body.clone().all(|byte| is_base64(*byte)) {
                    return Err(at(number, "this line is not base64"));
                }
                base64.extend(body);
                Some((line, label, base64))
            }
            (Some((line, label, _)), _) => {
                return Err(at(
                    line,
                    format!("the block {label:?} that begins here has no END with the same label"),
                ));
            }
        };
    }
    match open {
        Some((line, label, _)) => Err(at(line, format!("the block {label:?} that begins here has no END"))),
        None => Ok(blocks),
    }
}

/// The kind of a line.
#[derive(PartialEq, Eq)]
enum Boundary {
    Begin(String),
    End(String),
    None,
}

impl Boundary {
    fn of(line: &[u8]) -> Result<Self, &'static str> {
        let Some(rest) = line.strip_prefix(HYPHENS) else {
            let hidden = line.windows(BEGIN.len()).any(|part| part == BEGIN);
            return if hidden { Err("BEGIN is not at the start of its line") } else { Ok(Self::None) };
        };
        let label = |text: &[u8]| {
            let label = text.strip_suffix(HYPHENS).ok_or("the line must end with its five hyphens")?;
            if label.windows(HYPHENS.len()).any(|part| part == HYPHENS) {
                return Err("a line break is missing between two boundaries");
            }
            let plain = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
            let is_label =
                !label.is_empty() && label.len() < 64 && label.iter().all(plain) && !label.contains(&b'-');
            if is_label {
                Ok(String::from_utf8_lossy(label).into_owned())
            } else {
                Err("this is not a valid label")
            }
        };
        if let Some(text) = rest.strip_prefix(b"BEGIN ") {
            label(text).map(Self::Begin)
        } else if let Some(text) = rest.strip_prefix(b"END ") {
            label(text).map(Self::End)
        } else {
            Err("neither BEGIN nor END")
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

fn at(line: usize, reason: impl Into<String>) -> PemError {
    PemError::Line { line, reason: reason.into() }
}

const CERTIFICATE: &str = "CERTIFICATE";
const HYPHENS: &[u8] = b"-----";
const BEGIN: &[u8] = b"-----BEGIN ";
const ENCRYPTED: &str = "the private key is encrypted; write it without a password (openssl pkey)";
/// A line of base64 characters with this length is not ordinary text.
const LONG: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        (
            params.self_signed(&key).unwrap().pem().replace("\r\n", "\n"),
            key.serialize_pem().replace("\r\n", "\n"),
        )
    }

    fn wrong(file: &str) -> String {
        certificates(file.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_certificate_of_a_file_is_read() {
        let (one, key) = pair();
        let (two, _) = pair();
        for file in [
            format!("{one}{two}"),
            format!("\u{feff}{one}{two}"),
            format!("{one}{two}").replace('\n', "\r\n"),
            format!("subject=CN: a\n{one}\n# the authority\n{two}\nEnd of the list"),
            format!("{key}{one}{two}"),
            format!("{one}{two}").trim_end().to_owned(),
        ] {
            assert_eq!(certificates(file.as_bytes()).unwrap().len(), 2, "{file}");
        }
        for file in [
            key.clone(),
            format!("{one}{key}"),
            format!("-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n{key}"),
        ] {
            assert!(private_key(file.as_bytes()).is_ok(), "{file}");
        }
    }

    #[test]
    fn every_error_names_its_line() {
        let (one, key) = pair();
        let lines = one.lines().count();
        let second = lines + 1;
        let block =
            |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        for (file, line, word) in [
            (format!("{one}{}", block("CERTIFICATE", "!!!!")), second + 1, "base64"),
            (format!("{one}{}", block("CERTIFICATE", "AAA")), second, "base64"),
            (format!("{one}{}", block("CERTIFICATE", "AAAA")), second, "cannot be read"),
            (format!("{one}{}", block("CERTIFICATE", "")), second, "cannot be read"),
            (format!("{one}{}", block("NONSENSE", "AAAA")), second, "NONSENSE"),
            (format!("{one}{}", block("TRUSTED CERTIFICATE", "AAAA")), second, "TRUSTED CERTIFICATE"),
            (format!("{one}{}", block("ENCRYPTED PRIVATE KEY", "AAAA")), second, "encrypted"),
            (format!("{one}-----BEGIN CERTIFICATE-----\nAAAA\n"), second, "no END"),
            (format!("{one}-----BEGIN CERTIFICATE-----\n{one}"), second, "no END"),
            (format!("{one}-----END CERTIFICATE-----\n"), second, "no BEGIN"),
            (format!("{one}-----BEGIN CERTIFICATE----\nAAAA\n"), second, "hyphens"),
            (format!("{one}----- BEGIN CERTIFICATE-----\n"), second, "neither"),
            (format!("{one}x-----BEGIN CERTIFICATE-----\n"), second, "start of its line"),
            (format!("{}x{one}", one.trim_end()), lines, "line break"),
            (format!("{}{one}", one.trim_end()), lines, "line break"),
            (format!("{}x", one.trim_end()), lines, "hyphens"),
            (format!("{one}{}\n", "A".repeat(64)), second, "BEGIN is missing"),
            (format!("{one}\0"), second, "binary"),
            (one.replacen("END CERTIFICATE", "END X", 1), 1, "no END"),
        ] {
            let said = wrong(&file);
            assert!(said.starts_with(&format!("line {line}: ")) && said.contains(word), "{said}\n{file}");
        }
        assert_eq!(wrong(""), "the file holds no PEM certificate");
        assert_eq!(wrong(&key), "the file holds no PEM certificate");

        let no_key = |file: String| private_key(file.as_bytes()).unwrap_err().to_string();
        assert_eq!(no_key(one.clone()), "the file holds no PEM private key");
        assert!(no_key(format!("{key}{key}")).contains("a second private key; the first is in line 1"));
        let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert!(no_key(encrypted.to_owned()).starts_with("line 2: the private key is encrypted"));
    }

    #[test]
    fn bytes_after_a_certificate_in_its_block_are_an_error() {
        let (one, _) = pair();
        let mut der = certificates(one.as_bytes()).unwrap()[0].to_vec();
        der.push(0);
        let file =
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
        assert!(wrong(&file).contains("bytes after its end"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), file in "(-----BEGIN |-----END |CERTIFICATE|-----|\n|AAAA|:|x| ){0,12}") {
            let _ = certificates(&bytes);
            let _ = private_key(file.as_bytes());
            let _ = certificates(file.as_bytes());
        }
    }
}
