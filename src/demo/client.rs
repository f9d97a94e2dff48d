//! A small HTTP client. The Campaign simulator calls the IMS simulator with it. The simulators' tests use it too.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Follows no redirect, keeps no cookie, reads at most 16 MiB, waits at most 10 seconds.
#[derive(Clone, Debug)]
pub(super) struct SimulatorClient {
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl SimulatorClient {
    pub(super) fn new() -> Self {
        Self { pool: Pool::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends one request and reads the whole response.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        let exchange = async {
            let (parts, body) = self.pool.request(request).await.map_err(io::Error::other)?.into_parts();
            let body = Limited::new(body, 16 << 20).collect().await.map_err(io::Error::other)?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        tokio::time::timeout(Duration::from_secs(10), exchange).await?
    }

    /// Sends a GET with these headers.
    pub(super) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> io::Result<Response<Bytes>> {
        self.send(request(Method::GET, url, headers, Bytes::new())?).await
    }

    /// Posts a form with these headers.
    pub(super) async fn post_form(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> io::Result<Response<Bytes>> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = request(Method::POST, url, headers, body.into())?;
        let form_type = header::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form_type);
        self.send(request).await
    }
}

/// A request with these headers.
pub(super) fn request(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> io::Result<Request<Full<Bytes>>> {
    let builder = Request::builder().method(method).uri(url);
    headers
        .iter()
        .fold(builder, |builder, (name, value)| builder.header(*name, *value))
        .body(Full::new(body))
        .map_err(io::Error::other)
}
