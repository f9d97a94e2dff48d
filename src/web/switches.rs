//! The state of the switches that operators turn. It is not part of the configuration: a reload keeps it, a restart does not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::policy::campaign_tokens::TokenPair;
use crate::policy::switches::{Period, Switch};
use crate::unix_time::UnixTime;

/// Which switches are on, for which Campaign instances.
#[derive(Debug)]
pub struct Switches {
    /// For each switch, whether it may be on at an instance. While it is off everywhere, requests read only this.
    may_be_on: [AtomicBool; Switch::ALL.len()],
    state: Mutex<SwitchStates>,
    changed: Notify,
}

#[derive(Debug)]
struct SwitchStates {
    on: BTreeMap<(Switch, String), SwitchedOn>,
    /// Periods that ended, until [`Switches::take_ended`] takes them.
    ended: Vec<EndedSwitch>,
    /// The latest second in which a ticket of an earlier period, or of an earlier process, may have been issued.
    used_until: UnixTime,
}

/// A running period.
#[derive(Debug)]
struct SwitchedOn {
    period: Period,
    /// Cancelled at its end.
    end_token: Arc<CancellationToken>,
    /// Sessions at Campaign that were opened in it.
    sessions: Vec<TokenPair>,
}

#[derive(Debug)]
pub struct EndedSwitch {
    pub switch: Switch,
    /// The instance for which it was on.
    pub instance: String,
    /// True when its time was over, false when an operator turned it off.
    pub by_time: bool,
    /// Sessions at Campaign that were opened in it.
    pub sessions: Vec<TokenPair>,
}

