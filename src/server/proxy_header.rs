//! Reads the PROXY protocol header of a connection, and no byte after it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::wire::proxy_protocol::{Progress, parse};

/// The client's address; `None` when the proxy itself is the client.
///
/// # Errors
/// The header is malformed, or the connection ends within it.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes).map_err(io::Error::other)? {
            Progress::Done(address) => return Ok(address),
            Progress::More(more) => {
                let read = bytes.len();
                bytes.resize(read + more, 0);
                stream.read_exact(&mut bytes[read..]).await?;
            }
        }
    }
}
