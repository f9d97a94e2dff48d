//! Joins the server with the gate.

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::peer::Peer;
use crate::proxy::Body;
use crate::server::Handler;
use crate::web::Gate;

impl Handler for Gate {
    type Body = Body;

    fn handle(&self, request: Request<Incoming>, peer: Peer) -> impl Future<Output = Response<Body>> + Send {
        Self::handle(self, request, peer)
    }

    fn parse_error(&self, peer: &Peer, status: StatusCode) {
        Self::parse_error(self, peer, status);
    }

    fn flush_log(&self) {
        Self::flush_log(self);
    }
}
