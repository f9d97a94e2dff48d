//! What one connection is doing: its requests count here, and the [watch](super::watch) reads the counts.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use futures_util::task::AtomicWaker;

use super::http2_streams::{EndedStreams, StallLimits, WatchedStreams};
use super::unread_bytes::{UnreadBytes, WorkerBuffers};
use crate::wire::framing::FramingError;
use crate::wire::strict_head::FlawedHead;

/// What one connection is doing. Only its worker's thread writes, so plain loads and stores are enough.
#[derive(Debug, Default)]
pub struct Activity {
    /// Requests whose response has not ended.
    exchanges: AtomicU32,
    /// Those that wait for the gateway or Campaign, not for the client.
    unanswered: AtomicU32,
    /// Changes with every event on the connection.
    progress: AtomicU32,
    http2: AtomicBool,
    tunnel: AtomicBool,
    /// The last request had a body. Only hyper knows whether all of it was read.
    had_body: AtomicBool,
    /// The client does not read what is written.
    blocked: AtomicBool,
    /// Requests so far.
    requests: AtomicU32,
    flawed_head: OnceLock<FlawedHead>,
    command: AtomicU8,
    command_waker: AtomicWaker,
    /// HTTP/2 responses of several pieces, or with a long piece.
    pub streams: WatchedStreams,
    /// Response bytes that the client has not read.
    pub unread: UnreadBytes,
}

/// A command to a connection. A later variant overrides an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionCommand {
    /// Release buffers until the client sends again.
    ReleaseBuffers,
    /// Finish the requests in progress, then close.
    Finish,
    /// Close now.
    Close,
}

impl Activity {
    /// Activity of this client. Its unread bytes count for this worker.
    pub fn counted(worker: Arc<WorkerBuffers>, peer: IpAddr) -> Self {
        let mut activity = Self::default();
        activity.unread = UnreadBytes::new(worker, peer);
        activity
    }

    /// Records that the connection uses HTTP/2.
    pub fn set_http2(&self) {
        self.http2.store(true, Ordering::Relaxed);
    }

    /// True for HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// Records that the connection switched protocols: from now on its bytes are not HTTP.
    pub fn set_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    /// True after [`Activity::set_tunnel`].
    pub fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Relaxed)
    }

    /// Records whether the client reads what is written.
    pub fn set_blocked(&self, blocked: bool) {
        if self.is_blocked() != blocked {
            self.blocked.store(blocked, Ordering::Relaxed);
            self.unread.set_blocked(blocked);
        }
    }

    /// True while the client does not read what is written.
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Records a head that must be refused, before the parser has all of it. Only the first one counts.
    pub fn set_flawed_head(&self, flawed: FlawedHead) {
        let _ = self.flawed_head.set(flawed);
    }

    /// The flaw of the current request, or of an earlier one.
    pub fn flaw(&self) -> Option<FramingError> {
        let flawed = self.flawed_head.get()?;
        (self.requests.load(Ordering::Relaxed) >= flawed.head).then_some(flawed.why)
    }

    /// True when the last request had a body. Perhaps not all of it was read.
    pub fn had_body(&self) -> bool {
        self.had_body.load(Ordering::Relaxed)
    }

    /// A number that changes with every event on the connection.
    pub fn progress(&self) -> u32 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Records an event.
    pub fn progressed(&self) {
        self.progress.store(self.progress().wrapping_add(1), Ordering::Relaxed);
    }

    /// True when no request is in progress.
    pub fn is_idle(&self) -> bool {
        self.exchanges.load(Ordering::Relaxed) == 0
    }

    /// True when requests are in progress and all of them wait until the client reads.
    pub fn waits_for_client(&self) -> bool {
        !self.is_idle() && self.unanswered.load(Ordering::Relaxed) == 0
    }

    /// Records the head of a request.
    pub fn request_begins(&self, has_body: bool) {
        self.had_body.store(has_body, Ordering::Relaxed);
        change(&self.requests, 1);
    }

    /// Records an exchange in which the client waits for the gateway.
    pub fn exchange_begins(&self) {
        self.progressed();
        change(&self.exchanges, 1);
        change(&self.unanswered, 1);
    }

    /// Records that one exchange more waits for the gateway or Campaign, or one less.
    pub fn change_unanswered(&self, more: bool) {
        change(&self.unanswered, if more { 1 } else { -1 });
    }

    /// Records the end of an exchange.
    pub fn exchange_ends(&self) {
        change(&self.exchanges, -1);
        self.progressed();
    }

    /// One round over the streams of an HTTP/2 connection: ends those whose client reads nothing or too slowly.
    pub fn end_stalled_streams(&self, limits: &StallLimits) -> EndedStreams {
        if self.is_http2() { self.streams.check(limits) } else { EndedStreams::default() }
    }

    /// True between two HTTP/1.1 requests when no byte of either is buffered: then hyper's state can be dropped and created again. After
    /// a request with a body this is never safe, because unread bytes of the body would be read as the next request.
    pub fn may_release_buffers(&self) -> bool {
        !self.had_body() && !self.is_blocked() && self.is_idle() && !self.is_http2()
    }

    /// True when closing the connection loses nothing: no request is in progress, and the client has read every response.
    pub fn is_expendable(&self) -> bool {
        self.is_idle() && !self.is_tunnel() && !self.is_blocked() && self.unread.bytes() == 0
    }

    /// Sends a command. It replaces one that was not received yet, unless that one is stronger.
    pub fn send(&self, command: ConnectionCommand) {
        self.command.fetch_max(command as u8 + 1, Ordering::AcqRel);
        self.command_waker.wake();
    }

    /// Waits for the next command. Only one task may wait.
    pub async fn next_command(&self) -> ConnectionCommand {
        // Polled with every event on the connection: this is cheaper than a queue of waiters.
        poll_fn(|cx| {
            self.command_waker.register(cx.waker());
            if self.command.load(Ordering::Acquire) == 0 {
                return Poll::Pending;
            }
            match self.command.swap(0, Ordering::Acquire) {
                0 => Poll::Pending,
                1 => Poll::Ready(ConnectionCommand::ReleaseBuffers),
                2 => Poll::Ready(ConnectionCommand::Finish),
                _ => Poll::Ready(ConnectionCommand::Close),
            }
        })
        .await
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.set_blocked(false);
    }
}

fn change(number: &AtomicU32, by: i32) {
    number.store(number.load(Ordering::Relaxed).wrapping_add_signed(by), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_strongest_command_is_received() {
        let activity = Activity::default();
        for commands in [
            [ConnectionCommand::ReleaseBuffers, ConnectionCommand::Finish],
            [ConnectionCommand::Finish, ConnectionCommand::ReleaseBuffers],
        ] {
            for command in commands {
                activity.send(command);
            }
            assert_eq!(activity.next_command().await, ConnectionCommand::Finish);
        }
    }
}
