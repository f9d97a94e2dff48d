//! What moves the bytes of one connection to Campaign.
//!
//! hyper leaves that to a future of its own. In a task of its own, every answer would wake two tasks, one to read and one to
//! pass on; so whoever waits for an exchange moves its connection too. Only what must go on while nobody waits gets a
//! task: the rest of an upload that was answered early, and a change of protocol.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::{fmt, mem};

use hyper::client::conn::http1::Connection;
use hyper_util::rt::TokioIo;
use tokio_util::task::AbortOnDropHandle;

use super::upload::Upload;
use crate::http_client::Wire;

/// Moves one connection. Dropping it closes the connection at once, whatever is under way.
pub(super) enum Driver {
    /// By whoever waits. hyper's type has no name.
    Here(Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>),
    /// In a task.
    Away(#[expect(dead_code, reason = "held for its end")] AbortOnDropHandle<()>),
    /// No more: closed, or handed over to another protocol.
    Over,
}

impl Driver {
    /// Moved by [`Driver::drive`].
    pub fn new(connection: Connection<TokioIo<Wire>, Upload>) -> Self {
        Self::Here(Box::pin(connection.with_upgrades()))
    }

    /// Moves what can be moved, then looks at what came of it. The look is woken through the connection, not by itself.
    pub fn drive<T>(&mut self, cx: &mut Context<'_>, look: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let Self::Here(connection) = self else { return look(cx) };
        if connection.as_mut().poll(cx).is_ready() {
            *self = Self::Over;
        }
        look(&mut Context::from_waker(Waker::noop()))
    }

    /// Notes whether the other side has closed a connection that nobody waits for.
    pub fn check(&mut self) {
        self.drive(&mut Context::from_waker(Waker::noop()), |_| ());
    }

    /// Goes on by itself from now on.
    pub fn leave(&mut self) {
        match mem::replace(self, Self::Over) {
            Self::Here(connection) => {
                // Its end is seen by whoever holds the sender.
                let task = tokio::spawn(async move { drop(connection.await) });
                *self = Self::Away(AbortOnDropHandle::new(task));
            }
            other => *self = other,
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::Away(_) => "Away",
            Self::Over => "Over",
        })
    }
}
