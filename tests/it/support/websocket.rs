//! A WebSocket to the echo of the Campaign simulator.

use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::http1::PATIENCE;
use crate::support::{World, request, wire};

/// A browser's WebSocket.
pub type Socket = WebSocketStream<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>;

/// Opens a WebSocket to Campaign's echo with this session.
pub async fn open(world: &World, session: &str, origin: Option<&str>) -> Result<Socket, Error> {
    open_over(world.connect().await, request::host(world), session, origin).await
}

/// The same over this connection, for this host.
pub async fn open_over(
    stream: wire::Stream,
    host: &str,
    session: &str,
    origin: Option<&str>,
) -> Result<Socket, Error> {
    let mut request = handshake(host, &format!("__Host-imsgate={session}"));
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    client_async(request, stream).await.map(|(socket, _)| socket)
}

/// Opens a WebSocket with this cookie in place of a session.
pub async fn open_with_cookie(world: &World, cookie: &str) -> Result<Socket, Error> {
    let request = handshake(request::host(world), cookie);
    client_async(request, world.connect().await).await.map(|(socket, _)| socket)
}

fn handshake(host: &str, cookie: &str) -> Request<()> {
    let mut request = format!("ws://{host}/demo/ws").into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request
}

/// Sends a message and returns the echo.
pub async fn echoed(socket: &mut Socket, message: Message) -> Message {
    socket.send(message).await.unwrap();
    next(socket).await.unwrap().unwrap()
}

/// True when the connection ends, with or without a close frame.
pub async fn ended(socket: &mut Socket) -> bool {
    !matches!(next(socket).await, Some(Ok(message)) if !message.is_close())
}

pub async fn next(socket: &mut Socket) -> Option<Result<Message, Error>> {
    tokio::time::timeout(PATIENCE, socket.next()).await.expect("something happens")
}
