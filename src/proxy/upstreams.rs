//! The servers of one Campaign instance. Requests go to the server with the fewest requests in progress for its weight.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::health::{Health, HealthState};
use super::pools::Pools;
use super::sent_by::FirstServer;
use crate::config;
use crate::http_client::Endpoint;

/// The servers, shared by all workers.
#[derive(Debug)]
pub struct Upstreams {
    /// In the order of the configuration.
    pub(super) servers: Vec<UpstreamServer>,
    /// Indices of `servers`, each as often as its weight, evenly mixed.
    schedule: Vec<usize>,
    pub(super) limits: PoolSettings,
    pub(super) check: Option<config::HealthCheck>,
    /// Number of workers so far.
    workers: AtomicUsize,
    /// Number of Campaign sessions so far.
    sessions: AtomicUsize,
}

/// One server.
#[derive(Clone, Debug)]
pub(super) struct UpstreamServer {
    pub endpoint: Endpoint,
    pub weight: u32,
    pub health: Arc<Health>,
    /// The pools of all workers.
    pub pools: Arc<Pools>,
}

/// Limits of connections and exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolSettings {
    pub response: Duration,
    pub body_idle: Duration,
    pub pool: config::PoolLimits,
}

impl Upstreams {
    /// The servers with their weights; at most 64.
    pub fn new(endpoints: Vec<(Endpoint, u32)>, campaign: &config::Campaign) -> Self {
        let alone = endpoints.len() == 1;
        let servers: Vec<UpstreamServer> = endpoints
            .into_iter()
            .take(MOST)
            .map(|(endpoint, weight)| {
                let name = endpoint.name().clone();
                let health = Health::new(name, campaign.health.clone(), campaign.connect_timeout * 2, alone);
                UpstreamServer {
                    endpoint,
                    weight: weight.max(1),
                    health: Arc::new(health),
                    pools: Arc::default(),
                }
            })
            .collect();
        let limits = PoolSettings {
            response: campaign.response_timeout,
            body_idle: campaign.body_idle_timeout,
            pool: campaign.pool,
        };
        let weights: Vec<u32> = servers.iter().map(|upstream| upstream.weight).collect();
        Self {
            schedule: schedule(&weights),
            servers,
            limits,
            check: campaign.health_check(),
            workers: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
        }
    }

    /// Keeps the health of the servers that `previous` has too. Only where servers are reached and checked in the same way.
    #[must_use]
    pub fn continuing(mut self, previous: &Self) -> Self {
        for server in &mut self.servers {
            let same = |known: &&UpstreamServer| known.endpoint.name() == server.endpoint.name();
            if let Some(known) = previous.servers.iter().find(same) {
                server.health = known.health.clone();
                server.pools = known.pools.clone();
            }
        }
        self
    }

    /// The state of each server, by name.
    pub fn states(&self) -> impl Iterator<Item = (&Arc<str>, HealthState)> {
        self.servers.iter().map(|upstream| (upstream.endpoint.name(), upstream.health.state()))
    }

    /// The connections to each server that carry a request, and how many may, of all workers, by name.
    pub fn connections(&self) -> impl Iterator<Item = (&Arc<str>, (u64, u64))> {
        self.servers.iter().map(|upstream| (upstream.endpoint.name(), upstream.pools.usage()))
    }

