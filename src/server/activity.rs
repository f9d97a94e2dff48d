//! One connection's activity: counted by its requests, read by the [watch](super::watch).

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};

use super::buffers::{Buffers, Held, Piece};
use super::streams::{Ended, Stuck, Turn, Turns};
use crate::wire::framing::FramingError;
use crate::wire::strict_head::FlawedHead;

/// What one connection is doing. Only its worker's thread writes, so plain loads and stores are enough.
#[derive(Debug, Default)]
pub struct Activity {
    /// Requests whose answer is not through.
    exchanges: AtomicU32,
    /// Those of them that wait for the gateway or for Campaign, not for the client.
    owed: AtomicU32,
    /// Grows with everything that happens.
    moved: AtomicU32,
    http2: AtomicBool,
    tunnel: AtomicBool,
    /// The last request had a body, and only hyper knows whether all of it was read; or the client has not taken all of
    /// the last answer.
    unclean: [AtomicBool; 2],
    /// Requests begun.
    heads: AtomicU32,
    flawed: OnceLock<FlawedHead>,
    word: AtomicU8,
    told: AtomicWaker,
    /// Of answers over HTTP/2 that come in several pieces, or in a long one.
    turns: Turns,
    /// What the client has not taken.
    pub held: Held,
}

/// What a connection is told, the graver the further down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Let go of buffers until the client speaks again.
    Rest,
    /// Finish what is in flight and close.
    Finish,
    /// Close.
    Cut,
}

impl Activity {
    /// Of this client, whose bytes are counted for this worker.
    pub fn counted(worker: Arc<Buffers>, peer: IpAddr) -> Self {
        let mut activity = Self::default();
        activity.held = Held::new(worker, peer);
        activity
    }

    /// This connection speaks HTTP/2.
    pub fn speaks_http2(&self) {
        self.http2.store(true, Ordering::Relaxed);
    }

    /// True for HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// This connection has switched protocols: from now on nothing that goes over it is HTTP.
    pub fn becomes_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    /// True after [`Activity::becomes_tunnel`].
    pub fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Relaxed)
    }

    /// Notes whether the client takes what is written.
    pub fn blocked(&self, blocked: bool) {
        if self.is_blocked() != blocked {
            self.unclean[BLOCKED].store(blocked, Ordering::Relaxed);
            self.held.blocks(blocked);
        }
    }

    /// True while the client takes nothing of what is written.
    pub fn is_blocked(&self) -> bool {
        self.unclean[BLOCKED].load(Ordering::Relaxed)
    }

    /// Notes a head that must be refused, before the parser sees the whole of it.
    pub fn is_flawed(&self, flawed: FlawedHead) {
        let _ = self.flawed.set(flawed);
    }

    /// What is wrong with the request begun last, or with one before it.
    pub fn flaw(&self) -> Option<FramingError> {
        let flawed = self.flawed.get()?;
        (self.heads.load(Ordering::Relaxed) >= flawed.head).then_some(flawed.why)
    }

    /// True when the last request had a body; perhaps not all of it is read.
    pub fn had_body(&self) -> bool {
        self.unclean[HAD_BODY].load(Ordering::Relaxed)
    }

    /// A number that changes when anything happens.
    pub fn moved(&self) -> u32 {
        self.moved.load(Ordering::Relaxed)
    }

    /// True when no request is under way.
    pub fn is_idle(&self) -> bool {
        self.exchanges.load(Ordering::Relaxed) == 0
    }

    /// True when requests are under way and all of them wait for the client to take bytes.
    pub fn waits_for_client(&self) -> bool {
        !self.is_idle() && self.owed.load(Ordering::Relaxed) == 0
    }

    /// One round over the streams of an HTTP/2 connection: those whose client has taken nothing, or too little, are ended. Gives their number.
    pub fn end_stuck(&self, stuck: &Stuck) -> Ended {
        if self.is_http2() { self.turns.round(stuck) } else { Ended::default() }
    }

    /// True between two requests over HTTP/1.1, with nothing of either left anywhere: then the connection can be taken
    /// apart. After a request with a body it never can: a rest of that body would be read as the next request.
    pub fn may_rest(&self) -> bool {
        let clean = self.unclean.iter().all(|unclean| !unclean.load(Ordering::Relaxed));
        clean && self.is_idle() && !self.is_http2()
    }

    /// Tells the connection.
    pub fn tell(&self, word: Word) {
        // One that is not heard yet gives way to a graver one only.
        self.word.fetch_max(word as u8 + 1, Ordering::AcqRel);
        self.told.wake();
    }

    /// Waits for the next word. One at a time may wait.
    pub async fn heard(&self) -> Word {
        // Looked at whenever anything happens on the connection: cheaper than a queue of those who wait.
        poll_fn(|cx| {
            self.told.register(cx.waker());
            if self.word.load(Ordering::Acquire) == 0 {
                return Poll::Pending;
            }
            match self.word.swap(0, Ordering::Acquire) {
                0 => Poll::Pending,
                1 => Poll::Ready(Word::Rest),
                2 => Poll::Ready(Word::Finish),
                _ => Poll::Ready(Word::Cut),
            }
        })
        .await
    }

    /// True when nothing would be lost with the connection: no request is under way, and the client has taken all of every answer.
    pub fn is_expendable(&self) -> bool {
        self.is_idle() && !self.is_tunnel() && !self.is_blocked() && self.held.bytes() == 0
    }

    /// Notes that something happens between requests.
    pub fn moves(&self) {
        self.step();
    }

    fn step(&self) {
        self.moved.store(self.moved().wrapping_add(1), Ordering::Relaxed);
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.blocked(false);
    }
}

