//! IMS: the discovery document, the keys and the clocks.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::super::report::{CheckedKey, Item};
use super::{get, header, registration};
use crate::clock::Clock;
use crate::config::{Ims, Instance, Places};
use crate::http_client::HttpClient;
use crate::ims::ImsClient;
use crate::policy::issuer;
use crate::telemetry::InstanceMetrics;

/// Every finding about IMS that needs no sign-in.
pub(super) async fn check(instance: &Instance, places: &Places, clock: &Clock) -> Vec<Item> {
    let ims = &instance.ims;
    let url = &ims.discovery_url;
    let connector = match crate::app::ims_connector(ims) {
        Ok(connector) => connector,
        Err(error) => return unreachable(places, url, &error.to_string()),
    };
    let http = HttpClient::new(connector, ims.timeout);
    let answer = match get(&http, url).await {
        Ok(answer) => answer,
        Err(error) => return unreachable(places, url, &error),
    };
    let mut items = vec![read(ims, discovery(places), &answer)];
    items.extend(clocks(ims, places, &answer, clock));
    if super::super::report::has_errors(&items[..1]) {
        items.extend(registration::not_checked(places, "the discovery document of IMS cannot be used"));
        return items;
    }
    let relying_party = |instance: &Instance| {
        ImsClient::new(
            std::sync::Arc::new(instance.clone()),
            http.clone(),
            clock.clone(),
            InstanceMetrics::default(),
        )
    };
    items.push(keys(&relying_party(instance), places).await);
    items.extend(registration::check(instance, places, &http, relying_party).await);
    items
}

fn unreachable(places: &Places, url: &Url, error: &str) -> Vec<Item> {
    let fix = if error.contains("the proxy ") {
        "correct ims.proxy, or the variable HTTPS_PROXY if ims.proxy is not set"
    } else {
        "check ims.server and the firewall; if this machine needs a proxy, set ims.proxy"
    };
    let message = format!("cannot read {url}: {error}");
    let mut items = vec![discovery(places).error(message, fix)];
    items.extend(registration::not_checked(places, "IMS was not reached"));
    items
}

async fn keys(ims: &ImsClient, places: &Places) -> Item {
    let key = CheckedKey::new(places, DISCOVERY).named("ims.keys");
    match ims.key_count().await {
        Ok(0) => key.error(
            "IMS publishes no RS256 key, so no id_token can be verified",
            "correct ims.server or ims.discovery_url",
        ),
        Ok(count) => {
            let s = if count == 1 { "" } else { "s" };
            key.ok(format!("{count} key{s} for id_tokens read"))
        }
        Err(error) => key.error(
            error.to_string(),
            "correct ims.server or ims.discovery_url, and allow the addresses of the discovery document in the firewall",
        ),
    }
}

fn discovery(places: &Places) -> CheckedKey<'_> {
    CheckedKey::new(places, DISCOVERY).named("ims.discovery")
}

fn read(ims: &Ims, key: CheckedKey<'_>, answer: &Response<Bytes>) -> Item {
    /// The fields that a login needs (`OpenID` Connect Discovery §3).
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        #[serde(rename = "authorization_endpoint")]
        _authorization: Url,
        #[serde(rename = "token_endpoint")]
        _token: Url,
        #[serde(rename = "jwks_uri")]
        _keys: Url,
    }

    let url = &ims.discovery_url;
    if answer.status() != StatusCode::OK {
        let server = ims.server.as_str().trim_end_matches('/');
        return key.error(
            format!("{url} answers with status {}", answer.status().as_u16()),
            format!(
                "correct ims.server, or set ims.discovery_url = \"{server}/ims/.well-known/openid-configuration\""
            ),
        );
    }
    let document: Document = match serde_json::from_slice(answer.body()) {
        Ok(document) => document,
        Err(error) => {
            let message = format!("{url} is not a discovery document: {error}");
            return key.error(message, "correct ims.server or ims.discovery_url");
        }
    };
    if let Err(error) = issuer::check(&document.issuer, [&ims.server, url], &ims.id_token_issuers) {
        let fix = "correct ims.server, or add the issuer to ims.id_token_issuers";
        return key.error(format!("{url} is not the document of IMS: {error}"), fix);
    }
    let accepted = match ims.id_token_issuers.as_slice() {
        [] => String::new(),
        issuers => format!("; accepted in an id_token: {}", issuers.join(", ")),
    };
    key.ok(format!("read; issuer {}{accepted}", document.issuer))
}

/// Compares the clocks. With a wrong clock, every login fails or starts again in a loop.
fn clocks(ims: &Ims, places: &Places, answer: &Response<Bytes>, clock: &Clock) -> Option<Item> {
    let date = httpdate::parse_http_date(header(answer, "date")?).ok()?;
    let theirs = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let apart = theirs.abs_diff(u64::try_from(clock.now().0).ok()?);
    let key = CheckedKey::new(places, "ims.clock_skew").named("ims.clock");
    Some(if Duration::from_secs(apart) > ims.clock_skew {
        let message = format!("the clocks of IMS and this machine are {apart} s apart");
        key.error(message, "synchronize this machine's clock with NTP")
    } else {
        key.ok(format!("the clocks of IMS and this machine are {apart} s apart"))
    })
}

const DISCOVERY: &str = "ims.discovery_url";
