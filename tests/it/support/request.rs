//! One request, written byte for byte.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::World;
use crate::support::http1::{Answer, Echo, RawConnection};

/// A request to the gateway on its own connection.
#[derive(Clone, Debug)]
pub struct RawRequest {
    method: String,
    target: String,
    fields: Vec<String>,
    body: Vec<u8>,
}

impl RawRequest {
    /// Any method, any target.
    pub fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, fields: Vec::new(), body: Vec::new() }
    }

    /// A GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST with a body.
    pub fn post(target: &str, body: &str) -> Self {
        Self { body: body.into(), ..Self::new("POST", target) }
            .with(&format!("Content-Length: {}", body.len()))
    }

    /// Adds this field line unchanged.
    pub fn with(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    /// Adds the session cookie.
    pub fn session(self, session: &str) -> Self {
        self.with(&format!("Cookie: __Host-imsgate={session}"))
    }

    /// Adds an access token.
    pub fn bearer(self, token: &str) -> Self {
        self.with(&format!("Authorization: Bearer {token}"))
    }

    /// Adds the fields of a person's navigation.
    pub fn navigation(self) -> Self {
        self.with("Accept: text/html,*/*;q=0.8")
            .with("Sec-Fetch-Mode: navigate")
            .with("Sec-Fetch-Dest: document")
    }

    /// The bytes, for this host; the connection ends after them.
    pub fn bytes(&self, host: &str) -> Vec<u8> {
        self.clone().with("Connection: close").keep_alive(host)
    }

    /// The bytes, for this host; the connection stays.
    pub fn keep_alive(&self, host: &str) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.target);
        for field in &self.fields {
            text.push_str(field);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }

    /// Sends it and reads the complete response.
    pub async fn send_to(&self, world: &World) -> Answer {
        self.for_host(world, host(world)).await
    }

    /// The same, for another host.
    pub async fn for_host(&self, world: &World, host: &str) -> Answer {
        let mut line = connect(world).await;
        line.send(self.bytes(host)).await;
        line.answer(self.method == "HEAD").await.unwrap()
    }

    /// Sends it to the echo and reads what Campaign received.
    pub async fn echo(&self, world: &World) -> Echo {
        Echo::of(&self.send_to(world).await)
    }
}

/// Sends bytes as they are. Returns the first response, if there is one.
pub async fn send(world: &World, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut line = connect(world).await;
    line.send(bytes).await;
    line.answer(false).await.ok()
}

/// An HTTP/1.1 connection to the gateway.
pub async fn connect(world: &World) -> RawConnection {
    RawConnection::new(world.connect().await)
}

/// The gateway's own `Host`.
pub fn host(world: &World) -> &str {
    world.origin.trim_start_matches("https://")
}

/// An HTTP/2 connection to the gateway, driven by a task of its own.
pub async fn http2<B>(world: &World) -> hyper::client::conn::http2::SendRequest<B>
where
    B: http_body::Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    handshake(world.connect_http2().await).await
}

/// HTTP/2 over this stream.
pub async fn handshake<B, S>(stream: S) -> hyper::client::conn::http2::SendRequest<B>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: http_body::Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (sender, connection) =
        hyper::client::conn::http2::Builder::new(executor).handshake(io).await.unwrap();
    tokio::spawn(connection);
    sender
}
