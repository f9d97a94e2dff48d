//! From raw values to checked ones, noting everything that is wrong on the way.

mod campaign;
mod ims;
mod limits;
mod listen;
mod proxy;
mod session;
mod upstream;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::checked::{Config, ExperienceCloud, Instance, Log, LogFormat};
use super::finding::{Finding, Level, Location};
use super::raw::{RawConfig, RawExperienceCloud, RawLog, RawLogFormat};
use super::tree::Tree;
use super::values::{self, Wrong};
use crate::files::{self, FileError, Problem};
use crate::policy::mask::Mask;

/// Checks everything; `None` with at least one error among the findings.
pub(super) fn build(tree: &mut Tree) -> Option<Config> {
    let Ok(raw) = tree.values.clone().try_into::<RawConfig>() else {
        // The tree has checked kinds, choices and bounds, so this is a difference between schema and types. The text of
        // the error could quote a value and is not shown.
        let location = Location::Whole(tree.places.file.clone());
        tree.error("", location, Wrong::new("the configuration does not fit its schema", ""));
        return None;
    };
    let check = &mut Check { tree };
    // Every part is checked before any is asked for, so that all findings come out at once.
    let ims = ims::ims(check, raw.ims);
    let experience_cloud = experience_cloud(check, raw.experience_cloud);
    let campaign = campaign::campaign(check, raw.campaign);
    let listen = listen::listen(check, raw.listen);
    let limits = limits::limits(check, &raw.limits);
    let session = session::session(check, raw.session);
    let log = log(check, raw.log);
    Some(Config {
        instance: Arc::new(Instance {
            name: String::new(),
            ims: ims?,
            experience_cloud: experience_cloud?,
            campaign: campaign?,
        }),
        listen: listen?,
        limits: limits?,
        session: session?,
        log: log?,
    })
}

/// Checks the association mask alone.
pub(super) fn mask(tree: &mut Tree) -> Option<Mask> {
    let text =
        tree.values.get("ims").and_then(|ims| ims.get("association_mask")).and_then(toml::Value::as_str);
    let text = text.map(str::to_owned);
    ims::mask(&mut Check { tree }, text)
}

/// Path of the association mask.
pub(super) const MASK: &str = "ims.association_mask";

fn experience_cloud(check: &mut Check<'_>, raw: RawExperienceCloud) -> Option<ExperienceCloud> {
    let server = check.value("experience_cloud.server", &raw.server, values::server);
    Some(ExperienceCloud { server: server?, tenant: raw.tenant })
}

fn log(check: &mut Check<'_>, raw: RawLog) -> Option<Log> {
    let level = check.value("log.level", &raw.level, |text| {
        let filter = tracing_subscriber::EnvFilter::builder().parse(text);
        filter.map_err(|error| {
            Wrong::new(format!("is not a log filter ({error})"), "write info or info,imsgate=debug")
        })
    });
    level?;
    Some(Log {
        format: match raw.format {
            RawLogFormat::Auto => LogFormat::Auto,
            RawLogFormat::Human => LogFormat::Human,
            RawLogFormat::Json => LogFormat::Json,
        },
        level: raw.level,
        audit_file: check.path("log.audit_file", raw.audit_file),
        access_file: check.path("log.access_file", raw.access_file),
    })
}

/// Checks values and notes what is wrong with them, at their place.
struct Check<'t> {
    tree: &'t mut Tree,
}

