//! The key file: one key on each line, the newest first. The key file and the store together reveal all sessions, so only the
//! gateway's user may read the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::{SecretBox, SecretString};
use zeroize::Zeroizing;

use super::keys::KeyRing;
use super::seal::KEY_LENGTH;
use crate::files::{self, FileError, FileProblem};

/// Why a key file cannot be used. Messages never contain its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file does not exist.
    #[error("there is no key file {0}; make one: {make}", make = make_command(.0))]
    Missing(PathBuf),
    /// The file exists, and a new one was asked for.
    #[error("the key file {0} exists and stays as it is; name another file")]
    Exists(PathBuf),
    #[error("cannot create the key file {0}: {1}; the gateway's user must be able to write to its folder")]
    Create(PathBuf, io::Error),
    #[error(
        "cannot replace the key file {0}: {1}; you must be able to write to its folder and to keep its owner"
    )]
    Replace(PathBuf, io::Error),
    /// The file cannot be read, is not text, or other users can read or change it.
    #[error("cannot use the key file {0}")]
    File(#[from] FileError),
    #[error(
        "line {1} of the key file {0} is not a key; write one key on each line: 32 bytes as base64, 44 characters; `#` begins a comment"
    )]
    Malformed(PathBuf, usize),
    #[error("the key file {0} holds no key; make one: {make}", make = make_command(.0))]
    Empty(PathBuf),
}

/// How the keys of a file change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRotation {
    /// A new key encrypts from now on; the others only decrypt.
    New,
    /// A new key at the end, which only decrypts: the first step where several gateways have copies of the file.
    Prepare,
    /// The last key encrypts from now on: the second step.
    Promote,
}

impl KeyRing {
    /// Reads the keys in `path`.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let text = files::check_private(path).and_then(|()| files::read_text(path));
        let text = SecretString::from(text.map_err(|error| match error.problem {
            FileProblem::Missing => KeyFileError::Missing(path.into()),
            _ => KeyFileError::File(error),
        })?);
        let mut keys = Vec::new();
        for (number, line) in text.expose_secret().lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut key = Box::new([0_u8; KEY_LENGTH]);
            match STANDARD.decode_slice(line, &mut *key) {
                Ok(KEY_LENGTH) => keys.push(SecretBox::new(key)),
                _ => return Err(KeyFileError::Malformed(path.into(), number + 1)),
            }
        }
        Self::new(keys).ok_or_else(|| KeyFileError::Empty(path.into()))
    }

    /// Creates a file with one new key and mode 0600.
    ///
    /// # Errors
    /// Also when the file exists: it is never replaced.
    pub fn create(path: &Path) -> Result<(), KeyFileError> {
        match create(path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(KeyFileError::Exists(path.into())),
            Err(error) => Err(KeyFileError::Create(path.into(), error)),
        }
    }

    /// Changes the keys in `path` and returns how many there are now. Owner and permissions of the file stay.
    ///
    /// # Errors
    /// When the file cannot be used, or the new one cannot be written. Then the old one stays.
    pub fn rotate(path: &Path, rotation: KeyRotation) -> Result<usize, KeyFileError> {
        let keys = Self::read(path)?.0.len();
        let failed = |error| KeyFileError::Replace(path.into(), error);
        // A symbolic link stays one.
        let path = fs::canonicalize(path).map_err(failed)?;
        let text = SecretString::from(files::read_text(&path)?);
        let mut lines: Vec<&str> = text.expose_secret().lines().collect();
        let is_key = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
        let first = lines.iter().position(is_key).unwrap_or(0);
        let ring = Self::random();
        let new = Zeroizing::new(ring.newest().map(|key| STANDARD.encode(key)).unwrap_or_default());
        match rotation {
            KeyRotation::New => lines.insert(first, &new),
            KeyRotation::Prepare => lines.push(&new),
            KeyRotation::Promote => {
                let last = lines.iter().rposition(is_key).unwrap_or(first);
                let promoted = lines.remove(last);
                lines.insert(first, promoted);
            }
        }
        let text = Zeroizing::new(lines.join("\n") + "\n");
        replace(&path, text.as_bytes()).map_err(failed)?;
        Ok(keys + usize::from(rotation != KeyRotation::Promote))
    }

    /// Reads the keys in `path`. If the file does not exist, first creates it with one new key and mode 0600, and returns true.
    pub fn read_or_create(path: &Path) -> Result<(Self, bool), KeyFileError> {
        match Self::read(path) {
            Err(KeyFileError::Missing(_)) => {
                let is_new = create(path).map_err(|error| KeyFileError::Create(path.into(), error))?;
                Ok((Self::read(path)?, is_new))
            }
            other => Ok((other?, false)),
        }
    }
}

