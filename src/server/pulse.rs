//! Whether the workers respond: the control runtime asks each of them, and its runtime must answer.
//!
//! A worker does not answer when its thread hangs or has ended with a panic. Without questions, this costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Asks all workers.
#[derive(Debug)]
pub struct Pulse {
    question: watch::Sender<u64>,
    answers: Vec<Arc<AtomicU64>>,
}

/// Answers for one worker.
#[derive(Debug)]
pub(super) struct Responder {
    question: watch::Receiver<u64>,
    answer: Arc<AtomicU64>,
}

impl Pulse {
    /// Asks nobody yet.
    pub(super) fn new() -> Self {
        Self { question: watch::Sender::new(0), answers: Vec::new() }
    }

    /// The responder of one more worker.
    pub(super) fn responder(&mut self) -> Responder {
        let answer = Arc::new(AtomicU64::new(0));
        self.answers.push(answer.clone());
        Responder { question: self.question.subscribe(), answer }
    }

    /// Asks all workers.
    pub fn ask(&self) {
        self.question.send_modify(|number| *number += 1);
    }

    /// The workers, by number, that have not answered the latest question.
    pub fn silent(&self) -> Vec<usize> {
        let latest = *self.question.borrow();
        let answers = self.answers.iter().map(|answer| answer.load(Ordering::Relaxed));
        answers.enumerate().filter(|(_, answer)| *answer < latest).map(|(worker, _)| worker).collect()
    }
}

impl Responder {
    /// Answers every question. Runs on the runtime of the worker.
    pub async fn answer(&mut self) {
        loop {
            let number = *self.question.borrow_and_update();
            self.answer.store(number, Ordering::Relaxed);
            if self.question.changed().await.is_err() {
                // Nobody is left to ask.
                return;
            }
        }
    }

    /// Counts the worker as alive from now on: it has ended normally.
    pub fn retire(self) {
        self.answer.store(u64::MAX, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_hangs_or_panics_is_silent_and_one_that_has_ended_is_not() {
        let mut pulse = Pulse::new();
        let (mut alive, ended) = (pulse.responder(), pulse.responder());
        let (hangs, mut panics) = (pulse.responder(), pulse.responder());
        ended.retire();
        assert!(pulse.silent().is_empty(), "nobody was asked");
        tokio::spawn(async move { alive.answer().await });
        let panicked = tokio::spawn(async move {
            panics.question.changed().await.unwrap();
            panic!("of the test");
        });
        pulse.ask();
        assert!(panicked.await.is_err());
        while pulse.silent().contains(&0) {
            tokio::task::yield_now().await;
        }
        assert_eq!(pulse.silent(), [2, 3]);
        drop(hangs);
        assert_eq!(pulse.silent(), [2, 3], "a worker does not end without saying so");
    }
}
