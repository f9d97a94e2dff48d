//! Notices when the content of files changes, by looking at them every few seconds.
//!
//! Notifications of the kernel would be faster, but certificates come over network file systems, through symbolic links that change
//! (Kubernetes), and by renames (certbot). Looking at the metadata of some files costs less than to get all of that right.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files and what they were like.
#[derive(Debug)]
pub struct FileWatch {
    files: Vec<(PathBuf, Look)>,
    /// True when a file differs from what was reported last, and may still be changing.
    is_changing: bool,
}

/// What tells that a file was written or replaced: device, inode, size, and the times of its content and of its name; `None` when there is
/// none.
type Look = Option<(u64, u64, u64, i64, i64, i64, i64)>;

impl FileWatch {
    /// Watches these files from now on.
    pub fn new(files: Vec<PathBuf>) -> Self {
        // They may have changed since they were read: the first report comes soon.
        let mut watch = Self { files: Vec::new(), is_changing: true };
        watch.watch(files);
        watch
    }

    /// Watches these files instead. Those that were watched before are compared with what they were like then.
    pub fn watch(&mut self, files: Vec<PathBuf>) {
        let known = std::mem::take(&mut self.files);
        let look = |file: &PathBuf| {
            known.iter().find(|(path, _)| path == file).map_or_else(|| look_at(file), |(_, look)| *look)
        };
        self.files = files.into_iter().map(|file| (file.clone(), look(&file))).collect();
    }

    /// Waits until a file has changed and then stayed the same for one round: certificate and key are seldom written at the same moment.
    /// Dropping the future loses nothing.
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
        for (path, look) in &mut self.files {
            let now = look_at(path);
            differs |= now != *look;
            *look = now;
        }
        let has_settled = self.is_changing && !differs;
        self.is_changing = differs;
        has_settled
    }
}

fn look_at(path: &Path) -> Look {
    let now = std::fs::metadata(path).ok()?;
    Some((now.dev(), now.ino(), now.size(), now.mtime(), now.mtime_nsec(), now.ctime(), now.ctime_nsec()))
}

/// Time between two looks.
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
