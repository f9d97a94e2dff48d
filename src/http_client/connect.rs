//! TCP connections to IMS. For a name with several addresses, connection attempts run in parallel (see `race`).

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::race::{self, LastAnswered};
use super::tunnel;
use crate::policy::outbound_proxy::OutboundProxy;

/// Opens TCP connections. Remembers the address that answered last for each name.
#[derive(Clone, Debug)]
pub struct RacingConnector {
    names: Arc<Mutex<HashMap<(String, u16), LastAnswered>>>,
    limit: Duration,
    proxy: Option<Arc<OutboundProxy>>,
}

impl RacingConnector {
    /// A connector that gives up after `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self { names: Arc::default(), limit, proxy: None }
    }

    /// Sends connections through `proxy`, except to addresses that bypass it.
    #[must_use]
    pub(super) fn through(self, proxy: Option<&OutboundProxy>) -> Self {
        Self { proxy: proxy.cloned().map(Arc::new), ..self }
    }

    fn last_answered(&self, host: &str, port: u16) -> LastAnswered {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (host.to_owned(), port);
        if names.len() >= MOST_NAMES && !names.contains_key(&name) {
            // This only forgets which address to try first.
            names.clear();
        }
        names.entry(name).or_default().clone()
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TcpStream>> {
        let host = uri.host().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default_port = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let proxy = self.proxy.as_deref().filter(|proxy| proxy.is_for(&uri));
        let open = async {
            let Some(proxy) = proxy else { return self.race(host, port).await };
            let stream = self.race(proxy.host(), proxy.port()).await;
            let mut stream = stream.map_err(|error| {
                let named_by = proxy.named_by();
                let message = format!("the proxy {proxy} cannot be reached ({error}): check {named_by}");
                io::Error::new(error.kind(), message)
            })?;
            tunnel::open(&mut stream, proxy, host, port).await?;
            Ok(stream)
        };
        let stream = tokio::time::timeout(self.limit, open).await.map_err(|_| {
            let through = proxy.map_or_else(String::new, |proxy| {
                format!(" through the proxy {proxy} ({})", proxy.named_by())
            });
            let message = format!("no connection to {host}:{port}{through} within {:?}", self.limit);
            io::Error::new(io::ErrorKind::TimedOut, message)
        })??;
        Ok(TokioIo::new(stream))
    }

    async fn race(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let last = self.last_answered(host, port);
        let addresses = tokio::net::lookup_host((host, port)).await?;
        let stream = race::connect(addresses.collect(), &last).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Service<Uri> for RacingConnector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// Limits memory. IMS needs only a few names.
const MOST_NAMES: usize = 64;

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::race::tests::silent;
    use super::*;

    #[tokio::test]
    async fn the_last_address_is_remembered_for_a_limited_number_of_names() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connector = RacingConnector::new(Duration::from_secs(20));
        let uri: Uri = format!("http://127.0.0.1:{}/x", address.port()).parse().unwrap();
        connector.clone().call(uri).await.unwrap();
        assert_eq!(connector.last_answered("127.0.0.1", address.port()).get(), Some(address));
        for number in 0..1000 {
            connector.last_answered(&format!("host-{number}"), 443);
            assert!(connector.names.lock().unwrap().len() <= MOST_NAMES);
        }
    }

    #[tokio::test]
    async fn a_silent_address_gives_an_error_after_the_time_limit() {
        let (_listener, _filling, silent) = silent();
        let connector = RacingConnector::new(Duration::from_millis(300));
        let error = connector.connect(format!("http://{silent}/").parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("no connection to {silent} within 300ms"));
    }
}