impl Switches {
    /// All switches are off in a process that begins now.
    pub fn new(now: UnixTime) -> Self {
        let state = SwitchStates { on: BTreeMap::new(), ended: Vec::new(), used_until: now };
        let may_be_on = std::array::from_fn(|_| AtomicBool::new(false));
        Self { may_be_on, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The period for which a switch is on at an instance; `None` while it is off.
    #[inline]
    pub fn period(&self, switch: Switch, instance: &str, now: UnixTime) -> Option<Period> {
        self.read(switch, instance, now, |on| on.period)
    }

    /// The token that is cancelled when the period of a switch ends; `None` while the switch is off.
    pub fn end_token(&self, switch: Switch, instance: &str, now: UnixTime) -> Option<Arc<CancellationToken>> {
        self.read(switch, instance, now, |on| on.end_token.clone())
    }

    #[inline]
    fn read<T>(
        &self,
        switch: Switch,
        instance: &str,
        now: UnixTime,
        read: impl FnOnce(&SwitchedOn) -> T,
    ) -> Option<T> {
        // `Relaxed`: nothing else depends on this flag. A request that arrives together with the command may see either state.
        if !self.may_be_on[switch as usize].load(Ordering::Relaxed) {
            return None;
        }
        let state = self.state();
        state.on.get(&(switch, instance.to_owned())).filter(|on| on.period.is_on(now)).map(read)
    }

    /// Turns a switch on at these instances, or gives it another end. A running period continues.
    pub fn turn_on(&self, switch: Switch, instances: &[String], until: Option<UnixTime>, now: UnixTime) {
        self.collect_ended(now);
        let mut state = self.state();
        let used_until = state.used_until;
        for instance in instances {
            let begin = || SwitchedOn {
                period: Period::after(used_until, now, until),
                end_token: Arc::default(),
                sessions: Vec::new(),
            };
            let on = state.on.entry((switch, instance.clone())).or_insert_with(begin);
            on.period.until = until;
        }
        self.may_be_on[switch as usize].store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Turns a switch off at these instances. Returns those at which it was on.
    pub fn turn_off(&self, switch: Switch, instances: &[String], now: UnixTime) -> Vec<String> {
        self.collect_ended(now);
        let mut state = self.state();
        let mut was_on = Vec::new();
        for instance in instances {
            if let Some(on) = state.on.remove(&(switch, instance.clone())) {
                state.end(switch, instance.clone(), on, false);
                was_on.push(instance.clone());
            }
        }
        state.used_until = state.used_until.max(now);
        self.update_flags(&state);
        self.changed.notify_one();
        was_on
    }

    /// Adds a session at Campaign that must be logged off when the period ends. Without a period, it is logged off at once.
    pub fn add_session(&self, switch: Switch, instance: &str, session: TokenPair) {
        let mut state = self.state();
        let (instance, by_time) = (instance.to_owned(), false);
        match state.on.get_mut(&(switch, instance.clone())) {
            // Further sessions are not logged off at Campaign. The gateway does not accept their tickets after the period either.
            Some(on) if on.sessions.len() < MOST_SESSIONS => on.sessions.push(session),
            Some(_) => {}
            None => state.ended.push(EndedSwitch { switch, instance, by_time, sessions: vec![session] }),
        }
        self.changed.notify_one();
    }

    /// Takes the periods that have ended since the last time.
    pub fn take_ended(&self, now: UnixTime) -> Vec<EndedSwitch> {
        self.collect_ended(now);
        std::mem::take(&mut self.state().ended)
    }

    /// Waits while all switches are off and [`take_ended`](Self::take_ended) has no period to take.
    pub async fn until_used(&self) {
        loop {
            let is_on = self.may_be_on.iter().any(|may_be_on| may_be_on.load(Ordering::Relaxed));
            if is_on || !self.state().ended.is_empty() {
                return;
            }
            self.changed.notified().await;
        }
    }

    /// Ends the periods whose time is over.
    fn collect_ended(&self, now: UnixTime) {
        let mut state = self.state();
        let over: Vec<_> = state.on.extract_if(.., |_, on| !on.period.is_on(now)).collect();
        for ((switch, instance), on) in over {
            state.end(switch, instance, on, true);
        }
        self.update_flags(&state);
    }

    fn update_flags(&self, state: &SwitchStates) {
        for switch in Switch::ALL {
            let is_on = state.on.keys().any(|(known, _)| *known == switch);
            self.may_be_on[switch as usize].store(is_on, Ordering::Relaxed);
        }
    }

    fn state(&self) -> MutexGuard<'_, SwitchStates> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SwitchStates {
    fn end(&mut self, switch: Switch, instance: String, on: SwitchedOn, by_time: bool) {
        on.end_token.cancel();
        // `since` may be later than now.
        self.used_until = self.used_until.max(on.period.since);
        self.ended.push(EndedSwitch { switch, instance, by_time, sessions: on.sessions });
    }
}

/// Sessions of one period that are logged off at Campaign.
const MOST_SESSIONS: usize = 1000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixTime = UnixTime(1000);
    const SWITCH: Switch = Switch::Emergency;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn later(seconds: u64) -> UnixTime {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn tokens() -> TokenPair {
        TokenPair { session: String::new().into(), security: String::new().into() }
    }

    #[test]
    fn a_switch_is_on_where_it_was_turned_on_until_its_end() {
        let switches = Switches::new(UnixTime(0));
        assert_eq!(switches.period(SWITCH, "one", NOW), None);
        switches.turn_on(SWITCH, &names(&["one"]), Some(later(60)), NOW);
        let period = Period { since: NOW, until: Some(later(60)) };
        assert_eq!(switches.period(SWITCH, "one", NOW), Some(period));
        assert_eq!(switches.period(SWITCH, "two", NOW), None);
        assert_eq!(switches.period(Switch::Maintenance, "one", NOW), None);
        let end_token = switches.end_token(SWITCH, "one", NOW).unwrap();
        assert!(switches.take_ended(later(59)).is_empty() && !end_token.is_cancelled());
        assert_eq!(switches.period(SWITCH, "one", later(60)), None, "requests do not wait for the task");
        let ended = switches.take_ended(later(60));
        assert_eq!((ended.len(), ended[0].by_time, &*ended[0].instance), (1, true, "one"));
        assert!(end_token.is_cancelled() && switches.take_ended(later(60)).is_empty());
        assert!(!switches.may_be_on[SWITCH as usize].load(Ordering::Relaxed));
    }

    #[test]
    fn another_end_continues_the_period_and_off_is_said_once() {
        let switches = Switches::new(UnixTime(0));
        switches.turn_on(SWITCH, &names(&["one", "two"]), None, NOW);
        switches.turn_on(SWITCH, &names(&["one"]), Some(later(60)), later(9));
        let period = Period { since: NOW, until: Some(later(60)) };
        assert_eq!(switches.period(SWITCH, "one", later(9)), Some(period), "it goes on");
        assert_eq!(
            switches.turn_off(SWITCH, &names(&["one", "three"]), later(60)),
            names(&[]),
            "it was over"
        );
        assert_eq!(switches.turn_off(SWITCH, &names(&["two"]), later(60)), names(&["two"]));
        assert_eq!(switches.turn_off(SWITCH, &names(&["two"]), later(60)), names(&[]));
        assert_eq!(switches.period(SWITCH, "two", later(60)), None);
        assert_eq!(switches.take_ended(later(60)).len(), 2);
    }

    #[test]
    fn a_period_begins_after_everything_that_came_before() {
        let switches = Switches::new(NOW);
        switches.turn_on(SWITCH, &names(&["one"]), None, NOW);
        let first = switches.period(SWITCH, "one", NOW).unwrap();
        assert!(first.since > NOW, "tickets of the process before are from an earlier second");
        switches.turn_off(SWITCH, &names(&["one"]), later(5));
        switches.turn_on(SWITCH, &names(&["one"]), None, later(5));
        let second = switches.period(SWITCH, "one", later(5)).unwrap();
        assert!(second.since > later(5));
        switches.turn_off(SWITCH, &names(&["one"]), later(5));
        switches.turn_on(SWITCH, &names(&["one"]), None, later(5));
        assert!(switches.period(SWITCH, "one", later(5)).unwrap().since > second.since, "also in one second");
    }

    #[test]
    fn a_period_that_is_over_is_not_continued() {
        let switches = Switches::new(UnixTime(0));
        switches.turn_on(SWITCH, &names(&["one"]), Some(later(60)), NOW);
        // Before anybody has looked for periods that are over.
        switches.turn_on(SWITCH, &names(&["one"]), Some(later(120)), later(60));
        assert!(switches.period(SWITCH, "one", later(60)).unwrap().since >= later(60));
        assert_eq!(switches.take_ended(later(60)).len(), 1);
    }

    #[test]
    fn sessions_end_with_their_period_or_at_once() {
        let switches = Switches::new(UnixTime(0));
        switches.turn_on(SWITCH, &names(&["one"]), None, NOW);
        switches.add_session(SWITCH, "one", tokens());
        assert!(switches.take_ended(NOW).is_empty());
        switches.turn_off(SWITCH, &names(&["one"]), NOW);
        switches.add_session(SWITCH, "one", tokens());
        let ended: Vec<usize> = switches.take_ended(NOW).iter().map(|ended| ended.sessions.len()).collect();
        assert_eq!(ended, [1, 1]);
    }
}
