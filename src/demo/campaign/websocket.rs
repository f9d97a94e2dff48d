//! A WebSocket echo server (RFC 6455).

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::Extension;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::demo::listening::StopSignal;

/// Does the opening handshake (§4.2), then echoes until a side closes or the simulator stops.
pub(super) async fn upgrade(Extension(stopping): Extension<StopSignal>, mut request: Request) -> Response {
    let Some(accept) = accept(request.headers()) else {
        let version = [(header::SEC_WEBSOCKET_VERSION, "13")];
        return (StatusCode::UPGRADE_REQUIRED, version, "Only WebSocket connections are accepted here.\n")
            .into_response();
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            tokio::select! {
                () = stopping.0.cancelled() => {}
                // An error affects only this client.
                _ = echo(TokioIo::new(upgraded)) => {}
            }
        }
    });
    let headers = [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, accept.as_str()),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// `Sec-WebSocket-Accept`, if the request is an opening handshake (§4.2.1, §4.2.2).
fn accept(headers: &HeaderMap) -> Option<String> {
    let has = |name: header::HeaderName, token: &str| {
        let fields = headers.get_all(name);
        let mut tokens =
            fields.iter().filter_map(|field| field.to_str().ok()).flat_map(|field| field.split(','));
        tokens.any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    let upgrade = has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket");
    if !upgrade || !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return None;
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.to_str().ok()?.trim();
    let hash =
        digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
    Some(STANDARD.encode(hash))
}

/// Echoes frames without masking (§5). Answers ping with pong and close with close.
async fn echo(mut io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    loop {
        let first = io.read_u8().await?;
        let second = io.read_u8().await?;
        let length = match second & 0x7f {
            126 => u64::from(io.read_u16().await?),
            127 => io.read_u64().await?,
            short => u64::from(short),
        };
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= MAX_FRAME) else {
            return send(&mut io, CLOSE, &TOO_BIG.to_be_bytes()).await;
        };
        if second & MASKED == 0 {
            return send(&mut io, CLOSE, &PROTOCOL_ERROR.to_be_bytes()).await;
        }
        let mut mask = [0; 4];
        io.read_exact(&mut mask).await?;
        let mut payload = vec![0; length];
        io.read_exact(&mut payload).await?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match first & 0x0f {
            0x8 => return send(&mut io, CLOSE, &payload).await,
            0x9 => send(&mut io, PONG, &payload).await?,
            0xA => {}
            _ => send(&mut io, first, &payload).await?,
        }
    }
}

async fn send(io: &mut (impl AsyncWrite + Unpin), first: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(u8::try_from(length).unwrap_or_default()),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    io.write_all(&frame).await?;
    io.flush().await
}

const MASKED: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8A;
const MAX_FRAME: usize = 16 << 20;
/// Status codes of a close frame (§7.4.1).
const PROTOCOL_ERROR: u16 = 1002;
const TOO_BIG: u16 = 1009;
