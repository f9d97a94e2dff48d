//! Records every request for tests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http_body_util::BodyExt as _;

use super::CampaignState;
use crate::demo::random::lock;
use crate::demo::wire::header_list;

/// A request that reached Campaign. No `Debug`: it holds session and bearer tokens.
#[derive(Clone)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// Path and query, byte for byte.
    pub path_and_query: String,
    /// Every header as name (lower case) and value.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body read so far.
    pub body_len: u64,
}

impl Recorded {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Records the request. Then a fault or the endpoint answers.
pub(super) async fn record(
    State(campaign): State<Arc<CampaignState>>,
    request: Request,
    next: Next,
) -> Response {
    let request = campaign.records.record(request);
    if campaign.faults.is_down() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match campaign.faults.take_answer() {
        Some(answer) => answer.respond().await,
        None => next.run(request).await,
    }
}

#[derive(Default)]
pub(super) struct Records(Mutex<VecDeque<(Recorded, Arc<AtomicU64>)>>);

impl Records {
    pub(super) fn all(&self) -> Vec<Recorded> {
        let records = lock(&self.0);
        records
            .iter()
            .map(|(request, read)| Recorded { body_len: read.load(Ordering::Relaxed), ..request.clone() })
            .collect()
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Records the head, and counts the bytes of the body while they arrive.
    fn record(&self, request: Request) -> Request {
        let recorded = Recorded {
            method: request.method().to_string(),
            path_and_query: request.uri().to_string(),
            headers: header_list(request.headers()),
            body_len: 0,
        };
        let read = Arc::new(AtomicU64::new(0));
        let mut records = lock(&self.0);
        if records.len() == MAX_RECORDED {
            records.pop_front();
        }
        records.push_back((recorded, Arc::clone(&read)));
        request.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                read.fetch_add(bytes, Ordering::Relaxed);
                frame
            }))
        })
    }
}

const MAX_RECORDED: usize = 1000;
