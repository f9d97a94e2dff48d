//! An open connection for commands, and the commands.

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, Pipeline, RedisResult, Value};

/// An open connection for commands. Clones share it, and their commands do not wait for each other's answers.
#[derive(Clone)]
pub(super) enum CommandConnection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is sent to Redis.
#[derive(Clone, Debug)]
pub(super) enum RedisCommand {
    One(Cmd),
    /// Commands for one key: in a Cluster, all must go to one node.
    Pipe(Pipeline),
    /// For one node of a Cluster: host and port.
    Node(Cmd, String, u16),
}

impl CommandConnection {
    /// Sends a command; returns the answer.
    pub(super) async fn send(&self, command: &RedisCommand) -> RedisResult<Value> {
        match (self.clone(), command) {
            (Self::Node(mut connection), RedisCommand::One(one) | RedisCommand::Node(one, ..)) => {
                one.query_async(&mut connection).await
            }
            (Self::Node(mut connection), RedisCommand::Pipe(all)) => all.query_async(&mut connection).await,
            (Self::Cluster(mut connection), RedisCommand::One(one)) => one.query_async(&mut connection).await,
            (Self::Cluster(mut connection), RedisCommand::Pipe(all)) => {
                all.query_async(&mut connection).await
            }
            (Self::Cluster(mut connection), RedisCommand::Node(one, host, port)) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                connection.route_command(one.clone(), RoutingInfo::SingleNode(node)).await
            }
        }
    }
}
