//! Requests to one Campaign server as the gateway sends them: with the public host, a client address and HTTPS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header, request};

use crate::config::{Instance, UpstreamAddress};
use crate::http_client::Endpoint;
use crate::policy::client_kind::SOAP_ROUTER;

/// The client's address in every request. It is from a documentation network (RFC 5737), so no specific zone contains it.
pub(super) const SENTINEL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Sends requests to one Campaign server.
pub(super) struct Probe {
    /// With the public host.
    endpoint: Endpoint,
    /// With the host of the upstream's own address.
    inner: Endpoint,
    origin: String,
    /// The public host, with its port unless it is the default port.
    pub(super) host: String,
    /// The local address of connections to the server.
    pub(super) own_address: Option<IpAddr>,
    deadline: Duration,
}

impl Probe {
    pub(super) fn new(instance: &Instance, inner: &Endpoint) -> Self {
        let campaign = &instance.campaign;
        let origin = instance.ims.origin();
        let host = origin.split_once("://").map_or("", |(_, host)| host).to_owned();
        let value = HeaderValue::from_str(&host).unwrap_or_else(|_| HeaderValue::from_static("localhost"));
        let address = campaign.upstreams.iter().find(|upstream| upstream.to_string() == **inner.name());
        Self {
            endpoint: Endpoint::new(inner.name(), value, inner.dialer().clone()),
            inner: inner.clone(),
            origin,
            host,
            own_address: address.and_then(|upstream| own_address(&upstream.address)),
            deadline: campaign.connect_timeout + campaign.response_timeout.min(LONGEST_WAIT),
        }
    }

    /// The same server, asked for another host of this gateway.
    pub(super) fn with_host(&self, host: &str) -> Self {
        let value = HeaderValue::from_str(host).unwrap_or_else(|_| HeaderValue::from_static("localhost"));
        Self {
            endpoint: Endpoint::new(self.inner.name(), value, self.inner.dialer().clone()),
            inner: self.inner.clone(),
            origin: format!("https://{host}"),
            host: host.to_owned(),
            own_address: self.own_address,
            deadline: self.deadline,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.endpoint.name()
    }

    /// Gets a path, like the gateway for a client at the [`SENTINEL`] address.
    pub(super) async fn get(&self, path: &str) -> Result<Response<Bytes>, String> {
        send(&self.endpoint, self.head(Request::get(path), path), Bytes::new(), self.deadline).await
    }

    /// The same with the host of the upstream's own address.
    pub(super) async fn get_inside(&self, path: &str) -> Result<Response<Bytes>, String> {
        send(&self.inner, self.head(Request::get(path), path), Bytes::new(), self.deadline).await
    }

    /// `xtk:session#GetServerTime` without a session.
    pub(super) async fn server_time(&self) -> Result<Response<Bytes>, String> {
        let request = self
            .head(Request::post(SOAP_ROUTER), SOAP_ROUTER)
            .header(header::CONTENT_TYPE, "application/soap+xml;charset=UTF-8")
            .header("SoapAction", "xtk:session#GetServerTime");
        send(&self.endpoint, request, Bytes::from_static(SERVER_TIME.as_bytes()), self.deadline).await
    }

    fn head(&self, request: request::Builder, path: &str) -> request::Builder {
        request
            .header("X-Forwarded-For", SENTINEL.to_string())
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", &self.host)
            .header("NLSSLURL", format!("{}{path}", self.origin))
    }
}

async fn send(
    endpoint: &Endpoint,
    request: request::Builder,
    body: Bytes,
    deadline: Duration,
) -> Result<Response<Bytes>, String> {
    let request = request.body(body).map_err(|error| error.to_string())?;
    endpoint.send(request, deadline).await.map_err(|error| error.to_string())
}

/// True for a SOAP envelope, and for an error text of Campaign.
pub(super) fn is_soap(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.contains(":Envelope")
        || text.contains("<Envelope")
        || text.starts_with("XSV-")
        || text.starts_with("SOP-")
}

/// The local address of connections to this server. Nothing is sent.
fn own_address(to: &UpstreamAddress) -> Option<IpAddr> {
    let UpstreamAddress::Url(url) = to else { return None };
    let there = url.socket_addrs(|| None).ok()?.into_iter().next()?;
    let any: SocketAddr = if there.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse().ok()?;
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(there).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

const SERVER_TIME: &str = r#"<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><urn:GetServerTime xmlns:urn="urn:xtk:session"><urn:sessiontoken/></urn:GetServerTime></SOAP-ENV:Body></SOAP-ENV:Envelope>"#;
/// The longest time to wait for an answer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
