//! A browser, as far as a login needs one: cookies, the headers of a navigation, redirects followed by hand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use super::answer::Answer;
use super::jar::{Cookie, Jar};
use super::wire;

/// One person's browser. Clones are tabs: they share the cookies. Every request is a connection of its own, so it may
/// reach any worker.
#[derive(Clone)]
pub struct Browser {
    origin: String,
    trust: wire::Trust,
    jar: Arc<Jar>,
    http2: bool,
}

impl Browser {
    /// A browser without cookies. Paths are relative to `origin`.
    pub fn new(origin: String, trust: wire::Trust) -> Self {
        Self { origin, trust, jar: Arc::default(), http2: false }
    }

    /// The same browser, speaking HTTP/2 to the gateway.
    pub fn over_http2(&self) -> Self {
        Self { http2: true, ..self.clone() }
    }

    /// Opens a path of the gateway or a URL as if typed into the address bar. Redirects are not followed.
    pub async fn get(&self, address: &str) -> Answer {
        self.request(navigation(Method::GET, address, Bytes::new())).await
    }

    /// Requests JSON as a script does.
    pub async fn get_json(&self, address: &str) -> Answer {
        let request = Request::get(address).header(header::ACCEPT, "application/json");
        self.request(request.body(Bytes::new()).unwrap()).await
    }

    /// Posts a form of a page of the same origin.
    pub async fn post_form(&self, address: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = navigation(Method::POST, address, body.into());
        let origin = self.resolve(address).origin().ascii_serialization();
        let headers = request.headers_mut();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.request(request).await
    }

    /// Follows a link on a page of the gateway.
    pub async fn click(&self, address: &str) -> Answer {
        let mut request = navigation(Method::GET, address, Bytes::new());
        request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        self.request(request).await
    }

    /// Opens the `Location` of a response.
    pub async fn follow(&self, answer: &Answer) -> Answer {
        self.get(answer.target().as_str()).await
    }

    /// Opens an address and follows redirects to the page at the end.
    pub async fn open(&self, address: &str) -> Answer {
        let mut answer = self.get(address).await;
        for _ in 0..MAX_REDIRECTS {
            if !answer.status.is_redirection() {
                return answer;
            }
            answer = self.follow(&answer).await;
        }
        panic!("redirected without end; last to {}", answer.location())
    }

    /// Signs in on the way to an address: opens it, fills in the form at IMS, and returns the response of the callback.
    pub async fn sign_in(&self, who: &str, address: &str) -> Answer {
        let to_ims = self.get(address).await;
        let to_callback = self.at_ims(&to_ims, who).await;
        self.follow(&to_callback).await
    }

    /// The part of a login that happens at IMS: from the redirect there to the redirect back. The form is filled in
    /// only when IMS shows one.
    pub async fn at_ims(&self, to_ims: &Answer, who: &str) -> Answer {
        let answer = self.follow(to_ims).await;
        if answer.status.is_redirection() {
            return answer;
        }
        assert!(answer.text().contains("action=\"/ims/sign-in\""), "{}", answer.text());
        let form = answer.url.join("/ims/sign-in").unwrap();
        let request = answer.url.query().unwrap();
        self.post_form(form.as_str(), &[("request", request), ("username", who)]).await
    }

    /// Sends any request with this browser's cookies. A path is relative to the gateway's origin.
    pub async fn request(&self, mut request: Request<Bytes>) -> Answer {
        let url = self.resolve(&request.uri().to_string());
        if let Some(cookies) = self.jar.header(&url) {
            request.headers_mut().append(header::COOKIE, cookies.parse().unwrap());
        }
        let response = tokio::time::timeout(PATIENCE, self.send(&url, request)).await.unwrap();
        let (head, body) = response.into_parts();
        self.jar.keep(&url, &head.headers);
        Answer { url, status: head.status, headers: head.headers, body }
    }

    /// The value of a cookie of the gateway.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.of("localhost").into_iter().find(|cookie| cookie.name == name).map(|cookie| cookie.value)
    }

    /// The session cookie's value.
    pub fn session(&self) -> Option<String> {
        self.cookie("__Host-imsgate")
    }

    /// The gateway's cookies of open logins.
    pub fn open_logins(&self) -> Vec<String> {
        let names = self.jar.of("localhost").into_iter().map(|cookie| cookie.name);
        names.filter(|name| name.starts_with("__Host-imsgate-login-")).collect()
    }

    /// Puts a cookie of the gateway into the browser.
    pub fn plant(&self, name: &str, value: &str) {
        let (host, path) = ("localhost".to_owned(), "/".to_owned());
        let (name, value) = (name.to_owned(), value.to_owned());
        self.jar.plant(Cookie { host, name, value, path, secure: true });
    }

    /// Removes the gateway's cookies with this prefix.
    pub fn forget(&self, prefix: &str) {
        self.jar.forget(|cookie| cookie.host == "localhost" && cookie.name.starts_with(prefix));
    }

    fn resolve(&self, address: &str) -> Url {
        if address.starts_with('/') {
            return Url::parse(&format!("{}{address}", self.origin)).unwrap();
        }
        Url::parse(address).unwrap()
    }

    async fn send(&self, url: &Url, mut request: Request<Bytes>) -> Response<Bytes> {
        let authority = format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap());
        // `localhost` resolves to the servers, whatever the resolver of this machine says.
        let address = (url.host_str().unwrap().replace("localhost", "127.0.0.1"), url.port().unwrap());
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        if url.scheme() == "https" {
            let protocol = if self.http2 { wire::HTTP_2 } else { wire::HTTP_1 };
            let address = format!("{}:{}", address.0, address.1).parse().unwrap();
            let stream = wire::connect(address, &self.trust, protocol).await;
            if self.http2 {
                *request.uri_mut() = format!("https://{authority}{target}").parse().unwrap();
                *request.version_mut() = Version::HTTP_2;
                return http2(stream, request).await;
            }
            http1(stream, request, &authority, &target).await
        } else {
            http1(TcpStream::connect(address).await.unwrap(), request, &authority, &target).await
        }
    }
}

fn navigation(method: Method, address: &str, body: Bytes) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(address)
        .header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
        .header(header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", "none")
        .body(body)
        .unwrap()
}

async fn http1<S>(stream: S, mut request: Request<Bytes>, authority: &str, target: &str) -> Response<Bytes>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    *request.uri_mut() = target.parse().unwrap();
    request.headers_mut().entry(header::HOST).or_insert_with(|| authority.parse().unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let response = whole(sender.send_request(request.map(Full::new)).await.unwrap()).await;
    connection.abort();
    response
}

async fn http2(stream: wire::Stream, request: Request<Bytes>) -> Response<Bytes> {
    let io = TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let response = whole(sender.send_request(request.map(Full::new)).await.unwrap()).await;
    connection.abort();
    response
}

async fn whole(response: Response<Incoming>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// Browsers give up at 20.
const MAX_REDIRECTS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);
