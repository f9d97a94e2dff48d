//! Listening sockets. Each worker has one for every address, and the kernel distributes connections (`SO_REUSEPORT`). All workers
//! accept from the same socket if it is a Unix socket or was opened by systemd.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// An address with one socket for each worker.
#[derive(Debug)]
pub struct Bound {
    /// The address, with the real port if 0 was configured; `None` for a Unix socket.
    pub address: Option<SocketAddr>,
    /// As in the configuration, with the real port.
    pub name: String,
    /// One socket for each worker.
    pub sockets: Vec<Listening>,
    /// Removes the file of a Unix socket when dropped.
    pub file: Option<SocketFile>,
}

/// A listening socket.
#[derive(Debug)]
pub enum Listening {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

/// The file of a Unix socket that this process created; removed when dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

/// Binds `workers` sockets to one address. The kernel gives up a client soon after it has read nothing for `download`.
///
/// # Errors
/// The address is in use, belongs to another machine, or needs a privilege. The message names it.
pub fn bind(address: SocketAddr, workers: usize, download: Duration) -> io::Result<Bound> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}"));
    // The first socket must not join the port of another process by accident. So it is bound alone, to learn whether the port is free;
    // then all sockets are bound.
    let probe = listen(address, false, download).map_err(named)?;
    let actual = probe.local_addr().map_err(named)?;
    let sockets = if workers == 1 {
        vec![Listening::Tcp(probe)]
    } else {
        drop(probe);
        let socket = |_| listen(actual, true, download).map(Listening::Tcp);
        (0..workers).map(socket).collect::<io::Result<_>>().map_err(named)?
    };
    Ok(Bound { address: Some(actual), name: actual.to_string(), sockets, file: None })
}

/// Creates a Unix socket with these permissions. A socket that no process listens on is replaced.
///
/// # Errors
/// A process listens on the path, or it cannot be created. The message names the path.
pub fn bind_unix(path: &Path, mode: u32, workers: usize) -> io::Result<Bound> {
    let name = format!("unix:{}", path.display());
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {name}: {e}"));
    if UnixStream::connect(path).is_ok() {
        return Err(named(io::ErrorKind::AddrInUse.into()));
    }
    // It has another name until its permissions are right: nobody can connect before, and an old socket is replaced atomically.
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let _ = std::fs::remove_file(&new);
    let listener = UnixListener::bind(&new).map_err(named)?;
    let settled = std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode))
        .and_then(|()| std::fs::rename(&new, path));
    if let Err(error) = settled {
        let _ = std::fs::remove_file(&new);
        return Err(named(error));
    }
    let file = Some(SocketFile(path.to_owned()));
    let sockets = share(Listening::Unix(listener), workers).map_err(named)?;
    Ok(Bound { address: None, name, sockets, file })
}

/// Uses a socket that is already open, for all workers.
///
/// # Errors
/// The system does not provide a descriptor for each worker.
pub fn adopt(socket: Listening, workers: usize, download: Duration) -> io::Result<Bound> {
    let (address, name) = match &socket {
        Listening::Tcp(listener) => {
            options(&SockRef::from(listener), download)?;
            let address = listener.local_addr()?;
            (Some(address), address.to_string())
        }
        Listening::Unix(listener) => {
            let address = listener.local_addr()?;
            (None, format!("unix:{}", address.as_pathname().unwrap_or(Path::new("(unnamed)")).display()))
        }
    };
    Ok(Bound { address, name, sockets: share(socket, workers)?, file: None })
}

fn share(socket: Listening, workers: usize) -> io::Result<Vec<Listening>> {
    match &socket {
        Listening::Tcp(listener) => listener.set_nonblocking(true)?,
        Listening::Unix(listener) => listener.set_nonblocking(true)?,
    }
    let another = |_| {
        Ok(match &socket {
            Listening::Tcp(listener) => Listening::Tcp(listener.try_clone()?),
            Listening::Unix(listener) => Listening::Unix(listener.try_clone()?),
        })
    };
    let mut sockets = (1..workers).map(another).collect::<io::Result<Vec<_>>>()?;
    sockets.push(socket);
    Ok(sockets)
}

/// A listening socket. `shared`: several may have the same address. `download`: how long a client may read nothing.
pub(super) fn listen(address: SocketAddr, shared: bool, download: Duration) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // So [::] and 0.0.0.0 can both be configured.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    options(&SockRef::from(&socket), download)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Options that connections inherit from their listener (tcp(7)): no connection needs a system call for them.
fn options(socket: &SockRef<'_>, download: Duration) -> io::Result<()> {
    // Otherwise small responses wait for the peer's delayed acknowledgement.
    socket.set_tcp_nodelay(true)?;
    // Bytes that cannot be sent yet wait in the gateway, which counts them, and not in the kernel.
    socket.set_tcp_notsent_lowat(UNSENT)?;
    // Detects a client that vanished from the network, with unacknowledged data (RFC 5482) or without.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(VANISHED / 2).with_interval(VANISHED / 6))?;
    // Linux applies this timeout also to a client whose window stays closed. A client that is seen to be slow gets more time
    // (`client_socket`), so that the watch acts first: the kernel neither counts nor logs.
    socket.set_tcp_user_timeout(Some(VANISHED.min(download + SPARE)))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Unsent bytes that the kernel accepts.
const UNSENT: u32 = 128 * 1024;
/// Connections that wait in the kernel during a burst; `net.core.somaxconn` can lower it.
const BACKLOG: i32 = 4096;
/// A connection ends after the other machine was silent for this time.
const VANISHED: Duration = Duration::from_mins(1);
/// Time for a few rounds of the watch.
pub(super) const SPARE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("https.sock");
        drop(UnixListener::bind(&path).unwrap());
        let bound = bind_unix(&path, 0o600, 3).unwrap();
        assert_eq!(bound.sockets.len(), 3);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(bind_unix(&path, 0o600, 1).unwrap_err().to_string().contains("https.sock"));
        drop(bound);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn both_families_share_a_port_and_a_taken_one_is_named() {
        let second = Duration::from_secs(1);
        let four = bind(([127, 0, 0, 1], 0).into(), 2, second).unwrap();
        let port = four.address.unwrap().port();
        assert!(
            bind(([127, 0, 0, 1], port).into(), 2, second).unwrap_err().to_string().contains("127.0.0.1")
        );
        // Where the machine has IPv6.
        if TcpListener::bind("[::1]:0").is_ok() {
            assert_eq!(bind(format!("[::1]:{port}").parse().unwrap(), 2, second).unwrap().sockets.len(), 2);
        }
    }
}
