//! The files that `imsgate init` writes: the configuration, and in the same folder the secrets and a session key.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use toml::Value;

use super::questions::Answers;
use super::{absolute, template};
use crate::crypto::KeyRing;

/// Where everything is written.
pub(super) struct Files {
    pub(super) config: PathBuf,
    session_key: PathBuf,
    admin_token: PathBuf,
    /// True if files may be replaced.
    force: bool,
    /// True if the session key existed before.
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
        let session_key = folder.join("session.key");
        let admin_token = folder.join("admin-token");
        let mut files = [config.clone(), admin_token.clone()]
            .into_iter()
            .chain(SECRETS.iter().map(|secret| folder.join(secret.file)));
        let existing = files.find(|file| file.exists());
        if let Some(existing) = existing.filter(|_| !force) {
            let reason =
                format!("{} exists; use --force to replace it, or name another --output", existing.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        let keeps_key = session_key.exists();
        Ok(Self { config, session_key, admin_token, force, keeps_key })
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
        for (secret, _) in secrets(answers) {
            values.push((secret.key_of_file, path(&self.config.with_file_name(secret.file))));
        }
        if has_session_key(answers) {
            values.push(("session.key_file", path(&self.session_key)));
        }
        values.push(("listen.admin_token_file", path(&self.admin_token)));
        let text = template::fill(&values, &["ims.client_secret"]).map_err(io::Error::other)?;
        for (secret, text) in secrets(answers) {
            let text = format!("{}\n", text.expose_secret());
            self.write_private(&self.config.with_file_name(secret.file), &text)?;
        }
        self.write_private(&self.admin_token, &format!("{}\n", crate::crypto::random_text::<32>()))?;
        if has_session_key(answers) {
            KeyRing::read_or_create(&self.session_key).map_err(io::Error::other)?;
        }
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
            // A link fails if the file exists by now; a rename replaces it.
            if self.force { fs::rename(&temporary, path) } else { fs::hard_link(&temporary, path) }
        });
        let _ = fs::remove_file(&temporary);
        written.map_err(named)
    }

    /// The text that lists the written files.
    pub(super) fn written(&self, answers: &Answers) -> String {
        let mut text = format!("Written, readable only by you:\n  {}\n", self.config.display());
        // Writing to a String cannot fail.
        let mut add = |path: &Path, what: &str| {
            let _ = writeln!(text, "  {}  {what}", path.display());
        };
        for (secret, _) in secrets(answers) {
            add(&self.config.with_file_name(secret.file), secret.what);
        }
        add(&self.admin_token, "the new token of the admin listener");
        if has_session_key(answers) {
            add(&self.session_key, if self.keeps_key { "kept as it was" } else { "the new session key" });
        }
        text
    }

    /// All files, separated by spaces.
    pub(super) fn all(&self, answers: &Answers) -> String {
        let secrets = secrets(answers).map(|(secret, _)| self.config.with_file_name(secret.file));
        let key = has_session_key(answers).then(|| self.session_key.clone());
        let all = [self.config.clone(), self.admin_token.clone()].into_iter().chain(secrets).chain(key);
        all.map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    }
}

struct Secret {
    key: &'static str,
    key_of_file: &'static str,
    file: &'static str,
    what: &'static str,
}

static SECRETS: [Secret; 3] = [
    Secret {
        key: "ims.client_secret",
        key_of_file: "ims.client_secret_file",
        file: "ims_client_secret",
        what: "the client secret",
    },
    Secret {
        key: "session.redis_url",
        key_of_file: "session.redis_url_file",
        file: "redis_url",
        what: "the address of Redis",
    },
    Secret {
        key: "campaign.technical_account[0].client_secret",
        key_of_file: "campaign.technical_account[0].client_secret_file",
        file: "account_secret",
        what: "the secret of the technical account",
    },
];

/// The secrets that were asked.
fn secrets(answers: &Answers) -> impl Iterator<Item = (&'static Secret, &SecretString)> {
    SECRETS.iter().filter_map(|secret| {
        let found = answers.secrets.iter().find(|(key, _)| *key == secret.key);
        found.map(|(_, text)| (secret, text))
    })
}

/// Sessions in memory need no key.
fn has_session_key(answers: &Answers) -> bool {
    answers.text("session.store") != Some("memory")
}
