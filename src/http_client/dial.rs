//! Connections to one upstream: TCP or a Unix socket, with or without TLS, within one time limit.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::race::{self, LastAnswered};
use crate::net::Socket;

/// Opens connections to one upstream.
#[derive(Clone)]
pub struct Dialer {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    limit: Duration,
    last: LastAnswered,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host name or address, and a port.
    Tcp(String, u16),
    Unix(PathBuf),
}

/// An open connection.
#[derive(Debug)]
pub enum DialedStream {
    /// TCP or a Unix socket, without TLS.
    Plain(Socket),
    /// TLS over TCP.
    Tls(Box<TlsStream<Socket>>),
}

impl Dialer {
    /// A dialer that gives up after `limit`, including the TLS handshake.
    pub fn new(target: Target, limit: Duration) -> Self {
        Self { target, tls: None, limit, last: LastAnswered::default() }
    }

    /// Uses TLS. The server certificate must be valid for `name`.
    #[must_use]
    pub fn with_tls(self, config: Arc<ClientConfig>, name: ServerName<'static>) -> Self {
        Self { tls: Some((TlsConnector::from(config), name)), ..self }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When the name does not resolve, the connection or the TLS handshake fails, or the time limit passes.
    pub async fn dial(&self) -> io::Result<DialedStream> {
        tokio::time::timeout(self.limit, self.open()).await.unwrap_or_else(|_| {
            let message = format!("no connection within {:?}", self.limit);
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }

    async fn open(&self) -> io::Result<DialedStream> {
        let stream = match &self.target {
            Target::Unix(path) => return Ok(UnixStream::connect(path).await?.into()),
            Target::Tcp(host, port) => {
                let addresses = tokio::net::lookup_host((host.as_str(), *port)).await?;
                race::connect(addresses.collect(), &self.last).await?
            }
        };
        // Otherwise the second of two writes (head, body) waits for the peer's delayed acknowledgement.
        stream.set_nodelay(true)?;
        // Detects an unreachable peer, even on an idle WebSocket.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let stream = Socket::Tcp(stream);
        let Some((connector, name)) = &self.tls else { return Ok(DialedStream::Plain(stream)) };
        let stream = connector.connect(name.clone(), stream).await?;
        Ok(DialedStream::Tls(Box::new(stream)))
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer")
            .field("target", &self.target)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

const KEEPALIVE: Duration = Duration::from_mins(1);

impl From<UnixStream> for DialedStream {
    fn from(stream: UnixStream) -> Self {
        Self::Plain(Socket::Unix(stream))
    }
}

/// Makes the same call on either variant.
macro_rules! each {
    ($dialed:expr, $stream:ident => $call:expr) => {
        match $dialed.get_mut() {
            DialedStream::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            DialedStream::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for DialedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, into))
    }
}

impl AsyncWrite for DialedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
