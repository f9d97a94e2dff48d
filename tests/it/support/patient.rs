//! A login by somebody with patience: what is not answered well is loaded again, at the same address.

use std::time::Duration;

use http::StatusCode;
use tokio::sync::Semaphore;

use super::{Answer, Browser};

/// How a login went.
#[derive(Debug, Default)]
pub struct Story {
    /// Every session that the browser got a cookie for.
    pub sessions: Vec<String>,
    /// Answers after which it loaded the address again.
    pub troubles: Vec<Answer>,
}

impl Browser {
    /// Signs in on the way to an address, until a page is there. Whoever was told to come again does so when that time is
    /// over, and `later`. At most as many ask at a time as `turns` has permits.
    pub async fn sign_in_patiently(&self, address: &str, later: Duration, turns: &Semaphore) -> Story {
        let (mut story, mut address) = (Story::default(), address.to_owned());
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
                story.sessions.push(self.session().expect("no answer takes a session away"));
            }
            match answer.status {
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => {
                    let after = answer.header("retry-after").parse().unwrap_or(1);
                    story.troubles.push(answer);
                    tokio::time::sleep(Duration::from_secs(after) + later).await;
                }
                status if status.is_redirection() => address = answer.target().into(),
                // The page; or another one, and then a session of the story is none.
                _ => return story,
            }
        }
        panic!("{story:?}")
    }
}

/// Answers; a login without trouble takes four.
const MOST: usize = 60;
