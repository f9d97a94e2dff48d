//! The state of the operators' switches, beside the configurations: a reload keeps it, and a restart does not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::policy::switches::{Period, Switch};
use crate::unix_time::UnixTime;

/// Which switches are on, for which Campaign instances.
#[derive(Debug, Default)]
pub struct Switches {
    /// For each switch, whether it may be on anywhere. Requests read this alone while it is off.
    may_be_on: [AtomicBool; Switch::ALL.len()],
    on: Mutex<BTreeMap<(Switch, String), Period>>,
    turned_on: Notify,
}

/// A switch whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSwitch {
    /// The switch.
    pub switch: Switch,
    /// The instance for which it was on.
    pub instance: String,
}

impl Switches {
    /// The period for which a switch is on at an instance; `None` while it is off.
    #[inline]
    pub fn period(&self, switch: Switch, instance: &str, now: UnixTime) -> Option<Period> {
        // Nothing else depends on this flag, and a request that comes together with the command may see either.
        if !self.may_be_on[switch as usize].load(Ordering::Relaxed) {
            return None;
        }
        self.on().get(&(switch, instance.to_owned())).copied().filter(|period| period.is_on(now))
    }

    /// Turns a switch on at these instances, or gives it another end. A period that runs goes on.
    pub fn turn_on(&self, switch: Switch, instances: &[String], until: Option<UnixTime>, now: UnixTime) {
        let mut on = self.on();
        for instance in instances {
            let running = on.get(&(switch, instance.clone())).filter(|period| period.is_on(now));
            let since = running.map_or(now, |period| period.since);
            on.insert((switch, instance.clone()), Period { since, until });
        }
        self.may_be_on[switch as usize].store(true, Ordering::Relaxed);
        self.turned_on.notify_one();
    }

    /// Turns a switch off at these instances. Returns those at which it was on.
    pub fn turn_off(&self, switch: Switch, instances: &[String], now: UnixTime) -> Vec<String> {
        let mut on = self.on();
        let mut was_on = Vec::new();
        for instance in instances {
            if on.remove(&(switch, instance.clone())).is_some_and(|period| period.is_on(now)) {
                was_on.push(instance.clone());
            }
        }
        self.settle(&on);
        was_on
    }

    /// Removes the switches whose time is over, and returns them.
    pub fn take_ended(&self, now: UnixTime) -> Vec<EndedSwitch> {
        let mut on = self.on();
        let ended = on.extract_if(.., |_, period| !period.is_on(now));
        let ended = ended.map(|((switch, instance), _)| EndedSwitch { switch, instance }).collect();
        self.settle(&on);
        ended
    }

    /// Waits until a switch is on.
    pub async fn until_on(&self) {
        loop {
            if self.may_be_on.iter().any(|may_be_on| may_be_on.load(Ordering::Relaxed)) {
                return;
            }
            self.turned_on.notified().await;
        }
    }

    fn settle(&self, on: &BTreeMap<(Switch, String), Period>) {
        for switch in Switch::ALL {
            let is_anywhere = on.keys().any(|(known, _)| *known == switch);
            self.may_be_on[switch as usize].store(is_anywhere, Ordering::Relaxed);
        }
    }

    fn on(&self) -> MutexGuard<'_, BTreeMap<(Switch, String), Period>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixTime = UnixTime(1000);
    const SWITCH: Switch = Switch::Maintenance;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_switch_is_on_where_it_was_turned_on_until_its_end() {
        let switches = Switches::default();
        assert_eq!(switches.period(SWITCH, "one", NOW), None);
        let end = NOW.plus(Duration::from_mins(1));
        switches.turn_on(SWITCH, &names(&["one"]), Some(end), NOW);
        assert_eq!(switches.period(SWITCH, "one", NOW), Some(Period { since: NOW, until: Some(end) }));
        assert_eq!(switches.period(SWITCH, "two", NOW), None);
        assert_eq!(switches.take_ended(end.minus(Duration::from_secs(1))), []);
        assert_eq!(switches.period(SWITCH, "one", end), None, "requests do not wait for the task");
        let ended = EndedSwitch { switch: SWITCH, instance: "one".to_owned() };
        assert_eq!(switches.take_ended(end), [ended]);
        assert_eq!(switches.take_ended(end), []);
        assert!(!switches.may_be_on[SWITCH as usize].load(Ordering::Relaxed));
    }

    #[test]
    fn another_end_continues_the_period_and_off_is_said_once() {
        let switches = Switches::default();
        let later = NOW.plus(Duration::from_mins(1));
        switches.turn_on(SWITCH, &names(&["one", "two"]), None, NOW);
        switches.turn_on(SWITCH, &names(&["one"]), Some(later), NOW.plus(Duration::from_secs(9)));
        assert_eq!(
            switches.period(SWITCH, "one", NOW),
            Some(Period { since: NOW, until: Some(later) }),
            "it goes on"
        );
        assert_eq!(switches.turn_off(SWITCH, &names(&["one", "three"]), later), names(&[]), "it was over");
        assert_eq!(switches.turn_off(SWITCH, &names(&["two"]), later), names(&["two"]));
        assert_eq!(switches.turn_off(SWITCH, &names(&["two"]), later), names(&[]));
        assert_eq!(switches.period(SWITCH, "two", NOW), None);
    }
}
