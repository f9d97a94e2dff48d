//! The health check: asks every server for `/r/test`, Campaign's anonymous health page, at an interval.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::task::JoinSet;

use super::upstreams::{Upstream, Upstreams};
use crate::config::HealthCheck;
use crate::http_client::Endpoint;

impl Upstreams {
    /// Starts the check if it is configured, one task for each server. Call it on the control runtime.
    pub fn watch(&self, tasks: &mut JoinSet<()>) {
        let Some(check) = self.check else { return };
        for (index, upstream) in self.servers.iter().enumerate() {
            tasks.spawn(watch(upstream.clone(), check, index));
        }
    }
}

async fn watch(upstream: Upstream, check: HealthCheck, index: usize) {
    // The servers are not asked at the same time.
    tokio::time::sleep(STAGGER * u32::try_from(index).unwrap_or(0)).await;
    let (mut good, mut bad) = (0_u32, 0_u32);
    loop {
        match ask(&upstream.endpoint, check.timeout).await {
            Ok(()) => (good, bad) = (good.saturating_add(1), 0),
            Err(reason) => {
                (good, bad) = (0, bad.saturating_add(1));
                if bad >= check.fall {
                    upstream.health.checked(Err(&reason));
                }
            }
        }
        if good >= check.rise {
            upstream.health.checked(Ok(()));
        }
        tokio::time::sleep(check.interval).await;
    }
}

async fn ask(endpoint: &Endpoint, limit: Duration) -> Result<(), String> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = http::Uri::from_static("/r/test");
    judge(&endpoint.send(request, limit).await.map_err(|error| error.to_string())?)
}

/// A healthy Campaign answers `<redir status='OK' date='…' build='9236' host='…' localHost='…'/>`.
fn judge(response: &Response<Bytes>) -> Result<(), String> {
    if response.status() != StatusCode::OK {
        return Err(format!("/r/test answers with status {}", response.status().as_u16()));
    }
    let body = response.body();
    let says_ok = [b" status='OK'".as_slice(), b" status=\"OK\""]
        .iter()
        .any(|wanted| body.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted)));
    if says_ok { Ok(()) } else { Err("/r/test does not say status='OK'".to_owned()) }
}

const STAGGER: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &'static str) -> Result<(), String> {
        judge(&Response::builder().status(status).body(Bytes::from(body)).unwrap())
    }

    #[test]
    fn only_the_health_page_of_a_healthy_campaign_is_good() {
        assert_eq!(judged(200, "<redir status='OK' date='x' build='9236'/>"), Ok(()));
        assert_eq!(judged(200, "<redir status=\"ok\"/>"), Ok(()));
        for (status, body) in [
            (200, "<redir status='KO'/>"),
            (200, "<html>maintenance</html>"),
            (200, ""),
            (302, "<redir status='OK'/>"),
            (503, "<redir status='OK'/>"),
        ] {
            assert!(judged(status, body).is_err(), "{status} {body}");
        }
    }
}