    /// Where a worker begins in the schedule. Workers begin with different servers, so that after a start not all of them choose the same.
    pub(super) fn first_turn(&self) -> usize {
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// The server that comes first for a sender, if one is healthy; `None` for the only server, which needs no choice.
    pub(super) fn first(&self, first: FirstServer<'_>) -> Option<usize> {
        if let [_] = *self.servers {
            return None;
        }
        let is_healthy = |index: &usize| self.servers[*index].health.state() == HealthState::Healthy;
        match first {
            FirstServer::Named(name) => {
                let index = self.servers.iter().position(|upstream| **upstream.endpoint.name() == *name);
                index.filter(is_healthy)
            }
            // Rendezvous hashing: when a server goes or comes back, only its own sessions move. Each has as many slots as its weight.
            FirstServer::Of(sender) => {
                let slots = self.schedule.iter().enumerate().filter(|(_, index)| is_healthy(index));
                slots.max_by_key(|(slot, _)| score(sender, *slot)).map(|(_, index)| *index)
            }
        }
    }

    /// The server for the next Campaign session, except those in the bit set `tried`: by weight among the healthy ones.
    pub fn choose_for_session(&self, tried: u64) -> Option<usize> {
        // The same server until one fails: only the first choice takes a turn.
        let turn = match tried {
            0 => self.sessions.fetch_add(1, Ordering::Relaxed),
            _ => self.sessions.load(Ordering::Relaxed),
        };
        self.choose(tried, turn, |_| 0)
    }

    /// The server for the next request, except those in the bit set `tried`. `turn` grows with every request; `in_use` returns the number
    /// of connections in use for each server.
    ///
    /// An ejected server is chosen only if all are ejected: then the one whose ejection ends first.
    pub(super) fn choose(
        &self,
        mut tried: u64,
        turn: usize,
        in_use: impl Fn(usize) -> usize,
    ) -> Option<usize> {
        if let [_] = *self.servers {
            return (tried == 0).then_some(0);
        }
        let most = self.limits.pool.max_connections;
        let rank = |index: usize| -> u64 {
            let upstream = &self.servers[index];
            let used = in_use(index);
            let load = (used as u64).saturating_mul(SCALE) / u64::from(upstream.weight);
            match upstream.health.state() {
                HealthState::Healthy | HealthState::ProbeDue if used < most => load,
                HealthState::Healthy | HealthState::ProbeDue => FULL + load,
                HealthState::Ejected(left) => EJECTED + left,
                HealthState::Down => DOWN + load,
            }
        };
        loop {
            let free = |index: &usize| tried >> index & 1 == 0;
            let best = (0..self.servers.len()).filter(free).map(rank).min()?;
            let start = turn % self.schedule.len();
            let turns = self.schedule[start..].iter().chain(&self.schedule[..start]).copied();
            // The rank of a server may have changed in between. Then any server that is left is good enough.
            let index = turns
                .filter(free)
                .find(|index| rank(*index) <= best)
                .or_else(|| (0..self.servers.len()).find(free))?;
            let health = &self.servers[index].health;
            let others = (0..self.servers.len()).any(|other| other != index && free(&other));
            if health.state() != HealthState::ProbeDue || health.claim_probe() || !others {
                return Some(index);
            }
            tried |= 1 << index;
        }
    }
}

/// The same in each process, so that all instances of the gateway choose the same server.
fn score(sender: &str, slot: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    (sender, slot).hash(&mut hasher);
    hasher.finish()
}

/// Every index as often as its weight, evenly mixed (smooth weighted round robin).
fn schedule(weights: &[u32]) -> Vec<usize> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let mut current = vec![0; weights.len()];
    let mut order = Vec::new();
    for _ in 0..total {
        for (current, weight) in current.iter_mut().zip(&weights) {
            *current += weight;
        }
        let Some(next) = (0..current.len()).rev().max_by_key(|index| current[*index]) else { break };
        current[next] -= total;
        order.push(next);
    }
    order
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The number of bits in the set of servers tried.
const MOST: usize = 64;
/// Precision of a load that is divided by a weight of at most 100.
const SCALE: u64 = 1 << 20;
/// Ranks: servers with free connections by load, then full ones, then ejected ones by the time left, then those that fail the check.
const FULL: u64 = 1 << 60;
const EJECTED: u64 = 1 << 61;
const DOWN: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::http_client::{Dialer, Target};

    fn upstreams(weights: &[u32]) -> Upstreams {
        let second = Duration::from_secs(1);
        let upstream = |(index, weight): (usize, &u32)| {
            let dialer = Dialer::new(Target::Tcp("127.0.0.1".into(), 9), second);
            let endpoint = Endpoint::new(&format!("http://c{index}"), HeaderValue::from_static("c"), dialer);
            let settings =
                config::HealthSettings { ejection: second * 60, ..config::HealthSettings::default() };
            let health = Health::new(endpoint.name().clone(), settings, second, false);
            UpstreamServer { endpoint, weight: *weight, health: Arc::new(health), pools: Arc::default() }
        };
        let pool = config::PoolLimits { max_connections: 10, ..config::PoolLimits::default() };
        Upstreams {
            servers: weights.iter().enumerate().map(upstream).collect(),
            schedule: schedule(weights),
            limits: PoolSettings { response: second, body_idle: second, pool },
            check: None,
            workers: AtomicUsize::default(),
            sessions: AtomicUsize::default(),
        }
    }

