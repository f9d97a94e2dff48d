//! Asks the admin listener.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::runtime::Runtime;
use url::Url;

use crate::http_client::{HttpClient, HttpError, connector};
use crate::server;

/// A way to one admin listener.
pub(super) struct Client {
    http: HttpClient,
    runtime: Runtime,
    address: SocketAddr,
}

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("cannot begin: {0}")]
    Start(#[from] std::io::Error),
    #[error("nobody answers at {0}: {1}\n    fix: is the gateway running, and is this its listen.admin?")]
    NoAnswer(SocketAddr, HttpError),
    #[error("the gateway at {0} answered {1}: {2}")]
    Refused(SocketAddr, StatusCode, String),
    #[error("at {0} answers something else than the admin listener of imsgate")]
    SomethingElse(SocketAddr),
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Trouble> {
        let http = HttpClient::new(connector(None, CONNECT, None)?, DEADLINE);
        Ok(Self { http, runtime: server::control_runtime()?, address })
    }

    /// Some sessions, and where the next page begins.
    pub(super) fn page(
        &self,
        user: Option<&str>,
        after: Option<&str>,
    ) -> Result<(Vec<Value>, Option<String>), Trouble> {
        let query: Vec<_> = [user.map(|user| ("user", user)), after.map(|after| ("after", after))]
            .into_iter()
            .flatten()
            .collect();
        let mut answer = self.ask(Method::GET, None, &query)?;
        let Value::Array(sessions) = answer["sessions"].take() else {
            return Err(Trouble::SomethingElse(self.address));
        };
        Ok((sessions, answer["next"].as_str().map(str::to_owned)))
    }

    /// Ends a session; how many there were.
    pub(super) fn revoke(&self, id: &str) -> Result<u64, Trouble> {
        self.ended(&self.ask(Method::DELETE, Some(id), &[])?)
    }

    /// Ends the sessions of a person; how many there were.
    pub(super) fn revoke_all(&self, user: &str) -> Result<u64, Trouble> {
        self.ended(&self.ask(Method::DELETE, None, &[("user", user)])?)
    }

    fn ended(&self, answer: &Value) -> Result<u64, Trouble> {
        answer["ended"].as_u64().ok_or(Trouble::SomethingElse(self.address))
    }

    fn ask(&self, method: Method, id: Option<&str>, query: &[(&str, &str)]) -> Result<Value, Trouble> {
        let something_else = || Trouble::SomethingElse(self.address);
        let mut url: Url =
            format!("http://{}/sessions", self.address).parse().map_err(|_| something_else())?;
        if let (Some(id), Ok(mut path)) = (id, url.path_segments_mut()) {
            path.push(id);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = Request::builder().method(method).uri(url.as_str()).body(Bytes::new());
        let request = request.map_err(|_| something_else())?;
        let answer = self.runtime.block_on(self.http.send(request));
        let answer: Response<Bytes> = answer.map_err(|error| Trouble::NoAnswer(self.address, error))?;
        let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        match answer.status() {
            StatusCode::OK => Ok(value),
            // No such session.
            StatusCode::NOT_FOUND if value["ended"] == 0 => Ok(value),
            status => match value["error"].as_str() {
                Some(error) => Err(Trouble::Refused(self.address, status, error.to_owned())),
                None => Err(something_else()),
            },
        }
    }
}

const CONNECT: Duration = Duration::from_secs(5);
/// A page of sessions is read from the store one by one.
const DEADLINE: Duration = Duration::from_secs(30);
