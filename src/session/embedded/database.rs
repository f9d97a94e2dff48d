//! The database file: opening it, and opening it again after an error of the disk.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageError};

use super::tables::{self, Reading};

/// The session file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read or created.
    #[error(
        "cannot open the session file {0}: {1}; the folder above it must exist and be writable for the gateway's user"
    )]
    Io(PathBuf, io::Error),
    /// Another process has it open.
    #[error(
        "the session file {0} is in use by another process; stop that one, or give this one its own session.path"
    )]
    InUse(PathBuf),
    /// It is damaged, or not a session file.
    #[error(
        "the session file {0} is damaged ({1}); move it away and start again: everybody must sign in again"
    )]
    Damaged(PathBuf, String),
}

/// The open file.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    database: ArcSwapOption<Database>,
}

impl DatabaseFile {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let database = open(path)?;
        Ok(Self { path: path.into(), database: ArcSwapOption::from_pointee(database) })
    }

    /// Reads. Waits while the file is opened again.
    pub(super) fn read<T>(
        &self,
        read: impl Fn(&Reading) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        // Two seconds: after a failure redb checks a large file when it opens it.
        let mut retries = 200;
        loop {
            match self.database().and_then(|database| read(&Reading::begin(&database)?)) {
                Err(redb::Error::DatabaseClosed | redb::Error::PreviousIo) if retries > 0 => retries -= 1,
                answer => return answer,
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The open database.
    pub(super) fn database(&self) -> Result<Arc<Database>, redb::Error> {
        self.database.load_full().ok_or(redb::Error::DatabaseClosed)
    }

    /// Closes the file and opens it again: after an error of the disk, redb refuses all work.
    pub(super) fn reopen(&self) -> Result<(), OpenError> {
        if let Some(mut database) = self.database.swap(None) {
            // The lock on the file is released when the last reader has finished, within milliseconds.
            loop {
                match Arc::try_unwrap(database) {
                    Ok(database) => break drop(database),
                    Err(shared) => database = shared,
                }
                std::thread::sleep(PAUSE / 2);
            }
        }
        self.database.store(Some(Arc::new(open(&self.path)?)));
        Ok(())
    }
}

fn open(path: &Path) -> Result<Database, OpenError> {
    let io = |error| OpenError::Io(path.into(), error);
    // Only the last folder is created: another missing one is probably a typing error.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        DirBuilder::new().mode(0o700).create(folder).map_err(io)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(io(io::Error::other("it is not a file")));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(io)?;
    }
    let wrong = |error: DatabaseError| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::InUse(path.into())
        }
        // `InvalidData`: the file does not begin like a database.
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() != io::ErrorKind::InvalidData => {
            io(error)
        }
        error => OpenError::Damaged(path.into(), error.to_string()),
    };
    let backend = FileBackend::new(file).map_err(wrong)?;
    let database = redb::Builder::new().set_cache_size(CACHE).create_with_backend(backend).map_err(wrong)?;
    // Nothing is written if all tables exist: on a full disk a write fails, but reads work.
    if !Reading::is_complete(&database) {
        tables::create(&database).map_err(|error| OpenError::Damaged(path.into(), error.to_string()))?;
    }
    Ok(database)
}

/// Bytes of the file in memory: the upper levels of the trees of a million sessions, and a large commit.
const CACHE: usize = 40 << 20;
/// Pause between attempts to read while the file is opened again.
const PAUSE: Duration = Duration::from_millis(10);
