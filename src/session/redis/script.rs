//! Scripts that read and write in one atomic step.
//!
//! If the connection is lost before the answer, a command is sent twice: each script gives the same answer the second time.

use redis::{Cmd, cmd};

use crate::session::lease::SessionLease;

/// Replaces `old` by `new`; the later time of expiry stays. Answers 0 when the key has another value.
pub(super) fn replace(name: &str, old: &[u8], new: &[u8], milliseconds: u64) -> Cmd {
    let mut eval = eval(REPLACE, name);
    eval.arg(old).arg(new).arg(milliseconds);
    eval
}

/// Takes a lease or extends it. Answers 0 while it has another owner.
pub(super) fn lease(name: &str, lease: &SessionLease) -> Cmd {
    let mut eval = eval(LEASE, name);
    eval.arg(lease.owner()).arg(SessionLease::TIME.as_millis().to_string());
    eval
}

/// Releases a lease, unless it has another owner by now.
pub(super) fn release(name: &str, lease: &SessionLease) -> Cmd {
    let mut eval = eval(RELEASE, name);
    eval.arg(lease.owner());
    eval
}

fn eval(script: &str, key: &str) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(script).arg(1).arg(key);
    eval
}

const REPLACE: &str = "\
local held = redis.call('GET', KEYS[1])
if held == ARGV[2] then return 1 end
if held ~= ARGV[1] then return 0 end
local left = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[3]))
redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', left))
return 1";

const LEASE: &str = "\
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";
