//! A port that is known before anybody listens on it.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A free port. The callback server has the port before the gateway listens, and a load balancer has the ports of
/// instances that restart.
pub struct Reserved {
    pub address: SocketAddr,
    _socket: Socket,
}

impl Reserved {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        // Bound but not listening: the gateway can bind the same port, and this socket accepts no connection.
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { address, _socket: socket }
    }
}
