//! The proxy for IMS: `ims.proxy`, or else the environment.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::value_error::ValueError;
use crate::policy::outbound_proxy::{NotAProxy, OutboundProxy};

/// The proxy variables, read as curl does: the lower-case name has priority, and an empty value counts as not set.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxyVariables {
    https: [Option<SecretString>; 2],
    no: [Option<String>; 2],
}

impl ProxyVariables {
    const HTTPS: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
    const NO: [&str; 2] = ["no_proxy", "NO_PROXY"];

    pub(super) fn note(&mut self, variable: &str, value: &str) {
        let place = |names: [&str; 2]| names.iter().position(|name| *name == variable);
        let value = Some(value).filter(|value| !value.is_empty());
        if let Some(at) = place(Self::HTTPS) {
            self.https[at] = value.map(SecretString::from);
        } else if let Some(at) = place(Self::NO) {
            self.no[at] = value.map(str::to_owned);
        }
    }

    /// The proxy for https addresses, and the variable that names it.
    pub(super) fn https(&self) -> Option<(&'static str, &SecretString)> {
        Self::HTTPS.into_iter().zip(&self.https).find_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// Addresses that are reached without a proxy.
    pub(super) fn no(&self) -> &str {
        self.no.iter().flatten().next().map_or("", String::as_str)
    }
}

/// The proxy that a text names, `None` for `none`; `named_by` is the key or variable that holds it.
pub(super) fn parse(text: &str, named_by: &'static str) -> Result<Option<OutboundProxy>, ValueError> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    OutboundProxy::parse(text, named_by).map(Some).map_err(wrong)
}

pub(super) fn of_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OutboundProxy>, D::Error> {
    parse(&String::deserialize(deserializer)?, KEY).map_err(serde::de::Error::custom)
}

pub(super) fn wrong(error: NotAProxy) -> ValueError {
    ValueError::new(
        error.to_string(),
        "write http://host:port or http://user:password@host:port in ims.proxy, special characters as %XX; or ims.proxy = \"none\"",
    )
}

pub(super) const KEY: &str = "ims.proxy";
