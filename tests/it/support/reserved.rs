//! A port that is known before anybody listens on it.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port nobody else gets: the callback server names the port before the gateway listens, and a load balancer those of
/// instances that come and go.
pub struct Reserved {
    pub address: SocketAddr,
    _socket: Socket,
}

impl Reserved {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        // Bound but not listening, it lets the gateway bind beside it and takes no connection.
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { address, _socket: socket }
    }
}
