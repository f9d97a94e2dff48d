//! One listening socket a worker for every address: the kernel spreads connections over them (`SO_REUSEPORT`).

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// An address with one bound socket for each worker.
#[derive(Debug)]
pub struct Bound {
    /// The address, with the real port when 0 was asked for.
    pub address: SocketAddr,
    /// One socket a worker.
    pub sockets: Vec<TcpListener>,
}

/// Binds `workers` sockets to one address.
///
/// # Errors
/// Names the address: it is taken, not ours, or a privileged port.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Bound> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}"));
    // The first socket of several must not join another process's port by accident: it is bound alone, to learn whether
    // the port is free, then everybody binds together.
    let probe = listen(address, false).map_err(named)?;
    let actual = probe.local_addr().map_err(named)?;
    if workers == 1 {
        return Ok(Bound { address: actual, sockets: vec![probe] });
    }
    drop(probe);
    let sockets = (0..workers).map(|_| listen(actual, true)).collect::<io::Result<_>>().map_err(named)?;
    Ok(Bound { address: actual, sockets })
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // [::] and 0.0.0.0 are two addresses: both can be configured side by side.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

const BACKLOG: i32 = 1024;