/// A request under way, until dropped.
#[derive(Debug)]
pub struct Exchange {
    activity: Arc<Activity>,
    owes: bool,
}

impl Exchange {
    /// Begins with the request's head.
    pub fn begin(activity: &Arc<Activity>, has_body: bool) -> Self {
        activity.unclean[HAD_BODY].store(has_body, Ordering::Relaxed);
        change(&activity.heads, 1);
        Self::tunnel(activity)
    }

    /// A WebSocket over HTTP/2, where it is one stream among others: neither side owes the other anything, and the
    /// connection is in use.
    pub fn tunnel(activity: &Arc<Activity>) -> Self {
        activity.step();
        change(&activity.exchanges, 1);
        change(&activity.owed, 1);
        Self { activity: activity.clone(), owes: true }
    }

    /// Lives on in the answer's body.
    pub fn through<B>(mut self, body: B) -> Through<B> {
        self.owes(false);
        Through { body, exchange: self, turn: None }
    }

    fn owes(&mut self, owes: bool) {
        if owes != self.owes {
            self.owes = owes;
            change(&self.activity.owed, if owes { 1 } else { -1 });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.owes(false);
        change(&self.activity.exchanges, -1);
        self.activity.step();
    }
}

fn change(number: &AtomicU32, by: i32) {
    number.store(number.load(Ordering::Relaxed).wrapping_add_signed(by), Ordering::Relaxed);
}

/// An answer's body whose pieces count as movement.
#[derive(Debug)]
pub struct Through<B> {
    body: B,
    exchange: Exchange,
    /// Over HTTP/2, from the first piece that is not the last, or is long.
    turn: Option<Arc<Turn>>,
}

impl<B> Through<B> {
    /// It is the client's turn, and nothing moves until it has taken something.
    #[cold]
    fn waits(&mut self, cx: &Context<'_>) {
        self.exchange.owes(false);
        let activity = &self.exchange.activity;
        if activity.is_http2() {
            self.turn.get_or_insert_with(|| activity.turns.begin(cx.waker())).waits();
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Through<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        if self.exchange.activity.held.admit(cx).is_err() {
            self.waits(cx);
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.exchange.owes(polled.is_pending());
        let activity = &self.exchange.activity;
        activity.step();
        if let Some(turn) = &self.turn {
            turn.asked(polled.is_ready());
        } else if activity.is_http2()
            && let Poll::Ready(Some(Ok(piece))) = &polled
            && (!self.body.is_end_stream() || piece.data_ref().is_some_and(|piece| piece.len() > SMALL))
        {
            self.turn = Some(activity.turns.begin(cx.waker()));
        }
        let this = &*self;
        polled.map_ok(|frame| {
            frame.map_data(|bytes| Piece::new(bytes, &this.exchange.activity, this.turn.as_ref()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a whole answer over whose stay nobody watches: a hundred of them are no matter.
const SMALL: usize = 16 * 1024;
const HAD_BODY: usize = 0;
const BLOCKED: usize = 1;

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn an_exchange_lasts_until_its_answer_is_through() {
        let activity = Arc::<Activity>::default();
        assert!(activity.may_rest());
        let exchange = Exchange::begin(&activity, false);
        assert!(!activity.is_idle() && !activity.waits_for_client(), "the gateway's turn");
        let mut body = exchange.through(Full::new(Bytes::from_static(b"x")));
        assert!(activity.waits_for_client(), "the client's turn");
        let moved = activity.moved();
        body.frame().await.unwrap().unwrap();
        assert_ne!(activity.moved(), moved);
        drop(body);
        assert!(activity.may_rest());
        drop(Exchange::begin(&activity, true));
        assert!(activity.is_idle() && !activity.may_rest(), "some of the body may be left");
        drop(Exchange::begin(&activity, false));
        activity.blocked(true);
        assert!(!activity.may_rest());
    }

    #[tokio::test]
    async fn the_gravest_word_counts() {
        let activity = Activity::default();
        for words in [[Word::Rest, Word::Finish], [Word::Finish, Word::Rest]] {
            for word in words {
                activity.tell(word);
            }
            assert_eq!(activity.heard().await, Word::Finish);
        }
    }
}
