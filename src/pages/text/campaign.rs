//! Texts about Campaign's own sessions.

use super::words::{WAIT, Words, words};

pub(super) const REFUSED: Words = words(
    "Campaign did not open a session for you",
    &["You are signed in at Adobe, and your groups give access, but Campaign itself refused. Ask your \
                   Campaign administrator to look for the request below in the gateway's log."],
    "",
);

pub(super) const OPERATOR: Words = words(
    "Campaign does not know you",
    &["You are signed in at Adobe, and your groups give access, but Campaign has no active operator for \
                   you. Ask your Campaign administrator to look for the request below in the gateway's log."],
    "",
);

pub(super) const ZONE: Words = words(
    "Campaign does not allow this sign-in",
    &["You are signed in at Adobe, but the security zone of your network in Campaign refuses the sign-in. \
                   Ask your Campaign administrator to look for the request below in the gateway's log."],
    "",
);

pub(super) const ADDRESS: Words = words(
    "Campaign does not accept your network",
    &[
        "You are signed in at Adobe, but Campaign does not accept the network address that you come from, or \
                   does not trust this gateway to name it.",
        "Ask your Campaign administrator to look for the request below in the gateway's log.",
    ],
    "",
);

pub(super) const RESTARTING: Words = words(
    "Campaign is being restarted",
    &[
        "You are signed in, but Campaign cannot open a session yet. This takes a few minutes, usually once a day.",
        WAIT,
    ],
    "Try again",
);

pub(super) const NO_SESSION: Words = words(
    "Campaign does not accept your session",
    &[
        "You are signed in here, but Campaign opened no session for you, or ended it again at once. It may be \
                   restarting.",
        "Wait a minute, then load this page again. If it stays like this, tell your Campaign administrator.",
    ],
    "",
);

pub(super) const NOT_PROCESSED: Words = words(
    "Campaign had ended your session",
    &[
        "A new session is open now, but what you sent was not processed.",
        "Your browser may still have what you typed: go back one page and send it again.",
    ],
    "",
);

pub(super) const STALE_PAGE: Words = words(
    "This page is too old",
    &[
        "What you sent belongs to an earlier session, so Campaign did not accept it. Nothing was changed.",
        "Open the page again, and then send what you entered.",
    ],
    "",
);