/// Replaces the file atomically by one with the same owner and permissions.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path)?;
    let directory = directory_of(path);
    let temporary = directory.join(format!(".imsgate-key-{}", super::random_text::<12>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file
        .write_all(text)
        .and_then(|()| fchown(&file, Some(old.uid()), Some(old.gid())))
        .and_then(|()| file.set_permissions(old.permissions()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(directory)?.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates the file atomically. Returns false if another process has created it in the meantime.
fn create(path: &Path) -> io::Result<bool> {
    let ring = KeyRing::random();
    let key = SecretString::from(ring.newest().map(|key| STANDARD.encode(key)).unwrap_or_default());
    let directory = directory_of(path);
    let temporary = directory.join(format!(".imsgate-key-{}", super::random_text::<12>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file
        .write_all(
            b"# imsgate: keys for sessions and login cookies. The first key encrypts; all keys can decrypt.\n",
        )
        .and_then(|()| writeln!(file, "{}", key.expose_secret()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&temporary, path));
    fs::remove_file(&temporary)?;
    match written {
        Ok(()) => File::open(directory)?.sync_all().map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// A shell command that makes a key file.
fn make_command(path: &Path) -> String {
    format!("imsgate key new {}", path.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::crypto::KeyPurpose;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_new_key_file_is_private_and_is_read_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let (first, is_new) = KeyRing::read_or_create(&path).unwrap();
        assert!(is_new);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (second, is_new) = KeyRing::read_or_create(&path).unwrap();
        assert!(!is_new);
        let text = first.sealer(KeyPurpose::Session).seal("a", &1).unwrap();
        assert_eq!(second.sealer(KeyPurpose::Session).open::<i32>("a", &text), Some(1));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn after_a_rotation_the_first_key_seals_and_the_old_key_still_opens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let (old, new) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        write(&path, &format!("{old}\n"), 0o600);
        let text = KeyRing::read(&path).unwrap().sealer(KeyPurpose::Session).seal("a", &1).unwrap();
        write(&path, &format!("# rotated\n{new}\n\n{old}\n"), 0o640);
        let rotated = KeyRing::read(&path).unwrap();
        assert_eq!(rotated.sealer(KeyPurpose::Session).open::<i32>("a", &text), Some(1));
        assert_eq!(rotated.tagger().tags("alice").len(), 2);
        let text = rotated.sealer(KeyPurpose::Session).seal("a", &1).unwrap();
        write(&path, &format!("\u{feff}{new}\r\n\u{feff}{old}\r\n"), 0o600);
        assert_eq!(
            KeyRing::read(&path).unwrap().sealer(KeyPurpose::Session).open::<i32>("a", &text),
            Some(1)
        );
        write(&path, &new, 0o400);
        assert_eq!(
            KeyRing::read(&path).unwrap().sealer(KeyPurpose::Session).open::<i32>("a", &text),
            Some(1)
        );
    }

    #[test]
    fn a_rotation_changes_which_key_encrypts_and_loses_none() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("key"), directory.path().join("link"));
        let key = |byte: u8| STANDARD.encode([byte; 32]);
        write(&path, &format!("# ours\n{}\n{}\n", key(1), key(2)), 0o640);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let before = KeyRing::read(&path).unwrap().sealer(KeyPurpose::Session).seal("a", &1).unwrap();
        let lines = || fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();

        assert_eq!(KeyRing::rotate(&link, KeyRotation::New).unwrap(), 3);
        let rotated = lines();
        assert_eq!((rotated[0].as_str(), &rotated[2..]), ("# ours", &[key(1), key(2)][..]));
        assert_eq!(KeyRing::rotate(&link, KeyRotation::Prepare).unwrap(), 4);
        let prepared = lines();
        assert_eq!(prepared[..4], rotated[..]);
        assert_eq!(KeyRing::rotate(&link, KeyRotation::Promote).unwrap(), 4);
        let promoted = lines();
        assert_eq!((&promoted[1], &promoted[2..]), (&prepared[4], &rotated[1..]));

        let now = KeyRing::read(&path).unwrap().sealer(KeyPurpose::Session);
        assert_eq!(now.open::<i32>("a", &before), Some(1));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "no temporary file is left");
        assert!(matches!(
            KeyRing::rotate(&directory.path().join("none"), KeyRotation::New),
            Err(KeyFileError::Missing(_))
        ));
    }

    #[test]
    fn an_error_names_the_file_and_the_fix_but_not_the_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let key = STANDARD.encode([7; 32]);
        let missing = KeyRing::read(&path).unwrap_err().to_string();
        assert!(
            missing.contains("there is no key file") && missing.contains("imsgate key new "),
            "{missing}"
        );
        for (text, mode, says) in [
            (key.as_str(), 0o644, "chmod 600"),
            (&key, 0o660, "mode 660"),
            ("", 0o600, "holds no key"),
            ("# nothing\n", 0o600, "holds no key"),
            (&key[..40], 0o600, "line 1"),
            (&format!("{key}\n{key}A\n"), 0o600, "line 2"),
            ("\u{fffd}", 0o600, "line 1"),
            ("\0k\0e\0y", 0o600, "UTF-16"),
        ] {
            write(&path, text, mode);
            let error = KeyRing::read(&path).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert!(!format!("{error} {error:?}").contains("BwcH"), "{error}");
        }
        let error = KeyRing::read_or_create(&directory.path().join("none/key")).unwrap_err();
        assert!(error.to_string().contains("cannot create"), "{error}");
    }
}
