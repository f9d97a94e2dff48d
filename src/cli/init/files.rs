//! The files that `imsgate init` writes: the configuration, and beside it the client secret and a session key.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use toml::Value;

use super::questions::Answers;
use super::{absolute, template};
use crate::crypto::KeyRing;

/// Where everything is written.
pub(super) struct Files {
    pub(super) config: PathBuf,
    client_secret: PathBuf,
    session_key: PathBuf,
    /// True if files may be replaced.
    force: bool,
    /// True if the session key was there before.
    keeps_key: bool,
}

impl Files {
    /// The files beside this configuration file.
    ///
    /// # Errors
    /// When the folder does not exist, or a file exists and must not be replaced.
    pub(super) fn beside(config: &Path, force: bool) -> io::Result<Self> {
        let config = absolute(config);
        let folder = config.parent().unwrap_or(&config).to_owned();
        if !folder.is_dir() {
            let reason = format!("there is no folder {}; make it with mkdir -p", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, reason));
        }
        let (client_secret, session_key) = (folder.join("ims_client_secret"), folder.join("session.key"));
        let existing = [&config, &client_secret].into_iter().find(|file| file.exists());
        if let Some(existing) = existing.filter(|_| !force) {
            let reason =
                format!("{} exists; use --force to replace it, or name another --output", existing.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        let keeps_key = session_key.exists();
        Ok(Self { config, client_secret, session_key, force, keeps_key })
    }

    /// Where the sessions of this gateway usually are.
    pub(super) fn session_file(&self) -> String {
        if rustix::process::geteuid().is_root() {
            return "/var/lib/imsgate/sessions.redb".to_owned();
        }
        self.config.with_file_name("sessions.redb").display().to_string()
    }

    /// Writes everything, the configuration last.
    pub(super) fn write(&self, answers: &Answers) -> io::Result<()> {
        let path = |path: &Path| Value::from(path.display().to_string());
        let mut values: Vec<(&str, Value)> = answers.values.clone();
        values.push(("ims.client_secret_file", path(&self.client_secret)));
        values.push(("session.key_file", path(&self.session_key)));
        let text = template::fill(&values, &["ims.client_secret"]).map_err(io::Error::other)?;
        self.write_private(&self.client_secret, &format!("{}\n", answers.client_secret.expose_secret()))?;
        KeyRing::read_or_create(&self.session_key).map_err(io::Error::other)?;
        self.write_private(&self.config, &text)
    }

    /// Replaces or creates a file that only its owner can read, in one step.
    fn write_private(&self, path: &Path, text: &str) -> io::Result<()> {
        let temporary = path.with_file_name(format!(".imsgate-init-{}", crate::crypto::random_text::<12>()));
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
        };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(named)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
            // A link fails if somebody has made the file meanwhile; a rename replaces it.
            if self.force { fs::rename(&temporary, path) } else { fs::hard_link(&temporary, path) }
        });
        let _ = fs::remove_file(&temporary);
        written.map_err(named)
    }

    /// What was written, for people.
    pub(super) fn written(&self) -> String {
        let key = if self.keeps_key { "kept as it was" } else { "the new session key" };
        format!(
            "Written, readable only by you:\n  {}\n  {}  the client secret\n  {}  {key}\n",
            self.config.display(),
            self.client_secret.display(),
            self.session_key.display(),
        )
    }

    /// All files, separated by spaces.
    pub(super) fn all(&self) -> String {
        [&self.config, &self.client_secret, &self.session_key]
            .map(|path| path.display().to_string())
            .join(" ")
    }
}
