//! The configuration: a TOML file and the environment, parsed once into values that cannot be wrong.
//!
//! `raw` is the file as written and the source of the JSON Schema, `tree` reads file and environment against that
//! schema, `build` turns the result into the types of `checked`, and `finding` says what is wrong with file, line, column,
//! key and mend. All findings are collected: a file with five mistakes is mended in one go.

mod address;
mod build;
mod checked;
mod env;
mod finding;
mod limits;
mod load;
mod nearest;
mod raw;
mod redis;
mod schema;
mod source;
mod tree;
mod upstream;
mod values;

#[cfg(test)]
mod tests;

pub use address::ListenAddress;
pub use checked::{
    Campaign, ClientIdentity, Config, ExperienceCloud, Health, HealthCheck, Ims, Instance, Listen, Log,
    LogFormat, PoolLimits, Session, SessionMode, Store, TokenAuth,
};
pub use finding::{ConfigErrors, Finding, Level, Location, Look, Warnings};
pub use limits::{Limits, Rate};
#[cfg(feature = "demo")]
pub(crate) use load::from_text;
pub use load::{Loaded, association_mask, read};
pub use redis::{NotAnAddress, RedisAccount, RedisAddress, RedisLayout};
pub use schema::json_schema;
pub use source::Places;
pub use upstream::{Upstream, UpstreamAddress, UpstreamError};
pub use values::is_loopback;

/// The configuration file when neither `--config` nor `IMSGATE_CONFIG` names another.
pub const DEFAULT_FILE: &str = "config/imsgate.toml";
