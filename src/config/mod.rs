//! The configuration: a TOML file and the environment, parsed once into values that cannot be wrong.
//!
//! Each section is one struct, which declares every key once: name, type, default, bounds, format and description. The JSON
//! Schema follows from it, and `check` checks each value of file and environment against it. `rules` compares keys with each
//! other. All findings come at once, with file, line, column and fix; serde reads only values without an error.

mod access;
mod account_rules;
mod acme;
mod address;
mod answer;
mod brand;
mod brand_values;
mod campaign;
mod check;
mod defaults;
mod effective;
mod env;
mod finding;
mod formats;
mod ims;
mod instance;
mod instance_trees;
mod json_schema;
mod limit;
mod limits;
mod listen;
mod load;
mod log;
mod native_account;
mod nearest;
mod proxy;
mod redis;
mod request_rules;
mod restart;
mod rule;
mod rules;
mod schema;
mod secret_files;
mod session;
mod source;
mod table_list;
mod table_path;
mod technical_account;
mod tree;
mod upstream;
mod value_error;
mod values;

#[cfg(test)]
mod tests;

pub use acme::Acme;
pub use address::{ListenAddress, UpstreamAddress};
pub use answer::check_answer;
pub use brand::Brand;
pub use brand_values::logo_type;
pub use campaign::{
    Campaign, CheckMode, ClientIdentity, ConsolePasswordMode, ForeignTokens, HealthCheck, HealthSettings,
    PoolLimits, SessionMode,
};
pub use effective::{Effective, SetBy, ShownValue};
pub use finding::{ConfigErrors, Finding, FindingStyle, Level, Warnings};
pub use ims::{ExperienceCloud, Ims, TokenAuth};
pub use instance::{Instance, PublicInstance};
pub use json_schema::json_schema;
pub use limit::Limit;
pub use limits::{Limits, Rate};
pub use listen::{Listen, ListenCertificate};
#[cfg(any(test, feature = "demo"))]
pub(crate) use load::from_text;
pub use load::{AdminListener, Config, InstanceConfig, Loaded, admin_listener, association_mask, read};
pub use log::{AccessFormat, Log, LogFormat};
pub use native_account::NativeAccount;
pub use redis::{NotAnAddress, RedisAccount, RedisAddress, RedisLayout};
pub use restart::needs_restart;
pub use session::{Session, Store};
pub use source::{Location, Places};
pub use technical_account::{AccountSession, TechnicalAccount};
pub use upstream::{Upstream, UpstreamError};
pub use value_error::ValueError;
pub use values::{duration, is_loopback};

/// The configuration file when neither `--config` nor `IMSGATE_CONFIG` names another.
pub const DEFAULT_FILE: &str = "/etc/imsgate/imsgate.toml";
