//! Checks over the network: the discovery document of IMS, the health page of each Campaign server, and the clocks.

mod client;

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use url::Url;

use self::client::{Answer, Client};
use super::report::Item;
use crate::clock::Clock;
use crate::config::{Config, Ims, Loaded, Places};
use crate::policy::issuer;

/// Fetches the discovery document and the health page of each Campaign server.
pub(super) fn check(loaded: &Loaded, clock: &Clock) -> Vec<Item> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("IMS and Campaign could not be checked: {error}");
            return vec![Item::warning(
                &loaded.places,
                "configuration",
                message,
                "try again, or use --offline",
            )];
        }
    };
    runtime.block_on(async {
        let mut items = ims(&loaded.config.instance.ims, &loaded.places, clock).await;
        items.extend(campaign(&loaded.config, &loaded.places).await);
        items
    })
}

async fn ims(ims: &Ims, places: &Places, clock: &Clock) -> Vec<Item> {
    let url = &ims.discovery_url;
    let answer = match crate::app::ims_connector(ims).map_err(|error| error.to_string()).map(Client::new) {
        Ok(client) => client.get(url, ims.timeout).await,
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let fix = if error.contains("the proxy ") {
                "correct ims.proxy, or the variable HTTPS_PROXY if ims.proxy is not set"
            } else {
                "check ims.server and the firewall; if this machine needs a proxy, set ims.proxy"
            };
            return vec![Item::stops(places, DISCOVERY, format!("cannot read {url}: {error}"), fix)];
        }
    };
    let mut items = vec![discovery(ims, places, &answer)];
    items.extend(clocks(ims, places, &answer, clock));
    items
}

fn discovery(ims: &Ims, places: &Places, answer: &Answer) -> Item {
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
    if answer.status != 200 {
        let server = ims.server.as_str().trim_end_matches('/');
        return Item::stops(
            places,
            DISCOVERY,
            format!("{url} answers with status {}", answer.status),
            format!(
                "correct ims.server, or set ims.discovery_url = \"{server}/ims/.well-known/openid-configuration\""
            ),
        );
    }
    let document: Document = match serde_json::from_slice(&answer.body) {
        Ok(document) => document,
        Err(error) => {
            let message = format!("{url} is not a discovery document: {error}");
            return Item::stops(places, DISCOVERY, message, "correct ims.server or ims.discovery_url");
        }
    };
    if let Err(error) = issuer::check(&document.issuer, [&ims.server, url], &ims.id_token_issuers) {
        let fix = "correct ims.server, or add the issuer to ims.id_token_issuers";
        return Item::stops(places, DISCOVERY, format!("{url} is not the document of IMS: {error}"), fix);
    }
    let accepted = match ims.id_token_issuers.as_slice() {
        [] => String::new(),
        issuers => format!("; accepted in an id_token: {}", issuers.join(", ")),
    };
    Item::ok(places, DISCOVERY, format!("read; issuer {}{accepted}", document.issuer))
}

/// Compares the clocks. With a wrong clock, every login fails or starts again in a loop.
fn clocks(ims: &Ims, places: &Places, answer: &Answer, clock: &Clock) -> Option<Item> {
    let theirs = answer.date?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let apart = theirs.abs_diff(u64::try_from(clock.now().0).ok()?);
    let key = "ims.clock_skew";
    Some(if Duration::from_secs(apart) > ims.clock_skew {
        let message = format!("the clocks of IMS and this machine are {apart} s apart");
        Item::stops(places, key, message, "synchronize this machine's clock with NTP")
    } else {
        Item::ok(places, key, format!("the clocks of IMS and this machine are {apart} s apart"))
    })
}

async fn campaign(config: &Config, places: &Places) -> Vec<Item> {
    let campaign = &config.instance.campaign;
    let endpoints = match crate::app::endpoints(campaign) {
        Ok(endpoints) => endpoints,
        Err(error) => {
            let fix = "correct campaign.ca_file, campaign.client_certificate or campaign.client_key";
            return vec![Item::stops(places, UPSTREAM, error.to_string(), fix)];
        }
    };
    let mut answers = Vec::new();
    for endpoint in &endpoints {
        let deadline = campaign.connect_timeout + campaign.response_timeout.min(LONGEST_WAIT);
        let request = Request::get("/r/test").body(Bytes::new());
        let answer = match request {
            Ok(request) => endpoint.send(request, deadline).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        answers.push((format!("{}/r/test", endpoint.name()), answer));
    }
    let all_down = answers.iter().all(|(_, answer)| answer.is_err());
    answers
        .into_iter()
        .map(|(url, answer)| match answer {
            Ok(answer) => health(places, &url, &answer),
            Err(error) => {
                let message = format!("cannot read {url}: {error}");
                let fix =
                    "check that Campaign runs at this address and that its firewall allows this machine";
                if all_down {
                    Item::stops(places, UPSTREAM, message, fix)
                } else {
                    Item::warning(places, UPSTREAM, message, fix)
                }
            }
        })
        .collect()
}

/// Reads Campaign's health page: `<redir status='OK' build='9236' …/>`.
fn health(places: &Places, url: &str, answer: &Response<Bytes>) -> Item {
    let body = String::from_utf8_lossy(answer.body()).replace('"', "'");
    let attribute = |name: &str| {
        let (_, rest) = body.split_once(&format!(" {name}='"))?;
        rest.split_once('\'')
            .map(|(value, _)| value.chars().filter(char::is_ascii_alphanumeric).collect::<String>())
    };
    match (answer.status().as_u16(), attribute("status")) {
        (200, Some(status)) if status.eq_ignore_ascii_case("ok") => {
            let build = attribute("build").map_or_else(String::new, |build| format!(", build {build}"));
            Item::ok(places, UPSTREAM, format!("{url} answers OK{build}"))
        }
        (status, _) => {
            let message = format!("{url} answers with status {status}, but it is not Campaign's health page");
            Item::warning(
                places,
                UPSTREAM,
                message,
                "check that it is the Campaign web server with its redirection module",
            )
        }
    }
}

const DISCOVERY: &str = "ims.discovery_url";
const UPSTREAM: &str = "campaign.upstream";
/// The longest time to wait for a health page.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::from(body)).unwrap()
    }

    #[test]
    fn the_health_page_is_recognised() {
        let url = "http://127.0.0.1/r/test";
        let message = |answer: &Response<Bytes>| health(&Places::default(), url, answer).message;
        let good = answer(200, "<redir status='OK' date='2026-01-01' build='9236' host='x' localHost='y'/>");
        assert_eq!(message(&good), "http://127.0.0.1/r/test answers OK, build 9236");
        assert!(message(&answer(200, "<html>")).contains("not Campaign's"));
        assert!(message(&answer(404, "")).contains("status 404"));
    }
}
