//! Connections to one upstream, kept by one worker. A connection goes back when its answer has been read to the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper::client::conn::http1::{self, SendRequest};
use tower::Service as _;
use url::Url;

use super::body::{Body, Progress, Upload};
use super::{ProxyError, base};
use crate::http_client::{Connector, chain};

/// Idle connections to one upstream.
#[derive(Debug)]
pub struct Pool {
    authority: Authority,
    address: Uri,
    connector: Connector,
    idle: Arc<Idle>,
}

/// A connection on loan; [`Lease::give_back`] makes it available again.
#[derive(Debug)]
pub struct Lease {
    sender: SendRequest<Upload>,
    idle: Arc<Idle>,
}

type Idle = Mutex<Vec<(SendRequest<Upload>, Instant)>>;
/// An error, and the request when it is certain that nothing of it was sent.
type Failure = (ProxyError, Option<Box<Request<Upload>>>);

impl Pool {
    /// A pool for this origin; `None` when it is no origin.
    pub fn new(url: &Url, connector: Connector) -> Option<Self> {
        let (scheme, authority) = base(url)?;
        let address =
            Uri::builder().scheme(scheme).authority(authority.clone()).path_and_query("/").build().ok()?;
        Some(Self { authority, address, connector, idle: Arc::default() })
    }

    /// Where this pool connects to.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A kept connection may have been closed by Campaign at the very moment it was taken: then the request goes out
    /// again when nothing of it was sent, or when repeating is safe (RFC 9110 §9.2.2): a GET or HEAD without a body.
    pub async fn send(
        &self,
        mut request: Request<Upload>,
        progress: &Progress,
        limit: Duration,
    ) -> Result<Response<Body>, Failure> {
        while let Some((lease, since)) = self.take() {
            let spare = (since.elapsed() > FRESH).then(|| repeatable(&request)).flatten();
            match self.exchange(lease, request, progress, limit).await {
                Err((ProxyError::Broken { .. }, Some(unsent))) => request = *unsent,
                outcome @ Err((ProxyError::Broken { .. }, None)) => match spare {
                    Some(again) => {
                        request = again;
                        break;
                    }
                    None => return outcome,
                },
                outcome => return outcome,
            }
        }
        match self.connect().await {
            Ok(lease) => self.exchange(lease, request, progress, limit).await,
            Err(error) => Err((error, Some(Box::new(request)))),
        }
    }

    /// The idle connection used last.
    fn take(&self) -> Option<(Lease, Instant)> {
        let mut idle = lock(&self.idle);
        while let Some((sender, since)) = idle.pop() {
            if sender.is_ready() {
                return Some((Lease { sender, idle: self.idle.clone() }, since));
            }
        }
        None
    }

    async fn connect(&self) -> Result<Lease, ProxyError> {
        let failed = |reason| ProxyError::Connect { upstream: self.authority.clone(), reason };
        let stream =
            self.connector.clone().call(self.address.clone()).await.map_err(|e| failed(chain(&*e)))?;
        let (sender, connection) =
            http1::Builder::new().handshake(stream).await.map_err(|e| failed(chain(&e)))?;
        tokio::spawn(async move {
            // Its end is seen by whoever holds the sender.
            let _ = connection.with_upgrades().await;
        });
        Ok(Lease { sender, idle: self.idle.clone() })
    }

    async fn exchange(
        &self,
        mut lease: Lease,
        request: Request<Upload>,
        progress: &Progress,
        limit: Duration,
    ) -> Result<Response<Body>, Failure> {
        let broken = |reason| ProxyError::Broken { upstream: self.authority.clone(), reason };
        let answer = progress.deadline(limit, lease.sender.try_send_request(request)).await;
        match answer {
            None => Err((ProxyError::Deadline { upstream: self.authority.clone(), limit }, None)),
            Some(Ok(response)) => Ok(Body::leased(response, lease)),
            Some(Err(mut error)) => {
                let unsent = error.take_message().map(Box::new);
                Err((broken(chain(error.error())), unsent))
            }
        }
    }
}

impl Lease {
    /// Makes the connection available to the next request.
    pub fn give_back(self) {
        if !self.sender.is_closed() {
            let mut idle = lock(&self.idle);
            if idle.len() < MAX_IDLE {
                idle.push((self.sender, Instant::now()));
            }
        }
    }
}

/// A copy to send again, when that is safe.
fn repeatable(request: &Request<Upload>) -> Option<Request<Upload>> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD) && request.body().is_empty();
    safe.then(|| {
        let mut copy = Request::new(Upload::Empty);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = Version::HTTP_11;
        *copy.headers_mut() = HeaderMap::clone(request.headers());
        copy
    })
}

fn lock(idle: &Idle) -> MutexGuard<'_, Vec<(SendRequest<Upload>, Instant)>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Idle connections kept; more are closed.
const MAX_IDLE: usize = 1024;
/// A connection used this recently is not about to be closed for idleness: no copy of the request is made for it.
const FRESH: Duration = Duration::from_secs(1);
