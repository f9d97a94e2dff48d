//! HTTP/1.1 written by hand, for messages that no well-behaved client sends, and for checks of single bytes.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Only a test that hangs takes this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Both directions of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One HTTP/1.1 connection: bytes out, responses in.
pub struct RawConnection {
    stream: Box<dyn Stream>,
    unread: VecDeque<u8>,
}

/// A message's head: the first line and the fields, names in lower case.
#[derive(Clone, Debug)]
pub struct Head {
    /// Request line or status line.
    pub first: String,
    /// Fields in order.
    pub fields: Vec<(String, String)>,
}

/// A complete response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    /// Its body, decoded.
    pub body: Bytes,
}

impl RawConnection {
    /// Uses this stream.
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), unread: VecDeque::new() }
    }

    /// Sends bytes as they are. Errors are ignored: the peer may have closed, and its response says more.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Sends, and returns whether the peer accepted it.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// The head of the next message.
    pub async fn head(&mut self) -> io::Result<Head> {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(self.byte().await?);
        }
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Head { first, fields })
    }

    /// The next complete response; an error if it breaks off. `without_body` is for responses to HEAD.
    pub async fn answer(&mut self, without_body: bool) -> io::Result<Answer> {
        tokio::time::timeout(PATIENCE, async {
            let head = self.head().await?;
            let bodiless = without_body || matches!(head.status(), 100..=199 | 204 | 304);
            let body = if bodiless { Vec::new() } else { self.body(&head).await? };
            Ok(Answer { head, body: body.into() })
        })
        .await?
    }

    /// The body that follows `head`.
    pub async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head.field("transfer-encoding").is_some() {
            return self.chunks().await;
        }
        let mut body = Vec::new();
        match head.field("content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => {
                while body.len() < length {
                    body.push(self.byte().await?);
                }
            }
            None if head.first.starts_with("HTTP/") => {
                while let Some(byte) = self.next().await? {
                    body.push(byte);
                }
            }
            None => {}
        }
        Ok(body)
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend(chunk);
        }
    }

    /// One chunk of a chunked body (RFC 9112 §7.1); empty at the end.
    pub async fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let size = self.text_line().await?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(io::Error::other)?;
        let mut chunk = Vec::with_capacity(size);
        while chunk.len() < size {
            chunk.push(self.byte().await?);
        }
        self.text_line().await?;
        Ok(chunk)
    }

    async fn text_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.byte().await?);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Everything until the peer closes or resets the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let reading = async {
            while let Ok(Some(byte)) = self.next().await {
                all.push(byte);
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the peer closes");
        all
    }

    async fn byte(&mut self) -> io::Result<u8> {
        self.next().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// The next byte; `None` at the end.
    pub async fn next(&mut self) -> io::Result<Option<u8>> {
        if self.unread.is_empty() {
            let mut buffer = Vec::with_capacity(16 * 1024);
            self.stream.read_buf(&mut buffer).await?;
            self.unread.extend(buffer);
        }
        Ok(self.unread.pop_front())
    }
}

impl Head {
    /// The first field of this name (lower case).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }

    /// Every field of this name (lower case).
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The status of a response; 0 for anything else.
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

impl Answer {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The first field of this name (lower case).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the echo of the Campaign simulator received.
#[derive(Clone, Debug)]
pub struct Echo(Value);

impl Echo {
    /// Reads a response of `/demo/echo`.
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        Self(answer.json())
    }

    /// Every field of this name (lower case).
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.0["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
        fields.iter().filter(|field| field[0] == name).filter_map(|field| field[1].as_str()).collect()
    }

    /// The only field of this name; `None` when there is none.
    pub fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} came {} times: {all:?}", all.len());
        all.first().copied()
    }

    /// Every field name.
    pub fn names(&self) -> Vec<&str> {
        let fields = self.0["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
        fields.iter().filter_map(|field| field[0].as_str()).collect()
    }

    /// Length of the body.
    pub fn body_len(&self) -> u64 {
        self.0["body_len"].as_u64().unwrap_or_default()
    }
}
