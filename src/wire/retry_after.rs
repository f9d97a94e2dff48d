//! The `Retry-After` field of a response (RFC 9110 §10.2.3): seconds, or an HTTP date.

use std::time::{Duration, UNIX_EPOCH};

use crate::unix_time::UnixTime;

/// How long to wait from `now` on: at least [`SHORTEST`], at most [`LONGEST`]. `None` when the field has neither form.
pub fn parse(field: &str, now: UnixTime) -> Option<Duration> {
    let field = field.trim();
    let wait = if !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()) {
        // A number that does not fit is longer than the longest wait.
        Duration::from_secs(field.parse().unwrap_or(u64::MAX))
    } else {
        let at = httpdate::parse_http_date(field).ok()?.duration_since(UNIX_EPOCH).ok()?;
        UnixTime(0).plus(at).since(now)
    };
    Some(wait.clamp(SHORTEST, LONGEST))
}

/// The shortest pause.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// The longest pause: a wrong field must not stop sign-ins for hours.
pub const LONGEST: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: UnixTime = UnixTime(784_111_777);

    #[test]
    fn seconds_and_dates_are_read_and_limited() {
        for (field, seconds) in [
            ("77", Some(77)),
            (" 77 ", Some(77)),
            ("0", Some(1)),
            ("86400", Some(300)),
            ("99999999999999999999999", Some(300)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(1)),
            ("Tue, 06 Nov 2040 08:00:00 GMT", Some(300)),
            ("", None),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("soon", None),
            ("5 s", None),
        ] {
            assert_eq!(parse(field, NOW).map(|wait| wait.as_secs()), seconds, "{field}");
        }
    }

    proptest! {
        #[test]
        fn every_wait_is_within_the_limits(field in ".{0,40}", now in any::<i64>()) {
            if let Some(wait) = parse(&field, UnixTime(now)) {
                prop_assert!((SHORTEST..=LONGEST).contains(&wait));
            }
        }
    }
}
