//! Operators with a password of Campaign's own, and their lock after wrong passwords.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::Clock;
use crate::demo::random::lock;
use crate::unix_time::UnixTime;

/// Checks passwords. Three wrong ones within ten minutes lock an operator for five minutes, as builds from 9080 do.
pub(super) struct Operators {
    clock: Clock,
    admin_password: SecretString,
    wrong: Mutex<HashMap<String, Vec<UnixTime>>>,
    locked: Mutex<HashMap<String, UnixTime>>,
}

impl Operators {
    pub(super) fn new(clock: Clock, admin_password: SecretString) -> Self {
        Self { clock, admin_password, wrong: Mutex::default(), locked: Mutex::default() }
    }

    /// True for the right password of an operator who is not locked.
    pub(super) fn check(&self, login: &str, password: &str) -> bool {
        let now = self.clock.now();
        if lock(&self.locked).get(login).is_some_and(|until| now < *until) {
            return false;
        }
        if login == "admin" && password == self.admin_password.expose_secret() {
            lock(&self.wrong).remove(login);
            return true;
        }
        let mut wrong = lock(&self.wrong);
        let times = wrong.entry(login.to_owned()).or_default();
        times.retain(|time| now.since(*time) < WITHIN);
        times.push(now);
        if times.len() >= MOST_WRONG {
            lock(&self.locked).insert(login.to_owned(), now.plus(LOCKED_FOR));
        }
        false
    }

    /// The operators who are locked.
    pub(super) fn locked(&self) -> Vec<String> {
        let now = self.clock.now();
        lock(&self.locked).iter().filter(|(_, until)| now < **until).map(|(login, _)| login.clone()).collect()
    }

    /// The logins with a wrong password.
    pub(super) fn with_wrong_passwords(&self) -> Vec<String> {
        lock(&self.wrong).keys().cloned().collect()
    }
}

const MOST_WRONG: usize = 3;
const WITHIN: Duration = Duration::from_mins(10);
const LOCKED_FOR: Duration = Duration::from_mins(5);
