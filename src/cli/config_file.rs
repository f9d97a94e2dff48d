//! The option `--config` of all commands that read a configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{UNUSABLE, output};
use crate::config::{self, AdminListener, ConfigErrors, Loaded};
use crate::policy::mask::Mask;

#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The file on the command line.
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true, help = HELP)]
    named: Option<PathBuf>,
}

impl ConfigFile {
    /// The file of the command line, else that of the environment, else the default.
    pub(super) fn path(&self) -> PathBuf {
        self.named.clone().unwrap_or_else(usual_file)
    }

    /// Reads the configuration. The environment overrides it.
    pub(super) fn read(&self) -> Result<Loaded, ConfigErrors> {
        config::read(&self.path(), environment())
    }

    /// Reads only what leads to the admin listener.
    pub(super) fn read_admin(&self) -> Result<AdminListener, ConfigErrors> {
        config::admin_listener(&self.path(), environment())
    }

    /// Reads only the association mask of this instance.
    pub(super) fn read_mask(&self, instance: Option<&str>) -> Result<Mask, ConfigErrors> {
        config::association_mask(&self.path(), environment(), instance)
    }
}

const HELP: &str = "The configuration file [env: IMSGATE_CONFIG] [default: /etc/imsgate/imsgate.toml]";

/// The configuration file in the environment, or else the default one.
pub(super) fn usual_file() -> PathBuf {
    let from_environment = std::env::var_os("IMSGATE_CONFIG").filter(|name| !name.is_empty());
    from_environment.map_or_else(|| config::DEFAULT_FILE.into(), PathBuf::from)
}

/// The configuration file, as an option or as a plain argument.
#[derive(Debug, Args)]
pub(super) struct NamedConfigFile {
    #[command(flatten)]
    option: ConfigFile,
    /// The configuration file, as with --config
    #[arg(value_name = "FILE", conflicts_with = "named")]
    file: Option<PathBuf>,
}

impl From<ConfigFile> for NamedConfigFile {
    fn from(option: ConfigFile) -> Self {
        Self { option, file: None }
    }
}

impl NamedConfigFile {
    pub(super) fn path(&self) -> PathBuf {
        self.file.clone().unwrap_or_else(|| self.option.path())
    }

    pub(super) fn read(&self) -> Result<Loaded, ConfigErrors> {
        config::read(&self.path(), environment())
    }
}

/// Reads another configuration. The environment overrides it too.
pub(super) fn read_file(path: &Path) -> Result<Loaded, ConfigErrors> {
    config::read(path, environment())
}

/// Writes to standard error why the configuration is unusable. Returns the exit code for it.
pub(super) fn print_errors(errors: &ConfigErrors) -> ExitCode {
    output::err(&errors.render(output::style_for_stderr()));
    ExitCode::from(UNUSABLE)
}

/// The variables that are valid UTF-8; others cannot set a key.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
