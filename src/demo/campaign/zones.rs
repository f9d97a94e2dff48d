//! Where a request comes from, as Campaign reads it: host, client address, security zone, HTTPS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use ipnet::IpNet;

use super::CampaignState;
use crate::demo::listening::PeerAddress;

/// A security zone of `serverConf.xml`.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The name of the zone.
    pub name: String,
    /// Its `subNetwork` masks. The first zone that holds the client's address counts.
    pub networks: Vec<IpNet>,
    /// Opens sessions over plain HTTP too (`allowHTTP`).
    pub allow_http: bool,
    /// Shows all attributes of `/r/test` (`allowDebug`).
    pub allow_debug: bool,
}

impl Zone {
    /// A zone with every address.
    pub fn everywhere(name: &str) -> Self {
        let networks = vec![
            IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0),
            IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0),
        ];
        Self { name: name.to_owned(), networks, allow_http: true, allow_debug: true }
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(super) struct RequestOrigin {
    /// The client address that Campaign believes (`sourceIP`).
    pub(super) address: IpAddr,
    /// The `Host` field.
    pub(super) host: String,
    /// True when `NLSSLURL` names an https address.
    pub(super) is_https: bool,
    /// The zone of the address; `None`: no zone holds it.
    pub(super) zone: Option<Zone>,
}

impl RequestOrigin {
    /// Whether this origin may use a session.
    ///
    /// # Errors
    /// Status and text of the refusal.
    pub(super) fn check_address(&self) -> Result<&Zone, (StatusCode, String)> {
        self.zone.as_ref().ok_or_else(|| {
            let text = format!(
                "XSV-350014 The '{}' IP address via which you are accessing the server is not accepted. Connection refused.",
                self.address
            );
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        })
    }

    /// Whether this origin may open a session.
    ///
    /// # Errors
    /// Status and text of the refusal.
    pub(super) fn check_logon(&self) -> Result<(), (StatusCode, String)> {
        let zone = self.check_address()?;
        if self.is_https || zone.allow_http {
            return Ok(());
        }
        Err((StatusCode::FORBIDDEN, XSV_350013.to_owned()))
    }
}

pub(super) const XSV_350013: &str =
    "XSV-350013 The IP address or the security zone is not allowed to connect.";

/// Adds the [`RequestOrigin`]. Answers 404 for a host without an instance.
pub(super) async fn find_origin(
    State(campaign): State<Arc<CampaignState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let origin = campaign.origin(peer.unwrap_or(Ipv4Addr::LOCALHOST.into()), request.headers());
    if !matches_mask(&campaign.options.dns_mask, &origin.host) {
        return (StatusCode::NOT_FOUND, "No instance has this host among its DNS masks.\n").into_response();
    }
    request.extensions_mut().insert(origin);
    next.run(request).await
}

impl CampaignState {
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> RequestOrigin {
        let peer = peer.to_canonical();
        let is_proxy = |address: &IpAddr| self.options.proxies.iter().any(|proxy| proxy.contains(address));
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|field| field.to_str().ok());
        let forwarded: Vec<IpAddr> = forwarded
            .flat_map(|field| field.split(','))
            .filter_map(|item| item.trim().parse().ok())
            .collect();
        let address = if is_proxy(&peer) {
            // The nearest address that is not a proxy of this server itself.
            let client = forwarded.iter().rev().find(|address| !is_proxy(address));
            client.or(forwarded.first()).copied().unwrap_or(peer).to_canonical()
        } else {
            peer
        };
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        RequestOrigin {
            address,
            host: text(header::HOST.as_str()).to_owned(),
            is_https: text("nlsslurl").starts_with("https://"),
            zone: self.options.zones.iter().find(|zone| zone.holds(address)).cloned(),
        }
    }
}

/// A DNS mask is a host name that may end with `*`.
fn matches_mask(mask: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    match mask.strip_suffix('*') {
        Some(beginning) => host.starts_with(beginning),
        None => host == mask || host.strip_prefix(mask).is_some_and(|rest| rest.starts_with(':')),
    }
}
