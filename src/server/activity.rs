//! One connection's activity: counted by its requests, read by the [watch](super::watch).

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use futures_util::task::AtomicWaker;

use super::buffers::{Buffers, Held};
use super::streams::{Ended, Stuck, Turns};
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
    /// Of HTTP/2 responses that come in several pieces, or in a long one.
    pub turns: Turns,
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

    /// Notes progress.
    pub fn moves(&self) {
        self.moved.store(self.moved().wrapping_add(1), Ordering::Relaxed);
    }

    /// Notes the head of a request.
    pub fn request_begins(&self, has_body: bool) {
        self.unclean[HAD_BODY].store(has_body, Ordering::Relaxed);
        change(&self.heads, 1);
    }

    /// Notes an exchange in which the client waits for the gateway.
    pub fn exchange_begins(&self) {
        self.moves();
        change(&self.exchanges, 1);
        change(&self.owed, 1);
    }

    /// Notes that one more exchange waits for the gateway or Campaign, or one less.
    pub fn owes(&self, owes: bool) {
        change(&self.owed, if owes { 1 } else { -1 });
    }

    /// Notes the end of an exchange.
    pub fn exchange_ends(&self) {
        change(&self.exchanges, -1);
        self.moves();
    }
}

fn change(number: &AtomicU32, by: i32) {
    number.store(number.load(Ordering::Relaxed).wrapping_add_signed(by), Ordering::Relaxed);
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.blocked(false);
    }
}

const HAD_BODY: usize = 0;
const BLOCKED: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

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
