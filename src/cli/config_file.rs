//! `--config`, shared by the commands that read a configuration.

use std::path::PathBuf;

use clap::Args;

use super::output;
use crate::config::{self, ConfigErrors, Loaded};
use crate::policy::mask::Mask;

#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file
    #[arg(long = "config", value_name = "FILE", env = "IMSGATE_CONFIG", default_value = config::DEFAULT_FILE, global = true)]
    pub(super) path: PathBuf,
}

impl ConfigFile {
    /// Reads the configuration, with the environment before it.
    pub(super) fn read(&self) -> Result<Loaded, ConfigErrors> {
        config::read(&self.path, environment())
    }

    /// Reads the association mask alone.
    pub(super) fn read_mask(&self) -> Result<Mask, ConfigErrors> {
        config::association_mask(&self.path, environment())
    }
}

/// Says on standard error why the configuration is unusable.
pub(super) fn complain(errors: &ConfigErrors) {
    output::err(&errors.render(output::look_of_stderr()));
}

/// The environment without what is not text; no key of ours could be set by that.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
