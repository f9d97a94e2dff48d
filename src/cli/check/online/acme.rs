//! The ACME server: its directory, its terms, and whether the names of the certificate lead to this machine. Nothing is ordered.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use url::Url;

use super::super::report::{CheckedKey, Item};
use super::get;
use crate::app::acme_domains;
use crate::config::{Acme, Loaded};
use crate::http_client::{HttpClient, connector};

/// Every finding about the ACME server; none without `listen.acme.directory`.
pub(super) async fn check(loaded: &Loaded) -> Vec<Item> {
    let acme = &loaded.config.listen.acme;
    let key = CheckedKey::new(&loaded.places, "listen.acme.directory");
    let Some(directory) = &acme.directory else { return Vec::new() };
    let mut items = match read(acme, directory).await {
        Ok(found) => found.items(key, directory),
        Err((message, fix)) => vec![
            key.warning(message, fix),
            key.named(TERMS).not_checked("the ACME server was not reached", ""),
        ],
    };
    for name in acme_domains(&loaded.config) {
        items.push(resolution(key.named("listen.acme.names"), &name).await);
    }
    items
}

/// The directory (RFC 8555 §7.1.1).
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AcmeDirectory {
    new_nonce: Option<Url>,
    new_account: Option<Url>,
    new_order: Option<Url>,
    meta: AcmeMeta,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AcmeMeta {
    terms_of_service: Option<String>,
    external_account_required: bool,
}

/// Reads the directory as the gateway does. The error has a message and a fix.
async fn read(acme: &Acme, url: &Url) -> Result<AcmeDirectory, (String, &'static str)> {
    let unreachable = |error: String| {
        let fix = "check the address and the firewall; if the server has a private authority, set listen.acme.ca_file";
        (format!("cannot read {url}, so no certificate can be ordered: {error}"), fix)
    };
    let connector =
        connector(acme.ca_file.as_deref(), WAIT, None).map_err(|error| unreachable(error.to_string()))?;
    let answer = get(&HttpClient::new(connector, WAIT), url).await.map_err(unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(unreachable(format!("the status is {}", answer.status().as_u16())));
    }
    Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
}

impl AcmeDirectory {
    fn items(&self, key: CheckedKey<'_>, url: &Url) -> Vec<Item> {
        let addresses =
            [("newNonce", &self.new_nonce), ("newAccount", &self.new_account), ("newOrder", &self.new_order)];
        let missing: Vec<&str> =
            addresses.into_iter().filter(|(_, url)| url.is_none()).map(|(name, _)| name).collect();
        let terms = match &self.meta.terms_of_service {
            Some(terms) => key.named(TERMS).ok(format!("with this key you agree to {terms}")),
            None => key.named(TERMS).not_checked("the ACME server names no terms of service", ""),
        };
        let directory = if !missing.is_empty() {
            let message =
                format!("{url} is no directory of an ACME server: {} is missing", missing.join(", "));
            key.error(message, "write the address of the directory (RFC 8555 §7.1.1)")
        } else if self.meta.external_account_required {
            let message = format!("{url} needs an external account, which the gateway cannot name");
            key.error(message, "use a server without externalAccountRequired")
        } else {
            key.ok("the ACME server answers, and takes new accounts and orders")
        };
        vec![directory, terms]
    }
}

/// Whether this name leads to this machine, as far as this machine can know.
async fn resolution(key: CheckedKey<'_>, name: &str) -> Item {
    let found = tokio::net::lookup_host((name, 443)).await;
    let mut addresses: Vec<IpAddr> =
        found.map(|found| found.map(|one| one.ip()).collect()).unwrap_or_default();
    addresses.sort_unstable();
    addresses.dedup();
    judged(key, name, &addresses, is_of_this_machine)
}

fn judged(key: CheckedKey<'_>, name: &str, addresses: &[IpAddr], is_here: impl Fn(IpAddr) -> bool) -> Item {
    let text =
        |addresses: &[IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (here, elsewhere): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().copied().partition(|address| is_here(*address));
    match (here.is_empty(), elsewhere.is_empty()) {
        (true, true) => key.warning(
            format!("this machine finds no address for {name}, so the ACME server cannot prove it"),
            format!("add {name} to DNS, or remove it from the host names"),
        ),
        (false, true) => key.ok(format!("{name} leads to this machine: {}", text(&here))),
        (true, false) => key.not_checked(
            format!(
                "{name} leads to {}, no address of this machine: whether port 443 there leads to listen.https is not known here",
                text(&elsewhere)
            ),
            "",
        ),
        (false, false) => key.warning(
            format!("{name} leads to this machine ({}), and also to {}", text(&here), text(&elsewhere)),
            "every address of the name must lead to this gateway, or the ACME server may ask another machine",
        ),
    }
}

/// True for an address that a socket of this machine can have. Nothing is sent.
fn is_of_this_machine(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

const TERMS: &str = "listen.acme.terms";
/// Time for one exchange with the server.
const WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::super::super::report::Severity;
    use super::*;
    use crate::config::Places;

    #[test]
    fn a_name_is_judged_by_all_of_its_addresses() {
        let (here, there): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let places = Places::default();
        for (addresses, severity, part) in [
            (&[][..], Severity::Warning, "no address for c.example"),
            (&[here], Severity::Ok, "leads to this machine: 192.0.2.1"),
            (&[there], Severity::NotChecked, "leads to 2001:db8::1, no address of this machine"),
            (&[here, there], Severity::Warning, "(192.0.2.1), and also to 2001:db8::1"),
        ] {
            let item =
                judged(CheckedKey::new(&places, "key"), "c.example", addresses, |address| address == here);
            assert_eq!(item.severity, severity, "{}", item.message);
            assert!(item.message.contains(part), "{}", item.message);
        }
        assert!(is_of_this_machine("127.0.0.1".parse().unwrap()));
        assert!(!is_of_this_machine("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_directory_has_addresses_for_accounts_and_orders() {
        let places = Places::default();
        let judged = |text: &str| {
            let directory: AcmeDirectory = serde_json::from_str(text).unwrap_or_default();
            let url = "https://acme.example/dir".parse().unwrap();
            let [directory, terms] =
                directory.items(CheckedKey::new(&places, "key"), &url).try_into().unwrap();
            (directory.severity, directory.message, terms.severity)
        };
        let whole = r#"{"newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"https://a/o"}"#;
        let of = |meta: &str| whole.replacen('{', &format!("{{\"meta\":{meta},"), 1);
        assert_eq!((judged(whole).0, judged(whole).2), (Severity::Ok, Severity::NotChecked));
        assert_eq!(judged(&of(r#"{"termsOfService":"https://a/terms"}"#)).2, Severity::Ok);
        assert_eq!(judged(&of(r#"{"externalAccountRequired":true}"#)).0, Severity::Error);
        for other in ["", "{}", "[]", "<html>", &whole.replace("newOrder", "newCert")] {
            let (severity, message, _) = judged(other);
            assert!(severity == Severity::Error && message.contains("newOrder"), "{other}: {message}");
        }
    }
}
