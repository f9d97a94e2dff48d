//! The user that runs the gateway, and what its permissions allow, computed from user id, groups and mode bits.
//!
//! Access control lists, capabilities and security modules are not considered.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A user with all its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    groups: Vec<u32>,
}

/// A permission that the user needs on a file or folder. The values are mode bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Read = 0o4,
    /// Create, rename and remove files in a folder.
    Write = 0o2,
    /// Access the files in a folder.
    Search = 0o1,
}

impl Account {
    /// The user of this process.
    pub(super) fn current() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let mut groups: Vec<u32> = rustix::process::getgroups()
            .unwrap_or_default()
            .into_iter()
            .map(rustix::process::Gid::as_raw)
            .collect();
        groups.push(rustix::process::getegid().as_raw());
        let passwd = fs::read_to_string(PASSWD).unwrap_or_default();
        let name = entries(&passwd).find(|entry| entry.uid == uid).map(|entry| entry.name.to_owned());
        Self { name: name.unwrap_or_else(|| uid.to_string()), uid, groups }
    }

    /// The user with this name or number, from `/etc/passwd` and `/etc/group`.
    pub(super) fn find(name: &str) -> Result<Self, String> {
        let passwd = fs::read_to_string(PASSWD).map_err(|error| format!("{PASSWD}: {error}"))?;
        let group = fs::read_to_string(GROUP).unwrap_or_default();
        Self::read(name, &passwd, &group).ok_or_else(|| format!("{PASSWD} has no user {name}"))
    }

    fn read(wanted: &str, passwd: &str, group: &str) -> Option<Self> {
        let number = wanted.parse::<u32>().ok();
        let entry = entries(passwd).find(|entry| entry.name == wanted || Some(entry.uid) == number)?;
        let mut groups = vec![entry.gid];
        for line in group.lines() {
            let mut fields = line.split(':');
            let (_, _, gid, members) = (fields.next(), fields.next(), fields.next(), fields.next());
            if members.is_some_and(|members| members.split(',').any(|member| member.trim() == entry.name)) {
                groups.extend(gid.and_then(|gid| gid.parse::<u32>().ok()));
            }
        }
        Some(Self { name: entry.name.to_owned(), uid: entry.uid, groups })
    }

    /// True for root, whom no permission restricts.
    pub(super) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Checks that the user has these permissions on the file or folder.
    ///
    /// # Errors
    /// The file or folder that lacks the permission, and why.
    pub(super) fn check(&self, path: &Path, wishes: &[Wish]) -> Result<(), (PathBuf, String)> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let whole = fs::canonicalize(&path).unwrap_or(path);
        let folders: Vec<&Path> = whole.ancestors().skip(1).collect();
        for folder in folders.into_iter().rev() {
            self.check_one(folder, &[Wish::Search])?;
        }
        self.check_one(&whole, wishes)
    }

    fn check_one(&self, path: &Path, wishes: &[Wish]) -> Result<(), (PathBuf, String)> {
        let metadata = fs::metadata(path).map_err(|error| (path.to_owned(), plain(&error)))?;
        match wishes.iter().find(|wish| !self.may(&metadata, **wish)) {
            None => Ok(()),
            Some(wish) => {
                let verb = match wish {
                    Wish::Read => "read",
                    Wish::Write => "write",
                    Wish::Search => "enter",
                };
                let mode = metadata.mode() & 0o777;
                Err((path.to_owned(), format!("user {} may not {verb} it (mode {mode:03o})", self.name)))
            }
        }
    }

    fn may(&self, metadata: &Metadata, wish: Wish) -> bool {
        self.may_with(metadata.uid(), metadata.gid(), metadata.mode(), wish)
    }

    /// The first matching class (owner, group, others) decides, even if a later one allows more (POSIX.1, file access permissions).
    fn may_with(&self, uid: u32, gid: u32, mode: u32, wish: Wish) -> bool {
        if self.is_root() {
            return true;
        }
        let class = if uid == self.uid {
            mode >> 6
        } else if self.groups.contains(&gid) {
            mode >> 3
        } else {
            mode
        };
        class & wish as u32 != 0
    }
}

/// A line of `/etc/passwd`.
struct PasswdEntry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
}

fn entries(passwd: &str) -> impl Iterator<Item = PasswdEntry<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _) = (fields.next()?, fields.next()?);
        Some(PasswdEntry { name, uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    })
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const USERS: &str =
        "root:x:0:0::/root:/bin/sh\nimsgate:x:900:901:gateway:/:/bin/false\nother:x:902:902::/:/bin/sh\n";
    const GROUPS: &str = "imsgate:x:901:\nssl-cert:x:950:imsgate,other\nwheel:x:10:root\n";

    fn gateway() -> Account {
        Account::read("imsgate", USERS, GROUPS).unwrap()
    }

    #[test]
    fn a_user_has_its_own_group_and_those_that_list_it() {
        assert_eq!(gateway(), Account { name: "imsgate".into(), uid: 900, groups: vec![901, 950] });
        assert_eq!(Account::read("900", USERS, GROUPS), Some(gateway()));
        assert_eq!(Account::read("nobody-here", USERS, GROUPS), None);
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let user = gateway();
        for (uid, gid, mode, wish, allowed) in [
            (900, 1, 0o400, Wish::Read, true),
            (900, 1, 0o400, Wish::Write, false),
            (900, 950, 0o044, Wish::Read, false),
            (1, 950, 0o040, Wish::Read, true),
            (1, 950, 0o704, Wish::Read, false),
            (1, 1, 0o004, Wish::Read, true),
            (1, 1, 0o770, Wish::Search, false),
            (1, 1, 0o001, Wish::Search, true),
        ] {
            assert_eq!(user.may_with(uid, gid, mode, wish), allowed, "{uid} {gid} {mode:o} {wish:?}");
        }
        let root = Account::read("root", USERS, GROUPS).unwrap();
        assert!(root.may_with(900, 901, 0o000, Wish::Write));
    }

    #[test]
    fn a_folder_above_can_stop_a_user() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { name: "stranger".into(), uid: 4_000_000, groups: vec![4_000_000] };
        let (at, why) = stranger.check(&file, &[Wish::Read]).unwrap_err();
        assert_eq!(at, fs::canonicalize(folder.path()).unwrap());
        assert_eq!(why, "user stranger may not enter it (mode 700)");
        assert!(Account::current().check(&file, &[Wish::Read]).is_ok());
        assert!(
            Account::current()
                .check(&folder.path().join("none"), &[Wish::Read])
                .unwrap_err()
                .1
                .contains("does not exist")
        );
    }
}
