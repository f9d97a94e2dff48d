//! An open connection and the commands that it sends.

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, Pipeline, RedisResult, Value};

/// An open connection. Clones share it, and their commands do not wait for each other's answers.
#[derive(Clone)]
pub(super) enum Wire {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is sent to Redis.
#[derive(Clone, Debug)]
pub(super) enum RedisCommand {
    One(Cmd),
    /// Commands for one key: a Cluster needs that.
    Pipe(Pipeline),
    /// For one node of a Cluster: host and port.
    Node(Cmd, String, u16),
}

impl Wire {
    /// Sends a command; returns the answer.
    pub(super) async fn send(&self, command: &RedisCommand) -> RedisResult<Value> {
        match (self.clone(), command) {
            (Self::Node(mut wire), RedisCommand::One(one) | RedisCommand::Node(one, ..)) => {
                one.query_async(&mut wire).await
            }
            (Self::Node(mut wire), RedisCommand::Pipe(all)) => all.query_async(&mut wire).await,
            (Self::Cluster(mut wire), RedisCommand::One(one)) => one.query_async(&mut wire).await,
            (Self::Cluster(mut wire), RedisCommand::Pipe(all)) => all.query_async(&mut wire).await,
            (Self::Cluster(mut wire), RedisCommand::Node(one, host, port)) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                wire.route_command(one.clone(), RoutingInfo::SingleNode(node)).await
            }
        }
    }
}
