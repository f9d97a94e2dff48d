//! HTTP/1.1 messages as they are on the wire: fields in order, names in the case in which they were sent.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Outcome;

/// Both directions of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A request or a response.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Request line or status line.
    pub first: String,
    /// Fields in order.
    pub fields: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
}

/// One connection: bytes out, messages in.
pub struct Connection {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

impl Message {
    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Writes one line for each field and each line of the body, each after `prefix`.
    pub fn print(&self, prefix: &str, to: &mut String) {
        let _ = writeln!(to, "{prefix} {}", self.first);
        for (name, value) in &self.fields {
            let _ = writeln!(to, "{prefix} {name}: {value}");
        }
        for line in self.text().lines() {
            let _ = writeln!(to, "{prefix}   {line}");
        }
    }

    fn has_body(&self) -> bool {
        let status = self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        !matches!(status, 100..=199 | 204 | 304)
    }
}

impl Connection {
    /// A connection over this stream.
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), unread: Vec::new() }
    }

    /// Sends bytes. Ignores an error: when the peer has closed, its last response tells more.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// The next response.
    pub async fn response(&mut self, is_head: bool) -> Outcome<Message> {
        tokio::time::timeout(PATIENCE, async {
            let mut message = self.head().await?.ok_or("closed")?;
            if !is_head && message.has_body() {
                message.body = self.body(&message).await?;
            }
            Ok(message)
        })
        .await?
    }

    /// The next request; `None` when the peer closes instead.
    pub async fn request(&mut self) -> Outcome<Option<Message>> {
        let Some(mut message) = self.head().await? else { return Ok(None) };
        message.body = self.body(&message).await?;
        Ok(Some(message))
    }

    /// True when the peer closes without another byte.
    pub async fn is_closed(&mut self) -> bool {
        let more = async { !self.unread.is_empty() || self.fill().await.unwrap_or_default() };
        !tokio::time::timeout(PATIENCE, more).await.unwrap_or(true)
    }

    async fn head(&mut self) -> Outcome<Option<Message>> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                let text = String::from_utf8_lossy(&head);
                let mut lines = text.trim_end().split("\r\n");
                let first = lines.next().unwrap_or_default().to_owned();
                let field = |line: &str| {
                    let (name, value) = line.split_once(':').unwrap_or((line, ""));
                    (name.to_owned(), value.trim().to_owned())
                };
                return Ok(Some(Message { first, fields: lines.map(field).collect(), body: Vec::new() }));
            }
            if !self.fill().await? {
                return if self.unread.is_empty() { Ok(None) } else { Err("half a head".into()) };
            }
        }
    }

    async fn body(&mut self, head: &Message) -> Outcome<Vec<u8>> {
        if head.field("transfer-encoding").is_some() {
            let mut body = Vec::new();
            loop {
                let line = self.line().await?;
                let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
                body.extend(self.exactly(size).await?);
                self.line().await?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        if let Some(length) = head.field("content-length") {
            return self.exactly(length.parse()?).await;
        }
        if head.first.starts_with("HTTP/") {
            while self.fill().await? {}
            return Ok(std::mem::take(&mut self.unread));
        }
        Ok(Vec::new())
    }

    async fn exactly(&mut self, size: usize) -> Outcome<Vec<u8>> {
        while self.unread.len() < size {
            if !self.fill().await? {
                return Err("half a body".into());
            }
        }
        Ok(self.unread.drain(..size).collect())
    }

    async fn line(&mut self) -> Outcome<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if !self.fill().await? {
                return Err("half a line".into());
            }
        }
    }

    async fn fill(&mut self) -> Outcome<bool> {
        Ok(self.stream.read_buf(&mut self.unread).await? > 0)
    }
}

/// How long a response may take.
const PATIENCE: Duration = Duration::from_secs(20);
