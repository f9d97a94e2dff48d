//! `[session]`: how long sessions live and where.

use secrecy::ExposeSecret as _;

use super::{Check, Wrong};
use crate::config::checked::{Session, Store};
use crate::config::raw::{RawSession, RawStore};
use crate::config::redis::RedisAddress;
use crate::policy::cookies::CookieSuffix;

pub(super) fn session(check: &mut Check<'_>, raw: RawSession) -> Option<Session> {
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
    let recheck_groups = check.timeout("session.recheck_groups", &raw.recheck_groups);
    let max_per_user = usize::try_from(raw.max_per_user).ok().filter(|most| *most > 0);
    let cookie_suffix = raw.cookie_suffix.as_deref().filter(|text| !text.is_empty()).and_then(|text| {
        check.value("session.cookie_suffix", text, |text| {
            CookieSuffix::parse(text).ok_or_else(|| {
                Wrong::new(
                    "must be 1 to 32 letters and digits, and not login, fresh, was or kept",
                    "write a short name of this gateway, for instance \"stage\"",
                )
            })
        })
    });
    let store = store(check, raw);
    Some(Session {
        cookie_suffix,
        store: store?,
        idle_timeout: idle_timeout?,
        absolute_timeout: absolute_timeout?,
        login_timeout: login_timeout?,
        recheck_groups: recheck_groups?,
        max_per_user,
    })
}

fn store(check: &mut Check<'_>, raw: RawSession) -> Option<Store> {
    // A wrong value is wrong even where it has no effect.
    let address = redis_address(check, &raw);
    let ca_file = check.path("session.redis_ca_file", raw.redis_ca_file);
    let key_file = check.private_path("session.key_file", raw.key_file);
    let path = check.path("session.path", Some(raw.path));
    let idle: &[&str] = match raw.store {
        RawStore::Memory => {
            &["session.key_file", "session.redis_url", "session.redis_url_file", "session.redis_ca_file"]
        }
        RawStore::Embedded => &["session.redis_url", "session.redis_url_file", "session.redis_ca_file"],
        RawStore::Redis => &[],
    };
    for key in idle {
        if check.is_set(key) {
            check.warn(key, "has no effect with this session.store", "remove it, or write store = \"redis\"");
        }
    }
    match raw.store {
        RawStore::Memory => Some(Store::Memory { max_sessions: raw.max_sessions }),
        RawStore::Embedded => {
            let path = path?;
            Some(Store::Embedded { key_file: key_file.unwrap_or_else(|| path.with_extension("key")), path })
        }
        RawStore::Redis => {
            let example = "\"/etc/imsgate/session.key\", the same file at every instance";
            let key_file = check.required("session.key_file", key_file, example);
            let missing = address.is_none()
                && !check.is_set("session.redis_url")
                && !check.is_set("session.redis_url_file");
            if missing {
                let address: Option<()> = None;
                check.required("session.redis_url", address, "\"rediss://user:password@redis.example.com\"");
            }
            Some(Store::Redis { address: Box::new(address?), ca_file, key_file: key_file? })
        }
    }
}

fn redis_address(check: &mut Check<'_>, raw: &RawSession) -> Option<RedisAddress> {
    let text = check.secret("session.redis_url", raw.redis_url.clone(), raw.redis_url_file.clone())?;
    let key = if raw.redis_url.is_some() { "session.redis_url" } else { "session.redis_url_file" };
    let address = check.value(key, text.expose_secret(), RedisAddress::parse)?;
    if !address.tls && !address.is_loopback() {
        check.warn(
            key,
            "is without TLS: sessions cross the network sealed, but the password of Redis does not",
            "write rediss://…, unless the network is the gateway's alone",
        );
    }
    Some(address)
}
