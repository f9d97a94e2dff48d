//! Reads files that the configuration names. Removes byte-order marks, and rejects files with secrets that other users can read.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Why a file cannot be used. Never contains the content of the file.
#[derive(Debug)]
pub struct FileError {
    pub path: PathBuf,
    pub problem: FileProblem,
}

#[derive(Debug)]
pub enum FileProblem {
    /// It does not exist.
    Missing,
    /// The gateway's user may not read it.
    Denied,
    Folder,
    /// It is longer than [`LONGEST`].
    TooLong,
    /// It is text in UTF-16 or UTF-32.
    WideText,
    /// This line, counted from 1, is not UTF-8.
    NotUtf8(usize),
    /// It holds a secret, but other users can read it or its group can change it. The value is its permissions.
    Open(u32),
    /// Anything else.
    Other(io::Error),
}

/// Reads a file and removes UTF-8 byte-order marks from the beginning of every line. Editors put a mark at the beginning of a file;
/// joined files have marks on later lines.
///
/// # Errors
/// [`FileError`], also for text in UTF-16 or UTF-32.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    read_whole(path).map_err(|problem| FileError { path: path.to_owned(), problem })
}

/// Like [`read`], for text.
///
/// # Errors
/// [`FileError`], also when the file is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read(path)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', valid).count() + 1;
        FileError { path: path.to_owned(), problem: FileProblem::NotUtf8(line) }
    })
}

/// Checks the permissions of a file with a secret. Only the owner may write it. The group may read it, because containers get secrets
/// that way. Other users must not have access.
///
/// # Errors
/// [`FileError`], also when the file does not exist.
pub fn check_private(path: &Path) -> Result<(), FileError> {
    let failed = |problem| FileError { path: path.to_owned(), problem };
    let metadata = fs::metadata(path).map_err(|error| failed(FileProblem::from(error)))?;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & OPEN != 0 => Err(failed(FileProblem::Open(mode))),
        _ => Ok(()),
    }
}

/// The permissions of a log file, if other users have access to it or its group can change it. Log lines have names and addresses of
/// people. `None` for a file that does not exist yet, and for pipes and devices.
pub fn open_log(path: &Path) -> Option<u32> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(metadata.permissions().mode() & 0o777).filter(|mode| mode & OPEN != 0)
}

fn read_whole(path: &Path) -> Result<Vec<u8>, FileProblem> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(FileProblem::Folder);
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(FileProblem::TooLong);
    }
    if is_wide(&bytes) { Err(FileProblem::WideText) } else { Ok(without_marks(bytes)) }
}

/// True for text in UTF-16 or UTF-32: it begins with a byte-order mark, or its first character has a zero byte. Files of other formats
/// that are read here also begin with an ASCII character.
fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..])
}

/// Removes the marks at the beginning of each line.
fn without_marks(bytes: Vec<u8>) -> Vec<u8> {
    if memchr::memmem::find(&bytes, MARK).is_none() {
        return bytes;
    }
    let mut text = Vec::with_capacity(bytes.len());
    for mut line in bytes.split_inclusive(|&byte| byte == b'\n') {
        while let Some(rest) = line.strip_prefix(MARK) {
            line = rest;
        }
        text.extend_from_slice(line);
    }
    text
}

/// The largest file that is read, in bytes. The largest certificate bundles have less than a megabyte.
pub const LONGEST: u64 = 16 * 1024 * 1024;
/// U+FEFF in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Permission bits that a private file must not have: any for others, and write for the group (mask 027).
const OPEN: u32 = 0o027;

// === impl FileError ===

impl FileError {
    pub fn fix(&self) -> String {
        let path = self.path.display();
        match &self.problem {
            FileProblem::Missing => "relative paths start at the folder of the configuration file".to_owned(),
            FileProblem::Denied => format!(
                "the gateway's user must be able to read it: check owner and mode of {path} and of its folders"
            ),
            FileProblem::Folder => "name a file in it".to_owned(),
            FileProblem::TooLong => "check that it is the right file".to_owned(),
            FileProblem::WideText | FileProblem::NotUtf8(_) => "save it as UTF-8".to_owned(),
            FileProblem::Open(_) => format!("chmod 600 {path}, owned by the gateway's user"),
            FileProblem::Other(_) => "the gateway's user must be able to read it".to_owned(),
        }
    }

    /// What is wrong, without the file's name.
    pub fn reason(&self) -> String {
        match &self.problem {
            FileProblem::Missing => "there is no such file".to_owned(),
            FileProblem::Denied => "permission denied".to_owned(),
            FileProblem::Folder => "it is a folder".to_owned(),
            FileProblem::TooLong => format!("it is larger than {} MiB", LONGEST >> 20),
            FileProblem::WideText => "it is text in UTF-16 or UTF-32".to_owned(),
            FileProblem::NotUtf8(line) => format!("line {line} is not UTF-8"),
            FileProblem::Open(mode) if mode & 0o7 != 0 => {
                format!("it holds a secret, but every user of this machine has access to it (mode {mode:o})")
            }
            FileProblem::Open(mode) => {
                format!("it holds a secret, but its group can change it (mode {mode:o})")
            }
            FileProblem::Other(error) => error.to_string(),
        }
    }
}

impl Display for FileError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path.display(), self.reason(), self.fix())
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileProblem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::IsADirectory => Self::Folder,
            _ => Self::Other(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        read_text(&path).map_err(|error| error.reason())
    }

    #[test]
    fn byte_order_marks_of_utf8_are_removed_and_other_encodings_reported() {
        assert_eq!(read_bytes(b"a\nb\n").unwrap(), "a\nb\n");
        assert_eq!(read_bytes(b"\xef\xbb\xbfa\n").unwrap(), "a\n");
        assert_eq!(read_bytes(b"\xef\xbb\xbf\xef\xbb\xbfa\n\xef\xbb\xbfb").unwrap(), "a\nb");
        assert_eq!(read_bytes(b"").unwrap(), "");
        assert_eq!(
            read_bytes("a\u{feff}b".as_bytes()).unwrap(),
            "a\u{feff}b",
            "not at the beginning of a line"
        );
        let wide: Vec<u8> = "[ims]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xff, 0xfe], &wide[..]].concat();
        let big: Vec<u8> = "\u{feff}[ims]\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&wide, &marked, &big, &[0, 0, 0xfe, 0xff].to_vec()] {
            assert_eq!(read_bytes(bytes).unwrap_err(), "it is text in UTF-16 or UTF-32");
        }
        assert_eq!(read_bytes(b"a\nb\xe9\n").unwrap_err(), "line 2 is not UTF-8");
    }

    #[test]
    fn an_unreadable_file_gives_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it is a folder"), "{error}");
        let error = read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("there is no such file"), "{error}");
    }

    #[test]
    fn a_private_file_may_be_read_by_the_group_but_not_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "s").unwrap();
        for (mode, is_private) in [
            (0o600, true),
            (0o400, true),
            (0o640, true),
            (0o440, true),
            (0o644, false),
            (0o604, false),
            (0o602, false),
            (0o601, false),
            (0o660, false),
            (0o777, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let checked = check_private(&path);
            assert_eq!(checked.is_ok(), is_private, "{mode:o}");
            if let Err(error) = checked {
                assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
            }
        }
    }
}
