//! The plain-HTTP listener: redirects every request to https.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::listener::listen;
use super::settings::SharedSettings;
use crate::policy::path::CanonicalPath;
use crate::wire::host::{host, without_port};

/// Redirects to the origin of the Campaign instance whose host is requested: only the callback server can sign people in.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// Where each host is redirected to, whether every connection begins with a PROXY protocol header, and which proxies may send one.
    pub settings: SharedSettings,
}

impl Redirect {
    /// Binds an address.
    ///
    /// # Errors
    /// The address cannot be bound. The message names it.
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}"));
        listen(address, false, HEADER).and_then(TcpListener::from_std).map_err(named)
    }

    /// Serves until the task is dropped.
    pub async fn serve(self, listener: TcpListener) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let Ok((mut stream, address)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let redirect = self.clone();
            tokio::spawn(async move {
                let _slot = slot;
                if redirect.settings.load().proxy_protocol
                    && !redirect.has_proxy_header(&mut stream, address).await
                {
                    return;
                }
                let service = service_fn(move |request| {
                    let response = redirect.respond(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER)
                    .max_buf_size(16 * 1024)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(&mut stream), service);
                // A failure concerns only this client.
                let _ = connection.await;
                let _ = tokio::time::timeout(LINGER, discard_rest(&mut stream)).await;
            });
        }
    }

    /// Reads the PROXY protocol header. Its address does not matter here, but it must be there.
    async fn has_proxy_header(&self, stream: &mut TcpStream, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let trusted = self.settings.load().trusted_proxies.iter().any(|network| network.contains(&ip));
        let read = tokio::time::timeout(HEADER, super::proxy_header::read(stream));
        trusted && matches!(read.await, Ok(Ok(_)))
    }

    /// The origin for the host of this request.
    fn origin(&self, request: &Request<Incoming>) -> String {
        let host = host(request).ok().flatten();
        let is_named = |(name, _): &&(String, String)| {
            host.as_ref().is_some_and(|host| without_port(host).eq_ignore_ascii_case(name))
        };
        let settings = self.settings.load();
        let target = settings.redirects.iter().find(is_named).or_else(|| settings.redirects.first());
        target.map_or_else(String::new, |(_, origin)| origin.clone())
    }

    /// Answers 308, which keeps the method (RFC 9110 §15.4.9).
    fn respond(&self, request: &Request<Incoming>) -> Response<Empty<Bytes>> {
        let path = CanonicalPath::parse(request.uri().path()).ok();
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let location = path.and_then(|path| {
            HeaderValue::from_str(&format!("{}{}{query}", self.origin(request), path.as_str())).ok()
        });
        let mut response = Response::new(Empty::new());
        match location {
            Some(location) => {
                *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
                response.headers_mut().insert(header::LOCATION, location);
            }
            None => *response.status_mut() = StatusCode::BAD_REQUEST,
        }
        response
    }
}

/// Reads on until the client ends or pauses. A socket that is closed with unread bytes takes the response back from a client that has not
/// read it yet (RFC 9112 §9.6).
async fn discard_rest(stream: &mut TcpStream) {
    let _ = stream.shutdown().await;
    let mut dropped = [0; 4096];
    while let Ok(Ok(1..)) = tokio::time::timeout(PAUSE, stream.read(&mut dropped)).await {}
}

/// Longest time of reading on, and longest pause in it. Both are short: a redirect needs no body, and there are few slots.
const LINGER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(2);
/// Time for the head of a request.
const HEADER: Duration = Duration::from_secs(10);
/// Connections at the same time; more wait in the kernel. Silent clients must not use up the descriptors that TLS connections need.
const MAX_CONNECTIONS: usize = 256;
