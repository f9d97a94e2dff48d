//! Facts about a request, read before any decision.

use std::net::IpAddr;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, header};
use memchr::memmem;

use crate::net::AddressGroup;
use crate::peer::Peer;
use crate::proxy::QuotaUser;
use crate::telemetry::RequestId;
use crate::unix_time::UnixTime;
use crate::wire::fields::{FORWARDED_FOR, REQUEST_ID, SECURITY_TOKEN};
use crate::wire::framing::FieldsSummary;

static PAGE: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("text/html"));
static JSON: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("application/json"));

/// True when the client prefers pages to JSON.
fn wants_page(accept: &[u8]) -> bool {
    // Browsers begin it so. This saves the search.
    accept.starts_with(b"text/html")
        || PAGE.find(accept).is_some_and(|page| JSON.find(&accept[..page]).is_none())
}

/// One request's own facts.
#[derive(Clone, Debug)]
pub struct Context {
    pub id: RequestId,
    pub peer: Peer,
    pub now: UnixTime,
    /// True when the client gets pages instead of JSON.
    pub wants_page: bool,
    /// True when the client understands only SOAP.
    pub wants_fault: bool,
    /// `Accept-Language`, when the client wants a page.
    pub accept_language: Option<HeaderValue>,
    /// Which of the rare fields the request has.
    pub has: RareFields,
    /// Length and framing of its fields, for the check of the head.
    pub fields: FieldsSummary,
}

/// Fields that few requests have. The flags save look-ups.
#[derive(Clone, Copy, Debug, Default)]
pub struct RareFields {
    pub connection: bool,
    pub upgrade: bool,
    /// `X-Security-Token`.
    pub security_token: bool,
}

impl Context {
    /// Reads the facts from a request's headers.
    pub fn new(now: UnixTime, headers: &HeaderMap, peer: Peer) -> Self {
        let given = if peer.trusted { headers.get(REQUEST_ID).and_then(RequestId::from_peer) } else { None };
        // One pass: a look-up for each takes longer.
        let (mut accept, mut language, mut has) = (None, None, RareFields::default());
        let mut fields = FieldsSummary::default();
        for (name, value) in headers {
            fields.add(name, value);
            match *name {
                header::ACCEPT => accept = accept.or(Some(value)),
                header::ACCEPT_LANGUAGE => language = language.or(Some(value)),
                header::CONNECTION => has.connection = true,
                header::UPGRADE => has.upgrade = true,
                _ => has.security_token |= *name == SECURITY_TOKEN,
            }
        }
        let accept = accept.map(HeaderValue::as_bytes).unwrap_or_default();
        let wants_page = wants_page(accept);
        let accept_language = if wants_page { language.cloned() } else { None };
        let wants_fault = !wants_page && headers.contains_key("soapaction");
        let id = given.unwrap_or_else(RequestId::random);
        Self { id, peer, now, wants_page, wants_fault, accept_language, has, fields }
    }

    /// The same for a client that understands only SOAP.
    #[must_use]
    pub fn of_soap_client(&self) -> Self {
        Self { wants_page: false, wants_fault: true, ..self.clone() }
    }

    /// Whose quota of connections to Campaign the request uses. A trusted proxy has no quota, because it sends requests of many people.
    pub fn quota_user(&self, signed_in: bool) -> QuotaUser {
        if signed_in {
            return QuotaUser::SignedIn;
        }
        QuotaUser::Anonymous((!self.peer.trusted).then(|| AddressGroup::of(self.peer.ip)))
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
}
