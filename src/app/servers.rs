//! The endpoints of the Campaign servers of an instance.

use std::io;
use std::sync::Arc;

use http::HeaderValue;
use rustls_pki_types::ServerName;

use crate::config::{self, Campaign, UpstreamAddress};
use crate::http_client::{self, Dialer, Endpoint, Target};

/// The endpoint of each Campaign server.
///
/// # Errors
/// When a file with certificates or a key cannot be used; the message names it.
pub fn endpoints(campaign: &config::Campaign) -> io::Result<Vec<Endpoint>> {
    let identity = campaign.client_identity.as_ref();
    let identity = identity.map(|identity| (identity.certificate.as_path(), identity.key.as_path()));
    let tls = Arc::new(http_client::tls_config(campaign.ca_file.as_deref(), identity)?);
    let endpoint = |upstream: &config::Upstream| {
        let (target, host, is_https) = match &upstream.address {
            UpstreamAddress::Url(url) => {
                let host = url.host_str().unwrap_or_default();
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let authority = url.authority();
                let target = Target::Tcp(name, url.port_or_known_default().unwrap_or(80));
                (target, authority, url.scheme() == "https")
            }
            UpstreamAddress::Unix(path) => (Target::Unix(path.clone()), "localhost", false),
        };
        let mut dialer = Dialer::new(target.clone(), campaign.connect_timeout);
        if let (true, Target::Tcp(name, _)) = (is_https, target) {
            let name = campaign.tls_server_name.clone().unwrap_or(name);
            dialer = dialer.with_tls(tls.clone(), ServerName::try_from(name).map_err(io::Error::other)?);
        }
        let host = HeaderValue::from_str(host).map_err(io::Error::other)?;
        Ok(Endpoint::new(&upstream.to_string(), host, dialer))
    };
    campaign.upstreams.iter().map(endpoint).collect()
}

/// The endpoint of each Campaign server, with the public host in each request.
pub(super) fn public_endpoints(campaign: &Campaign, origin: &str) -> io::Result<Vec<Endpoint>> {
    let host = HeaderValue::from_str(host_of(origin)).map_err(io::Error::other)?;
    let with_host =
        |endpoint: Endpoint| Endpoint::new(endpoint.name(), host.clone(), endpoint.dialer().clone());
    Ok(endpoints(campaign)?.into_iter().map(with_host).collect())
}

/// Host and port of an origin, as in a `Host` header.
pub(super) fn host_of(origin: &str) -> &str {
    origin.split_once("://").map_or("", |(_, host)| host)
}
