//! The health check: asks every server for a health page at an interval. `/r/test` is Campaign's anonymous one; the module of Apache or
//! IIS serves it, Tomcat does not.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::task::JoinSet;

use super::upstreams::{UpstreamServer, Upstreams};
use crate::config::HealthCheck;
use crate::http_client::Endpoint;

impl Upstreams {
    /// Starts the check if it is configured, one task for each server. Call it on the control runtime.
    pub fn watch(&self, tasks: &mut JoinSet<()>) {
        let Some(check) = &self.check else { return };
        for (index, upstream) in self.servers.iter().enumerate() {
            tasks.spawn(watch(upstream.clone(), check.clone(), index));
        }
    }
}

async fn watch(upstream: UpstreamServer, check: HealthCheck, index: usize) {
    // The servers are not asked at the same time.
    tokio::time::sleep(STAGGER * u32::try_from(index).unwrap_or(0)).await;
    let (mut good, mut bad) = (0_u32, 0_u32);
    loop {
        match ask(&upstream.endpoint, &check).await {
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

async fn ask(endpoint: &Endpoint, check: &HealthCheck) -> Result<(), String> {
    let request = Request::get(check.path.as_deref().unwrap_or(HEALTH_PAGE)).body(Bytes::new());
    let request = request.map_err(|error| error.to_string())?;
    let response = endpoint.send(request, check.timeout).await.map_err(|error| error.to_string())?;
    // Without a path of its own, any response proves that the server is alive.
    check.path.as_deref().map_or(Ok(()), |path| judge(path, &response))
}

/// A healthy Campaign answers `<redir status='OK' date='…' build='9236' host='…' localHost='…'/>` at `/r/test`.
fn judge(path: &str, response: &Response<Bytes>) -> Result<(), String> {
    if response.status() != StatusCode::OK {
        return Err(format!("{path} answers with status {}", response.status().as_u16()));
    }
    if path != HEALTH_PAGE {
        return Ok(());
    }
    let body = response.body();
    let says_ok = [b" status='OK'".as_slice(), b" status=\"OK\""]
        .iter()
        .any(|wanted| body.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted)));
    if says_ok { Ok(()) } else { Err("/r/test does not say status='OK'".to_owned()) }
}

/// Campaign's health page.
const HEALTH_PAGE: &str = "/r/test";
const STAGGER: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &'static str) -> Result<(), String> {
        judge(HEALTH_PAGE, &Response::builder().status(status).body(Bytes::from(body)).unwrap())
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
        let other =
            |status: u16| judge("/up", &Response::builder().status(status).body(Bytes::new()).unwrap());
        assert!(other(200).is_ok() && other(404).is_err());
    }
}
