//! Skips tests that need another program where it is not installed, except with `CI=true`.

use std::ffi::OsStr;
use std::io::Write as _;

/// Reports that a test is skipped because this program is missing. With `CI=true`, as in `.ci/run`, the test fails instead.
pub fn missing(what: &str) {
    let ci = std::env::var_os("CI");
    assert!(may_be_missing(ci.as_deref()), "{what} is not installed, and CI=true leaves no test out");
    // Written past the test harness, which shows output only of failed tests.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what} is not installed");
}

fn may_be_missing(ci: Option<&OsStr>) -> bool {
    ci.is_none_or(|ci| ci != "true")
}

#[test]
fn a_missing_program_fails_the_continuous_check_and_nobody_else() {
    for (ci, may) in [(None, true), (Some(""), true), (Some("false"), true), (Some("true"), false)] {
        assert_eq!(may_be_missing(ci.map(OsStr::new)), may, "{ci:?}");
    }
}
