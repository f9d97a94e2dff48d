//! `[session]`: how long sessions live and where.

use super::{Check, Wrong};
use crate::config::checked::{Session, Store};
use crate::config::raw::{RawSession, RawStore};

pub(super) fn session(check: &mut Check<'_>, raw: &RawSession) -> Option<Session> {
    let store = store(check, raw);
    for later in LATER {
        if check.is_set(later) {
            check.warn(later, "has no effect yet in this version", "remove it, or leave it for later");
        }
    }
    if check.is_set("session.redis_url") && check.is_set("session.redis_url_file") {
        check.error(
            "session.redis_url_file",
            Wrong::new("`session.redis_url` and `session.redis_url_file` are both set", "keep one"),
        );
    }
    let idle_timeout = check.timeout("session.idle_timeout", &raw.idle_timeout);
    let absolute_timeout = check.timeout("session.absolute_timeout", &raw.absolute_timeout);
    if let (Some(idle), Some(absolute)) = (idle_timeout, absolute_timeout)
        && idle > absolute
    {
        check.error(
            "session.idle_timeout",
            Wrong::new(
                format!("is longer than session.absolute_timeout ({})", raw.absolute_timeout),
                "shorten it, or lengthen session.absolute_timeout",
            ),
        );
    }
    let login_timeout = check.timeout("session.login_timeout", &raw.login_timeout);
    Some(Session {
        store: store?,
        idle_timeout: idle_timeout?,
        absolute_timeout: absolute_timeout?,
        login_timeout: login_timeout?,
    })
}

fn store(check: &mut Check<'_>, raw: &RawSession) -> Option<Store> {
    let name = match raw.store {
        RawStore::Memory => return Some(Store::Memory { max_sessions: raw.max_sessions }),
        RawStore::Embedded => "embedded",
        RawStore::Redis => "redis",
    };
    check.error(
        "session.store",
        Wrong::new(
            format!("the {name} store is not in this version"),
            "write store = \"memory\" or remove the line; sessions then end when the gateway stops",
        ),
    );
    None
}

/// Keys for stores and rechecks that are yet to come: harmless in a file that is prepared for them.
const LATER: [&str; 5] = [
    "session.path",
    "session.redis_url",
    "session.redis_url_file",
    "session.key_file",
    "session.recheck_groups",
];
