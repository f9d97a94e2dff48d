//! Detects changed files by polling their metadata.
//!
//! inotify would be faster. But certificates come over network file systems, through symbolic links that change (Kubernetes), and by
//! renames (certbot), and polling a few files handles all of these.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The watched files, with their last known metadata.
#[derive(Debug)]
pub struct FileWatch {
    files: Vec<(PathBuf, Fingerprint)>,
    /// True when a change was seen and is not reported yet: the file may still be changing.
    is_changing: bool,
}

/// Metadata that change when a file is written or replaced: device, inode, size, mtime and ctime. `None` for a missing file.
type Fingerprint = Option<(u64, u64, u64, i64, i64, i64, i64)>;

impl FileWatch {
    pub fn new(files: Vec<PathBuf>) -> Self {
        // The files may have changed since they were read. So one change is reported after the first round.
        let mut watch = Self { files: Vec::new(), is_changing: true };
        watch.watch(files);
        watch
    }

    /// Watches these files instead. Files that were watched before keep their known metadata.
    pub fn watch(&mut self, files: Vec<PathBuf>) {
        let known = std::mem::take(&mut self.files);
        let last = |file: &PathBuf| {
            known.iter().find(|(path, _)| path == file).map_or_else(|| fingerprint(file), |(_, last)| *last)
        };
        self.files = files.into_iter().map(|file| (file.clone(), last(&file))).collect();
    }

    /// Waits until a file has changed and no file has changed for one round: certificate and key are seldom written together. Dropping
    /// the future loses nothing.
    pub async fn changed(&mut self) {
        loop {
            tokio::time::sleep(ROUND).await;
            if self.round() {
                return;
            }
        }
    }

    fn round(&mut self) -> bool {
        let mut differs = false;
        for (path, last) in &mut self.files {
            let now = fingerprint(path);
            differs |= now != *last;
            *last = now;
        }
        let has_settled = self.is_changing && !differs;
        self.is_changing = differs;
        has_settled
    }
}

fn fingerprint(path: &Path) -> Fingerprint {
    let now = std::fs::metadata(path).ok()?;
    Some((now.dev(), now.ino(), now.size(), now.mtime(), now.mtime_nsec(), now.ctime(), now.ctime_nsec()))
}

/// Time between two polls.
const ROUND: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_change_is_reported_once_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "1").unwrap();
        fs::create_dir(path("v1")).unwrap();
        fs::write(path("v1/b"), "1").unwrap();
        symlink(path("v1"), path("data")).unwrap();
        let mut watch = FileWatch::new(vec![path("a"), path("data/b"), path("absent")]);
        assert!(watch.round() && !watch.round() && !watch.round());

        // Written in place, in two steps.
        fs::write(path("a"), "12").unwrap();
        assert!(!watch.round());
        fs::write(path("a"), "123").unwrap();
        assert!(!watch.round(), "it is still changing");
        assert!(watch.round() && !watch.round());

        // Replaced by a rename.
        fs::write(path("new"), "123").unwrap();
        fs::rename(path("new"), path("a")).unwrap();
        assert!(!watch.round() && watch.round() && !watch.round());

        // A symbolic link to another folder.
        fs::create_dir(path("v2")).unwrap();
        fs::write(path("v2/b"), "1").unwrap();
        symlink(path("v2"), path("data.new")).unwrap();
        fs::rename(path("data.new"), path("data")).unwrap();
        assert!(!watch.round() && watch.round() && !watch.round());

        // One that appears, and one that goes.
        fs::write(path("absent"), "").unwrap();
        assert!(!watch.round() && watch.round());
        fs::remove_file(path("absent")).unwrap();
        assert!(!watch.round() && watch.round() && !watch.round());

        // A file that stays watched is compared with what it was like.
        fs::write(path("a"), "other").unwrap();
        watch.watch(vec![path("a")]);
        assert!(!watch.round() && watch.round());
    }
}
