//! A client of the admin listener.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::Url;

use crate::config::{FindingStyle, Listen};
use crate::http_client::{HttpClient, HttpError, connector};
use crate::server;
use crate::telemetry::audit::AuditLine;

pub(in crate::cli) struct AdminClient {
    http: HttpClient,
    runtime: Runtime,
    address: SocketAddr,
    token: Option<SecretString>,
}

/// The address of an admin listener, and the admin token if the configuration has one.
#[derive(Debug)]
pub(super) struct AdminTarget {
    pub(super) address: SocketAddr,
    pub(super) token: Option<SecretString>,
}

/// Why a call to the admin listener failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum AdminError {
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    #[error(
        "no admin listener answers at {0}: {1}\n    fix: check that the gateway runs and that its listen.admin is this address"
    )]
    NoAnswer(SocketAddr, HttpError),
    #[error("the gateway at {0} answered {1}: {2}")]
    Refused(SocketAddr, StatusCode, String),
    #[error(
        "{0} is not an admin listener of imsgate\n    fix: check listen.admin, or give --admin ADDR:PORT"
    )]
    NotAdmin(SocketAddr),
}

impl AdminClient {
    pub(super) fn new(AdminTarget { address, token }: AdminTarget) -> Result<Self, AdminError> {
        let address = reachable(address);
        let http = HttpClient::new(connector(None, CONNECT, None)?, DEADLINE);
        Ok(Self { http, runtime: server::control_runtime()?, address, token })
    }

    /// A client of the gateway that runs with this configuration.
    pub(in crate::cli) fn of(listen: &Listen) -> Option<Self> {
        Self::new(AdminTarget { address: listen.admin?, token: listen.admin_token.clone() }).ok()
    }

