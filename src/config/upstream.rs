//! `campaign.upstream`: addresses and weights of the Campaign servers.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::address::UpstreamAddress;
use super::{formats, values};

/// One Campaign server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Upstream {
    /// Address of the upstream.
    #[serde(rename = "url")]
    #[schemars(with = "formats::UpstreamUrl")]
    pub address: UpstreamAddress,
    /// Share of the requests relative to the other upstreams.
    #[schemars(range(min = 1, max = 100), extend("default" = 1))]
    pub weight: u32,
}

/// One upstream of several.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes in the schema what the tree turns into an Upstream")]
pub(super) enum UpstreamEntry {
    Plain(#[schemars(with = "formats::UpstreamUrl")] String),
    Weighted(Upstream),
}

/// Why a text is no address of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UpstreamError(String);

impl Upstream {
    /// True for plain http to another machine.
    pub fn is_plain_http_to_another_machine(&self) -> bool {
        matches!(&self.address, UpstreamAddress::Url(url) if url.scheme() == "http" && !values::is_loopback(url))
    }

    /// True for https.
    pub fn is_https(&self) -> bool {
        matches!(&self.address, UpstreamAddress::Url(url) if url.scheme() == "https")
    }
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    /// An address alone: weight 1.
    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let address = UpstreamAddress::try_from(text.to_owned());
        let address = address.map_err(|wrong| UpstreamError(wrong.message))?;
        Ok(Self { address, weight: 1 })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

pub(super) const MOST_UPSTREAMS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_an_origin_or_a_socket() {
        for (text, shown) in [
            ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
            ("https://campaign.example.com/", "https://campaign.example.com"),
            ("unix:/run/campaign.sock", "unix:/run/campaign.sock"),
        ] {
            assert_eq!(text.parse::<Upstream>().unwrap().to_string(), shown);
        }
        let long = format!("unix:/{}", "x".repeat(107));
        for text in
            ["unix:", "unix:run/x", "unix://run/x", "unix:/run/", "unix:/a\nb", &long, "10.0.0.1:8080"]
        {
            assert!(text.parse::<Upstream>().is_err(), "{text}");
        }
    }
}