    fn shares(upstreams: &Upstreams, in_use: &[usize]) -> Vec<usize> {
        let mut shares = vec![0; upstreams.servers.len()];
        for turn in 0..600 {
            shares[upstreams.choose(0, turn, |index| in_use[index]).unwrap()] += 1;
        }
        shares
    }

    #[test]
    fn weights_decide_between_idle_servers() {
        assert_eq!(shares(&upstreams(&[1, 1]), &[0, 0]), [300, 300]);
        assert_eq!(shares(&upstreams(&[2, 1]), &[0, 0]), [400, 200]);
        assert_eq!(shares(&upstreams(&[50, 100, 150]), &[0, 0, 0]), [100, 200, 300]);
        assert_eq!(schedule(&[2, 1]), [0, 1, 0]);
    }

    #[test]
    fn every_worker_begins_with_another_one() {
        let upstreams = upstreams(&[1, 1]);
        let begins = [0; 4].map(|_| upstreams.choose(0, upstreams.first_turn(), |_| 0).unwrap());
        assert_eq!(begins[..2], begins[2..]);
        assert_ne!(begins[0], begins[1]);
    }

    #[test]
    fn the_fewest_requests_in_flight_for_the_weight() {
        assert_eq!(shares(&upstreams(&[1, 1]), &[3, 2]), [0, 600]);
        assert_eq!(shares(&upstreams(&[2, 1]), &[3, 2]), [600, 0]);
        assert_eq!(shares(&upstreams(&[2, 1]), &[4, 2]), [400, 200]);
        assert_eq!(shares(&upstreams(&[100, 1]), &[10, 1]), [0, 600], "a full one only when all are");
    }

    #[test]
    fn new_sessions_are_spread_by_weight_and_stay_with_a_healthy_server() {
        let upstreams = upstreams(&[2, 1]);
        let mut shares = [0; 2];
        for _ in 0..300 {
            shares[upstreams.choose_for_session(0).unwrap()] += 1;
        }
        assert_eq!(shares, [200, 100]);
        let name = upstreams.servers[1].endpoint.name().clone();
        assert_eq!(upstreams.first(FirstServer::Named(&name)), Some(1));
        assert_eq!(upstreams.first(FirstServer::Named("http://other")), None);
        upstreams.servers[1].health.checked(Err("status 503"));
        assert_eq!(upstreams.first(FirstServer::Named(&name)), None);
        assert!((0..10).all(|_| upstreams.choose_for_session(0) == Some(0)));
        assert_eq!(upstreams.choose_for_session(0b01), Some(1), "better than none");
    }

    #[test]
    fn a_session_without_a_campaign_session_stays_with_one_server_and_only_those_of_a_failed_one_move() {
        let upstreams = upstreams(&[2, 1, 1]);
        let of = |number: usize| upstreams.first(FirstServer::Of(&format!("sid{number}"))).unwrap();
        let before: Vec<usize> = (0..400).map(of).collect();
        assert_eq!(before, (0..400).map(of).collect::<Vec<_>>());
        let share = |server| before.iter().filter(|chosen| **chosen == server).count();
        assert!(share(0) > 150 && share(1) > 60 && share(2) > 60, "by weight");
        upstreams.servers[1].health.checked(Err("status 503"));
        for (number, chosen) in before.iter().enumerate() {
            let now = of(number);
            assert!(now != 1 && (now == *chosen || *chosen == 1));
        }
    }

    #[test]
    fn an_ejected_server_is_the_last_choice() {
        let upstreams = upstreams(&[1, 1, 1]);
        for _ in 0..3 {
            upstreams.servers[0].health.failed(&"refused");
        }
        upstreams.servers[1].health.checked(Err("status 503"));
        assert_eq!(shares(&upstreams, &[0, 0, 9]), [0, 0, 600]);
        upstreams.servers[2].health.checked(Err("status 503"));
        assert_eq!(shares(&upstreams, &[0, 0, 9]), [600, 0, 0], "all are ejected: the healthiest is used");
        assert_eq!(upstreams.choose(0b001, 0, |_| 0), Some(1));
        assert_eq!(upstreams.choose(0b111, 0, |_| 0), None);
    }
}
