//! A login by a patient person: after an error response, the same address is loaded again.

use std::time::Duration;

use http::StatusCode;
use tokio::sync::Semaphore;

use super::{Answer, Browser};

/// The course of a login.
#[derive(Debug, Default)]
pub struct LoginRun {
    /// Every session of which the browser got a cookie.
    pub sessions: Vec<String>,
    /// How often it loaded the address again after a failure.
    pub failures: Vec<Answer>,
}

impl Browser {
    /// Signs in on the way to an address, until a page is there. After a 503 it waits for `Retry-After` and `later`. At most as many
    /// requests run at a time as `turns` has permits.
    pub async fn sign_in_patiently(&self, address: &str, later: Duration, turns: &Semaphore) -> LoginRun {
        let (mut run, mut address) = (LoginRun::default(), address.to_owned());
        for _ in 0..MOST {
            let turn = turns.acquire().await.unwrap();
            let mut answer = self.get(&address).await;
            if answer.text().contains("action=\"/ims/sign-in\"") {
                let form = answer.url.join("/ims/sign-in").unwrap();
                let request = answer.url.query().unwrap().to_owned();
                answer = self.post_form(form.as_str(), &[("request", &request), ("username", "alice")]).await;
            }
            drop(turn);
            if answer.session_cookie().is_some() {
                run.sessions.push(self.session().expect("no answer takes a session away"));
            }
            match answer.status {
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => {
                    let after = answer.header("retry-after").parse().unwrap_or(1);
                    run.failures.push(answer);
                    tokio::time::sleep(Duration::from_secs(after) + later).await;
                }
                status if status.is_redirection() => address = answer.target().into(),
                // The page, or another one: then the session of this login is void.
                _ => return run,
            }
        }
        panic!("{run:?}")
    }
}

/// Responses. A login without a failure takes four.
const MOST: usize = 60;