impl Check<'_> {
    fn error(&mut self, path: &str, wrong: Wrong) {
        let location = self.tree.places.location(path);
        self.tree.error(path, location, wrong);
    }

    fn warn(&mut self, path: &str, message: impl Into<String>, mend: impl Into<String>) {
        self.tree.findings.push(Finding {
            level: Level::Warning,
            key: path.to_owned(),
            message: message.into(),
            mend: mend.into(),
            location: self.tree.places.location(path),
            shown: None,
        });
    }

    fn is_set(&self, path: &str) -> bool {
        self.tree.places.is_set(path)
    }

    /// True when an unknown key was taken for this one: one finding is enough for one slip.
    fn is_misspelt(&self, path: &str) -> bool {
        self.tree.unknown.iter().any(|unknown| unknown.meant.as_deref() == Some(path))
    }

    /// A value that must be there; one of the wrong kind was complained about already.
    fn required<T>(&mut self, path: &str, value: Option<T>, example: &str) -> Option<T> {
        if value.is_none() && !self.is_set(path) && !self.is_misspelt(path) {
            let name = path.rsplit('.').next().unwrap_or(path);
            self.error(path, Wrong::new("is missing", format!("add: {name} = {example}")));
        }
        value
    }

    fn value<T>(
        &mut self,
        path: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        parse(text).map_err(|wrong| self.error(path, wrong)).ok()
    }

    /// Every item of a list; `None` when one of them is wrong.
    fn items<T>(
        &mut self,
        path: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let mut items = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match parse(text) {
                Ok(item) => items.push(item),
                Err(wrong) => {
                    let location = self.tree.places.item(path, index);
                    self.tree.error(path, location, wrong);
                }
            }
        }
        (items.len() == texts.len()).then_some(items)
    }

    /// A duration longer than nothing.
    fn timeout(&mut self, path: &str, text: &str) -> Option<Duration> {
        self.value(path, text, |text| match values::duration(text)? {
            Duration::ZERO => {
                Err(Wrong::new("must be longer than nothing", "write a duration such as \"30s\""))
            }
            duration => Ok(duration),
        })
    }

    /// A file name; relative ones are relative to the working directory.
    fn path(&mut self, path: &str, file: Option<PathBuf>) -> Option<PathBuf> {
        let file = file?;
        if file.as_os_str().is_empty() {
            self.error(path, Wrong::new("is empty", "write the path of a file, or remove the key"));
            return None;
        }
        Some(file)
    }

    /// The same for a file that holds a secret. One that is not there is named when it is read.
    fn private_path(&mut self, path: &str, file: Option<PathBuf>) -> Option<PathBuf> {
        let file = self.path(path, file)?;
        if let Err(error) = files::check_private(&file)
            && let Problem::Open(_) = error.problem
        {
            self.error(path, wrong_file(&error));
            return None;
        }
        Some(file)
    }

    /// A text that is not empty and neither begins nor ends with a blank.
    fn name(&mut self, path: &str, text: String) -> Option<String> {
        let wrong = if text.trim().is_empty() {
            Wrong::new("is empty", "write the value of the external account")
        } else if text.trim() != text || text.contains(char::is_control) {
            Wrong::new("begins or ends with a blank, or holds a control character", "remove it")
        } else {
            return Some(text);
        };
        self.error(path, wrong);
        None
    }

    /// A secret given as itself or in a file, but not both.
    fn secret(
        &mut self,
        path: &str,
        value: Option<SecretString>,
        file: Option<PathBuf>,
    ) -> Option<SecretString> {
        let file_path = format!("{path}_file");
        if self.is_set(path) && self.is_set(&file_path) {
            let name = path.rsplit('.').next().unwrap_or(path);
            self.error(
                &file_path,
                Wrong::new(
                    format!("`{path}` and `{file_path}` are both set"),
                    format!("keep one; {name}_file is the safer"),
                ),
            );
            return None;
        }
        let (path, secret) = match (value, file) {
            (Some(value), _) => (path, value),
            (None, Some(file)) => match read_secret(&file) {
                Ok(secret) => (file_path.as_str(), secret),
                Err(wrong) => {
                    self.error(&file_path, wrong);
                    return None;
                }
            },
            (None, None) => return None,
        };
        if secret.expose_secret().trim().is_empty() {
            self.error(path, Wrong::new("is empty", "write the secret that Adobe issued"));
            return None;
        }
        Some(secret)
    }
}

/// The content of a secret file without its final line break.
fn read_secret(file: &Path) -> Result<SecretString, Wrong> {
    let name = file.display();
    let text = files::check_private(file).and_then(|()| files::read_text(file));
    let mut text = text.map_err(|error| wrong_file(&error))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.len() > LONGEST_SECRET || text.contains('\n') {
        return Err(Wrong::new(
            format!("{name} holds more than one line"),
            "put the secret alone in the file",
        ));
    }
    Ok(SecretString::from(text))
}

fn wrong_file(error: &FileError) -> Wrong {
    Wrong::new(format!("cannot use {}: {}", error.path.display(), error.reason()), error.fix())
}

const LONGEST_SECRET: usize = 8192;
