//! A log file that is opened again after somebody has renamed or removed it, as logrotate does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An append-only file at a path.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Device and inode.
    identity: (u64, u64),
    /// When the path was last compared with the open file.
    looked: Instant,
    /// [`REOPENED`] at that time.
    reopened: usize,
}

impl LogFile {
    /// Opens the file or makes it, readable by owner and group. `key` names it in errors.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn open(key: &str, path: &Path) -> io::Result<Self> {
        let (file, identity) = open(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{key} {}: {error}", path.display())))?;
        let reopened = REOPENED.load(Ordering::Relaxed);
        let open = Open { file, identity, looked: Instant::now(), reopened };
        Ok(Self { path: path.to_owned(), open: Mutex::new(open) })
    }

    /// Appends whole lines, to the file that the path names now.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.follow(&self.path);
        open.file.write_all(lines)
    }
}

impl Open {
    /// Opens the file again if the path names another one or none. When that fails, the lines go where they went before.
    fn follow(&mut self, path: &Path) {
        let reopened = REOPENED.load(Ordering::Relaxed);
        if reopened == self.reopened && self.looked.elapsed() < PAUSE {
            return;
        }
        (self.looked, self.reopened) = (Instant::now(), reopened);
        let is_same = fs::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == self.identity);
        if is_same {
            return;
        }
        if let Ok((file, identity)) = open(path) {
            (self.file, self.identity) = (file, identity);
        }
    }
}

fn open(path: &Path) -> io::Result<(File, (u64, u64))> {
    let file = OpenOptions::new().create(true).append(true).mode(MODE).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, (metadata.dev(), metadata.ino())))
}

/// Has every log file look at its path with its next line.
pub(super) fn reopen() {
    REOPENED.fetch_add(1, Ordering::Relaxed);
}

/// How often [`reopen`] was called.
static REOPENED: AtomicUsize = AtomicUsize::new(0);
/// Permissions of a new file: names and addresses of people are nothing for every user of the machine.
const MODE: u32 = 0o640;
/// How long lines may still go to a file that was renamed.
const PAUSE: Duration = Duration::from_secs(1);

impl Write for &LogFile {
    /// tracing gives whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.append(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_file_is_for_owner_and_group_and_a_renamed_one_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let log = LogFile::open("log.audit_file", &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
        log.append(b"one\n").unwrap();
        let old = folder.path().join("audit.log.1");
        fs::rename(&path, &old).unwrap();
        reopen();
        log.append(b"two\n").unwrap();
        fs::remove_file(&path).unwrap();
        reopen();
        log.append(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
    }

    #[test]
    fn without_a_signal_a_rename_is_seen_a_little_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = LogFile::open("log.access_file", &path).unwrap();
        fs::rename(&path, folder.path().join("old")).unwrap();
        log.open.lock().unwrap().looked -= PAUSE;
        log.append(b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn a_path_that_cannot_be_opened_again_loses_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let (below, moved) = (folder.path().join("logs"), folder.path().join("moved"));
        fs::create_dir(&below).unwrap();
        let log = LogFile::open("log.access_file", &below.join("access.log")).unwrap();
        fs::rename(&below, &moved).unwrap();
        reopen();
        log.append(b"line\n").unwrap();
        assert_eq!(fs::read_to_string(moved.join("access.log")).unwrap(), "line\n");
    }
}
