//! A Campaign server whose every byte is written by a test, including broken responses.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::World;
use crate::support::http1::{Head, RawConnection};

/// A listener whose connections are served by the test's own code. It ends when dropped.
pub struct Upstream {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    seen: Seen,
    accepted: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// The request lines received so far, in order.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<String>>>);

impl Upstream {
    /// Serves every connection with `serve`, which gets its number from 0, the connection, and the list for requests.
    pub async fn start<F, Served>(serve: F) -> Self
    where
        F: Fn(usize, RawConnection, Seen) -> Served + Send + 'static,
        Served: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        let noted = seen.clone();
        let accepted = Arc::<AtomicUsize>::default();
        let counted = accepted.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                counted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(serve(number, RawConnection::new(stream), noted.clone()));
            }
        });
        Self { url, seen, accepted, accepting }
    }

    /// Gives one of these answers on each connection and closes it: to `/r/0` the first, to `/r/1` the second …
    pub async fn answering<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>) -> Self {
        let answers: Arc<[Vec<u8>]> = answers.into_iter().map(Into::into).collect();
        Self::start(move |_, mut line: RawConnection, seen: Seen| {
            let answers = answers.clone();
            async move {
                let head = seen.request(&mut line).await?;
                let number: usize = head.first.split(['/', ' ']).nth(3)?.parse().ok()?;
                line.send(&answers[number]).await;
                None
            }
        })
        .await
    }

    /// A world with this upstream.
    pub async fn world(&self) -> World {
        let url = self.url.parse().unwrap();
        World::builder().instance(|instance| instance.campaign.upstreams = vec![url]).start().await
    }

    /// The request lines so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.0.lock().unwrap().clone()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Seen {
    /// How many request lines so far name this.
    pub fn count(&self, text: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// Reads the head of a request and records its first line; `None` if the connection ends instead.
    pub async fn request(&self, line: &mut RawConnection) -> Option<Head> {
        let head = line.head().await.ok()?;
        self.0.lock().unwrap().push(head.first.clone());
        Some(head)
    }
}
