//! A browser or another client: its cookies, and one connection for each request.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use regex::Regex;

use super::Outcome;
use super::wire::{Connection, Message};
use super::world::{AUTH_SECRET, World};

/// The kind of client that sends a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Page,
    Json,
    Soap,
}

/// The protocol of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// Cookies by name.
#[derive(Clone, Default)]
pub struct Browser(BTreeMap<String, String>);

impl Browser {
    /// Sends a request (`METHOD TARGET BODY`) to the gateway at `to` and keeps the cookies of the response.
    pub async fn ask(
        &mut self,
        world: &World,
        to: SocketAddr,
        protocol: Protocol,
        kind: Kind,
        request: &str,
    ) -> Outcome<Message> {
        let (method, target) = request.split_once(' ').ok_or("a method and a target")?;
        let (target, body) = target.split_once(' ').unwrap_or((target, ""));
        let mut fields = self.fields(world, kind, method, body);
        let response = match protocol {
            Protocol::Http1 => {
                fields.push(("Connection", "close".to_owned()));
                let lines: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let lines = lines.concat();
                let port = world.gateway.port();
                let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost:{port}\r\n{lines}\r\n");
                let mut connection = Connection::new(world.connect(to, b"http/1.1").await?);
                connection.send(head + body).await;
                connection.response(method == "HEAD").await?
            }
            Protocol::Http2 => http2(world, to, method, target, &fields, body).await?,
        };
        self.keep(&response);
        Ok(response)
    }

    /// Signs in at the gateway at `to`; returns the response of the callback.
    pub async fn sign_in(
        &mut self,
        world: &World,
        to: SocketAddr,
        who: &str,
        return_to: &str,
    ) -> Outcome<Message> {
        let request = format!("GET /ims/login?return_to={return_to}");
        let to_ims = self.ask(world, to, Protocol::Http1, Kind::Page, &request).await?;
        let callback = at_ims(world, &to_ims, Some(who)).await?;
        self.ask(world, to, Protocol::Http1, Kind::Page, &format!("GET {callback}")).await
    }

    /// The session cookie as a client sends it.
    pub fn session(&self) -> String {
        let value = self.0.get(SESSION).map(String::as_str).unwrap_or_default();
        format!("{SESSION}={value}")
    }

    fn fields(&self, world: &World, kind: Kind, method: &str, body: &str) -> Vec<(&'static str, String)> {
        let mut fields = match kind {
            Kind::Page => vec![
                ("Accept", "text/html,*/*;q=0.8".to_owned()),
                ("Sec-Fetch-Mode", "navigate".to_owned()),
                ("Sec-Fetch-Dest", "document".to_owned()),
                ("Sec-Fetch-Site", "same-origin".to_owned()),
            ],
            Kind::Json => vec![("Accept", "application/json".to_owned())],
            Kind::Soap => vec![("SOAPAction", "\"xtk:session#Test\"".to_owned())],
        };
        fields.push(("X-Ims-Auth-Secret", AUTH_SECRET.to_owned()));
        fields.push(("X-Forwarded-Uri", "/view/home".to_owned()));
        fields.push(("X-Ims-User", "eve".to_owned()));
        if !self.0.is_empty() {
            let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
            fields.push(("Cookie", pairs.join("; ")));
        }
        if method == "POST" {
            fields.push(("Origin", format!("https://localhost:{}", world.gateway.port())));
            fields.push(("Referer", format!("https://localhost:{}/view/home?draft=7", world.gateway.port())));
            let kind = if kind == Kind::Soap { "text/xml" } else { "application/x-www-form-urlencoded" };
            fields.push(("Content-Type", kind.to_owned()));
            fields.push(("Content-Length", body.len().to_string()));
        }
        fields
    }

    fn keep(&mut self, response: &Message) {
        let cookies = response.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for (name, value) in cookies.filter_map(|(_, value)| value.split(';').next()?.split_once('=')) {
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Follows a redirect to IMS, signs in there as `who`, and returns the target of the redirect back. Without `who`, IMS is only asked
/// whether somebody is signed in.
pub async fn at_ims(world: &World, to_ims: &Message, who: Option<&str>) -> Outcome<String> {
    let location = to_ims.field("location").ok_or_else(|| format!("no redirect: {}", to_ims.text()))?;
    let ims = format!("http://{}", world.ims);
    let target = location.strip_prefix(&ims).ok_or_else(|| format!("not to IMS: {location}"))?;
    let request = match who {
        None => format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", world.ims),
        Some(who) => {
            let (_, query) = target.split_once('?').ok_or("a query")?;
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            let body = form.append_pair("request", query).append_pair("username", who).finish();
            format!(
                "POST /ims/sign-in HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                world.ims,
                body.len()
            )
        }
    };
    let mut connection = Connection::new(tokio::net::TcpStream::connect(world.ims).await?);
    connection.send(request).await;
    let back = connection.response(false).await?;
    let location = back.field("location").ok_or_else(|| format!("IMS: {}", back.text()))?;
    let origin = format!("https://localhost:{}", world.gateway.port());
    Ok(location.strip_prefix(&origin).ok_or_else(|| format!("not to the gateway: {location}"))?.to_owned())
}

/// The address that the first form of a page posts to, and the value that it posts.
pub fn button(page: &Message) -> Outcome<(String, String)> {
    let html = page.text();
    let of = |attribute: &str| -> Outcome<String> {
        let found = Regex::new(&format!("<form [^>]*[\\s\\S]*?{attribute}=\"([^\"]*)\""))?;
        let value = found.captures(&html).ok_or_else(|| format!("no {attribute} in {html}"))?[1].to_owned();
        Ok(value.replace("&#38;", "&").replace("&#34;", "\""))
    };
    Ok((of("action")?, of("value")?))
}

async fn http2(
    world: &World,
    to: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&'static str, String)],
    body: &str,
) -> Outcome<Message> {
    let io = TokioIo::new(world.connect(to, b"h2").await?);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    let connection = tokio::spawn(connection);
    let uri = format!("https://localhost:{}{target}", world.gateway.port());
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let fields = head.headers.iter().map(field).collect();
    let body = body.collect().await?.to_bytes().to_vec();
    connection.abort();
    Ok(Message { first: format!("HTTP/2 {}", head.status.as_u16()), fields, body })
}

const SESSION: &str = "__Host-imsgate";
