//! Listening sockets: one a worker for every address, and the kernel spreads connections over them (`SO_REUSEPORT`). A Unix
//! socket, and one that systemd opened, is one that all workers accept from.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// A place with one socket for each worker.
#[derive(Debug)]
pub struct Bound {
    /// The address, with the real port when 0 was asked for; `None` for a Unix socket.
    pub address: Option<SocketAddr>,
    /// As in the configuration, with the real port.
    pub name: String,
    /// One socket a worker.
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

/// The file of a Unix socket that we made; removed when dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

/// Binds `workers` sockets to one address. A client that takes nothing for `download` is given up by the kernel, soon after.
///
/// # Errors
/// Names the address: it is taken, not ours, or a privileged port.
pub fn bind(address: SocketAddr, workers: usize, download: Duration) -> io::Result<Bound> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}"));
    // The first socket of several must not join another process's port by accident: it is bound alone, to learn whether
    // the port is free, then everybody binds together.
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

/// Makes a Unix socket with these permissions. A socket left over by a process that is gone is replaced; one that
/// somebody listens on is not.
///
/// # Errors
/// Names the path.
pub fn bind_unix(path: &Path, mode: u32, workers: usize) -> io::Result<Bound> {
    let name = format!("unix:{}", path.display());
    let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {name}: {e}"));
    if UnixStream::connect(path).is_ok() {
        return Err(named(io::ErrorKind::AddrInUse.into()));
    }
    // Under another name until the permissions are right: nobody connects before, and an old socket is replaced at once.
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

/// A socket that is open already, for all workers.
///
/// # Errors
/// When the system does not give as many descriptors.
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

/// A listening socket; `shared` when several may have the same address, `download` is how long a client may take nothing.
pub(super) fn listen(address: SocketAddr, shared: bool, download: Duration) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // [::] and 0.0.0.0 are two addresses: both can be configured side by side.
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

/// What connections inherit from their listener (tcp(7)): set once here, no connection pays a system call for it.
fn options(socket: &SockRef<'_>, download: Duration) -> io::Result<()> {
    // Otherwise small answers wait for the peer's delayed acknowledgement.
    socket.set_tcp_nodelay(true)?;
    // What cannot be sent yet waits in the gateway, where it is counted, and not in the kernel.
    socket.set_tcp_notsent_lowat(UNSENT)?;
    // A client that fell off the network is noticed, whether it owes an acknowledgement (RFC 5482) or nothing.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(VANISHED / 2).with_interval(VANISHED / 6))?;
    // On Linux also one whose window stays shut: when it is seen to be slow, the socket gets more. The watch is to be first then, for
    // the kernel neither counts nor logs.
    socket.set_tcp_user_timeout(Some(VANISHED.min(download + SPARE)))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Bytes that the kernel takes before it can send them.
const UNSENT: u32 = 128 * 1024;
/// What the kernel keeps for us during a burst; it takes less where `net.core.somaxconn` is less.
const BACKLOG: i32 = 4096;
/// After so long without a word from the other machine, a connection is gone.
const VANISHED: Duration = Duration::from_mins(1);
/// A few rounds of the watch.
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
