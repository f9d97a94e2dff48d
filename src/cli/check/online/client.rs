//! Sends single GET requests. Redirects are not followed; body size and time are limited.

use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use url::Url;

use crate::http_client::Connector;

/// The HTTP client of the checks.
pub(super) struct ProbeClient(legacy::Client<Connector, Empty<Bytes>>);

/// A response.
pub(super) struct ProbeResponse {
    pub(super) status: u16,
    /// The `Date` header.
    pub(super) date: Option<SystemTime>,
    /// The `Location` header.
    pub(super) location: Option<String>,
    /// The `x-debug-id` that Adobe support asks for.
    pub(super) debug_id: String,
    pub(super) body: Vec<u8>,
}

impl ProbeClient {
    /// A client with this connector.
    pub(super) fn new(connector: Connector) -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Gets `url` and reads the whole response.
    pub(super) async fn get(&self, url: &Url, deadline: Duration) -> Result<ProbeResponse, String> {
        let exchange = async {
            let uri = url.as_str().parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
            let response = self.0.get(uri).await.map_err(|error| chain(&error))?;
            let status = response.status().as_u16();
            let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
            let date = text("date").and_then(|date| httpdate::parse_http_date(date).ok());
            let location = text("location").map(str::to_owned);
            let debug_id = text("x-debug-id").unwrap_or("-").to_owned();
            let body = Limited::new(response.into_body(), LARGEST_BODY).collect().await;
            let body = body.map_err(|error| chain(&*error))?.to_bytes().to_vec();
            Ok(ProbeResponse { status, date, location, debug_id, body })
        };
        tokio::time::timeout(deadline, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no response within {} s", deadline.as_secs_f32())))
    }
}

/// The error with its causes, without repetitions.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = inner.source();
    }
    text
}

const LARGEST_BODY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::http_client::connector;

    fn ask(answer: &'static str) -> Result<ProbeResponse, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/r/test", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = ProbeClient::new(connector(None, Duration::from_secs(5), None).unwrap());
        let result = runtime.block_on(client.get(&url, Duration::from_secs(5)));
        server.join().unwrap();
        result
    }

    #[test]
    fn a_response_is_read_with_its_date() {
        let answer =
            ask("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:01:00 GMT\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
        assert_eq!((answer.status, &*answer.body), (200, &b"ok"[..]));
        assert_eq!(answer.date, Some(SystemTime::UNIX_EPOCH + Duration::from_mins(1)));
    }

    #[test]
    fn a_redirect_is_not_followed() {
        let answer = ask("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!(answer.status, 302);
    }

    #[test]
    fn a_closed_connection_gives_an_error_with_a_message() {
        assert!(!ask("").map(|answer| answer.status).unwrap_err().is_empty());
    }
}
