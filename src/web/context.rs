//! What is known of a request before anything is decided.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderValue, header};
use ipnet::IpNet;
use memchr::memmem;

use super::shared::Shared;
use crate::clock::UnixTime;
use crate::net::AddressGroup;
use crate::pages::PageContext;
use crate::proxy::Caller;
use crate::telemetry::{Limit, RequestId};
use crate::wire::fields::{FORWARDED_FOR, REQUEST_ID, header_text};
use crate::wire::framing::FramingError;
use crate::wire::request_head::HeaderLines;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub ip: IpAddr,
    /// What is the same for all of its requests.
    pub known: Arc<Known>,
    /// True when its forwarding headers are believed.
    pub trusted: bool,
    /// The limit that this connection is over: it is told so, and nothing else.
    pub over: Option<Limit>,
    /// What was wrong with the head as it came over the wire.
    pub flaw: Option<FramingError>,
}

/// What is prepared once for all requests of a connection.
#[derive(Debug)]
pub struct Known {
    /// The peer's address, ready for `X-Forwarded-For`.
    pub forwarded_for: HeaderValue,
    /// What every request of its, unless it is believed itself, says on its way to Campaign.
    pub lines: HeaderLines,
}

impl Peer {
    /// The peer at this address; trusted when one of the networks holds it.
    pub fn new(address: SocketAddr, trusted: &[IpNet]) -> Self {
        let ip = address.ip().to_canonical();
        let trusted = trusted.iter().any(|network| network.contains(&ip));
        let forwarded_for = header_text(&ip.to_string());
        let mut lines = HeaderLines::default();
        lines.add(&FORWARDED_FOR, &forwarded_for);
        lines.add_fixed("x-forwarded-proto: https\r\n");
        let known = Arc::new(Known { forwarded_for, lines });
        Self { ip, known, trusted, over: None, flaw: None }
    }
}

static PAGE: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("text/html"));
static JSON: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("application/json"));

/// One request's own facts.
#[derive(Clone, Debug)]
pub struct Context {
    /// The request's id.
    pub id: RequestId,
    /// Who is connected.
    pub peer: Peer,
    /// When it came in.
    pub now: UnixTime,
    /// True when a page serves the client better than JSON.
    pub wants_page: bool,
    /// True when the client understands nothing but SOAP.
    pub wants_fault: bool,
}

impl Context {
    /// Reads the facts from a request's headers.
    pub fn new(shared: &Shared, headers: &HeaderMap, peer: Peer) -> Self {
        let given = if peer.trusted { headers.get(REQUEST_ID).and_then(RequestId::from_peer) } else { None };
        let accept = headers.get(header::ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
        let wants_page = match (PAGE.find(accept), JSON.find(accept)) {
            (Some(page), Some(json)) => page < json,
            (page, _) => page.is_some(),
        };
        let wants_fault = !wants_page && headers.contains_key("soapaction");
        let id = given.unwrap_or_else(RequestId::random);
        Self { id, peer, now: shared.clock.now(), wants_page, wants_fault }
    }

    /// Who asks, with a session or without. A trusted proxy speaks for many.
    pub fn caller(&self, signed_in: bool) -> Caller {
        if signed_in {
            return Caller::SignedIn;
        }
        Caller::Anonymous((!self.peer.trusted).then(|| AddressGroup::of(self.peer.ip)))
    }

    /// What every page needs.
    pub fn page<'a>(&'a self, shared: &'a Shared) -> PageContext<'a> {
        PageContext { request_id: self.id.as_str(), support: shared.support(), now: self.now }
    }

    /// The address of the client: as the nearest trusted proxy names it, otherwise the peer's.
    pub fn client_address(&self, headers: &HeaderMap) -> IpAddr {
        let named = || {
            let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
        };
        let named = if self.peer.trusted { named() } else { None };
        named.map_or(self.peer.ip, |address| address.to_canonical())
    }

    /// The peer's address for the audit trail.
    pub fn peer_text(&self) -> String {
        self.peer.ip.to_string()
    }
}
