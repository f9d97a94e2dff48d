//! A log file that is reopened after it was renamed or removed, for example by logrotate.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// An append-only file at a path.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    open: Mutex<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    /// Device and inode.
    identity: (u64, u64),
    /// When the path was last compared with the open file.
    checked: Instant,
    /// The value of [`REOPEN_CALLS`] at that time.
    reopen_calls: usize,
}

impl LogFile {
    /// Opens or creates the file, readable by owner and group. `key` is the configuration key for error messages.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn open(key: &str, path: &Path) -> io::Result<Self> {
        let (file, identity) = open(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{key} {}: {error}", path.display())))?;
        let reopen_calls = REOPEN_CALLS.load(Ordering::Relaxed);
        let open = OpenFile { file, identity, checked: Instant::now(), reopen_calls };
        Ok(Self { path: path.to_owned(), open: Mutex::new(open) })
    }

    /// Appends complete lines. Reopens the path first if its file was renamed or removed.
    ///
    /// # Errors
    /// When writing fails.
    pub(super) fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.reopen_if_replaced(&self.path);
        open.file.write_all(lines)
    }
}

impl OpenFile {
    /// Reopens the path if its file was renamed or removed. On failure, lines still go to the old file.
    fn reopen_if_replaced(&mut self, path: &Path) {
        let reopen_calls = REOPEN_CALLS.load(Ordering::Relaxed);
        if reopen_calls == self.reopen_calls && self.checked.elapsed() < CHECK_INTERVAL {
            return;
        }
        (self.checked, self.reopen_calls) = (Instant::now(), reopen_calls);
        let is_same = fs::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == self.identity);
        if is_same {
            return;
        }
        if let Ok((file, identity)) = open(path) {
            (self.file, self.identity) = (file, identity);
        }
    }
}

/// Opens without blocking: opening a named pipe would wait for its reader. Writes block as usual, so that no line is cut off.
fn open(path: &Path) -> io::Result<(File, (u64, u64))> {
    let file = OpenOptions::new().create(true).append(true).mode(MODE).custom_flags(NONBLOCK).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::NXIO.raw_os_error() => io::Error::new(
            error.kind(),
            "it is a named pipe or a socket without a reader: start the reader of the pipe first, or name a file",
        ),
        _ => error,
    })?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    let metadata = file.metadata()?;
    Ok((file, (metadata.dev(), metadata.ino())))
}

const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Makes every log file check its path before its next line.
pub(super) fn reopen() {
    REOPEN_CALLS.fetch_add(1, Ordering::Relaxed);
}

/// How often [`reopen`] was called.
static REOPEN_CALLS: AtomicUsize = AtomicUsize::new(0);
/// Permissions of a new file. Log lines have names and addresses of people, so other users of the machine may not read them.
const MODE: u32 = 0o640;
/// How often a path is checked without [`reopen`].
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

impl Write for &LogFile {
    /// tracing passes complete lines.
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
    fn a_new_file_has_mode_640_and_a_renamed_or_removed_file_is_replaced() {
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
    fn a_named_pipe_without_a_reader_is_an_error_and_with_one_gets_every_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = LogFile::open("log.audit_file", &path).unwrap_err().to_string();
        assert!(error.starts_with("log.audit_file /") && error.contains("start the reader"), "{error}");

        // Opened for reading and writing, which does not block on Linux.
        let mut reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let log = LogFile::open("log.audit_file", &path).unwrap();
        // More than a pipe holds.
        let line = [vec![b'x'; 100_000], b"\n".to_vec()].concat();
        let written = line.clone();
        let writer = std::thread::spawn(move || log.append(&written).unwrap());
        let mut read = vec![0; line.len()];
        io::Read::read_exact(&mut reader, &mut read).unwrap();
        writer.join().unwrap();
        assert!(read == line, "a write waits for the reader");
    }

    #[test]
    fn without_a_signal_a_rename_is_detected_after_the_check_interval() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = LogFile::open("log.access_file", &path).unwrap();
        fs::rename(&path, folder.path().join("old")).unwrap();
        log.open.lock().unwrap().checked -= CHECK_INTERVAL;
        log.append(b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn when_the_path_cannot_be_reopened_lines_go_to_the_old_file() {
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