    /// All live sessions, or those of one person, the oldest first. On request, each has the membership that IMS last reported.
    pub(in crate::cli) fn sessions(
        &self,
        user: Option<&str>,
        with_membership: bool,
    ) -> Result<Vec<Value>, AdminError> {
        let (mut sessions, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(user, after.as_deref(), with_membership)?;
            sessions.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        // Redis may list a session twice.
        sessions.sort_by_cached_key(|session: &Value| {
            (session["created"].to_string(), session["sid"].to_string())
        });
        sessions.dedup_by(|one, other| one["sid"] == other["sid"]);
        Ok(sessions)
    }

    /// One page of sessions, and the cursor of the next page.
    fn page(
        &self,
        user: Option<&str>,
        after: Option<&str>,
        with_membership: bool,
    ) -> Result<(Vec<Value>, Option<String>), AdminError> {
        let membership = with_membership.then_some(("membership", "true"));
        let query = [user.map(|user| ("user", user)), after.map(|after| ("after", after)), membership];
        let query: Vec<_> = query.into_iter().flatten().collect();
        let mut answer = self.call(Method::GET, None, &query)?;
        let Value::Array(sessions) = answer["sessions"].take() else {
            return Err(AdminError::NotAdmin(self.address));
        };
        Ok((sessions, answer["next"].as_str().map(str::to_owned)))
    }

    /// Requests with session tokens of other sessions, or with logins of native accounts.
    pub(in crate::cli) fn foreign_tokens(&self) -> Result<Vec<Value>, AdminError> {
        match self.request(Method::GET, self.url("foreign-tokens")?)?["uses"].take() {
            Value::Array(uses) => Ok(uses),
            _ => Err(AdminError::NotAdmin(self.address)),
        }
    }

    /// Loads the configuration of the gateway again.
    pub(in crate::cli) fn reload(&self, look: FindingStyle) -> Result<Value, AdminError> {
        let mut url = self.url("reload")?;
        if let FindingStyle::Terminal { width, colour } = look {
            url.query_pairs_mut()
                .append_pair("width", &width.to_string())
                .append_pair("colour", &colour.to_string());
        }
        self.request(Method::POST, url)
    }

    /// The keys whose values differ from those of the gateway.
    pub(in crate::cli) fn compare(
        &self,
        salt: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Value, AdminError> {
        let body = json!({"salt": salt, "values": values}).to_string();
        self.send(Method::POST, self.url("reload/compare")?, body.into())
    }

    /// The latest audit events about a person or a request, the oldest first.
    pub(in crate::cli) fn events(&self, about: &str) -> Result<Vec<AuditLine>, AdminError> {
        let mut url = self.url("events")?;
        url.query_pairs_mut().append_pair("about", about);
        let events = self.request(Method::GET, url)?["events"].take();
        serde_json::from_value(events).map_err(|_| AdminError::NotAdmin(self.address))
    }

    /// The state of the gateway, and whether it serves requests.
    pub(in crate::cli) fn health(&self) -> Result<(bool, Value), AdminError> {
        let (status, health) = self.exchange(Method::GET, self.url("health")?, Bytes::new())?;
        match status {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE if health["status"].is_string() => {
                Ok((status == StatusCode::OK, health))
            }
            _ => Err(AdminError::NotAdmin(self.address)),
        }
    }

    /// The state of a switch at each instance, after it was turned if `wanted` says so.
    pub(in crate::cli) fn switch(&self, name: &str, wanted: Option<&Value>) -> Result<Value, AdminError> {
        let url = self.url(&format!("switches/{name}"))?;
        let state = match wanted {
            Some(wanted) => self.send(Method::POST, url, wanted.to_string().into())?,
            None => self.request(Method::GET, url)?,
        };
        if state["instances"].is_array() { Ok(state) } else { Err(AdminError::NotAdmin(self.address)) }
    }

    /// Ends a session. Returns how many sessions ended.
    pub(super) fn revoke(&self, id: &str) -> Result<u64, AdminError> {
        self.ended(&self.call(Method::DELETE, Some(id), &[])?)
    }

    /// Ends the sessions of a person. Returns how many sessions ended.
    pub(super) fn revoke_all(&self, user: &str) -> Result<u64, AdminError> {
        self.ended(&self.call(Method::DELETE, None, &[("user", user)])?)
    }

    fn ended(&self, answer: &Value) -> Result<u64, AdminError> {
        answer["ended"].as_u64().ok_or(AdminError::NotAdmin(self.address))
    }

    fn call(&self, method: Method, id: Option<&str>, query: &[(&str, &str)]) -> Result<Value, AdminError> {
        let mut url = self.url("sessions")?;
        if let (Some(id), Ok(mut path)) = (id, url.path_segments_mut()) {
            path.push(id);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.request(method, url)
    }

    fn url(&self, path: &str) -> Result<Url, AdminError> {
        format!("http://{}/{path}", self.address).parse().map_err(|_| AdminError::NotAdmin(self.address))
    }

    fn request(&self, method: Method, url: Url) -> Result<Value, AdminError> {
        self.send(method, url, Bytes::new())
    }

    fn send(&self, method: Method, url: Url, body: Bytes) -> Result<Value, AdminError> {
        let (status, value) = self.exchange(method, url, body)?;
        match status {
            StatusCode::OK => Ok(value),
            // The session does not exist.
            StatusCode::NOT_FOUND if value["ended"] == 0 => Ok(value),
            status => match value["error"].as_str() {
                Some(error) => Err(AdminError::Refused(self.address, status, error.to_owned())),
                None => Err(AdminError::NotAdmin(self.address)),
            },
        }
    }

    /// The status, and the JSON of the body; null for any other body.
    fn exchange(&self, method: Method, url: Url, body: Bytes) -> Result<(StatusCode, Value), AdminError> {
        let not_admin = || AdminError::NotAdmin(self.address);
        let mut request = Request::builder()
            .method(method)
            .uri(String::from(url))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()));
        }
        let request = request.body(body).map_err(|_| not_admin())?;
        let answer = self.runtime.block_on(self.http.send(request));
        let answer: Response<Bytes> = answer.map_err(|error| AdminError::NoAnswer(self.address, error))?;
        let value = serde_json::from_slice(answer.body()).unwrap_or_default();
        Ok((answer.status(), value))
    }
}

/// Replaces the unspecified address (a listener on all addresses) by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

const CONNECT: Duration = Duration::from_secs(5);
/// Long, because the gateway reads each session of a page from its store.
const DEADLINE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_called_on_loopback() {
        for (listens, called) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("127.0.0.2:1", "127.0.0.2:1")]
        {
            assert_eq!(reachable(listens.parse().unwrap()), called.parse().unwrap());
        }
    }
}
