//! Times on pages: relative to now, with the exact time in UTC. Without scripts, the gateway does not know the person's time zone.

use time::OffsetDateTime;

use super::language::Language;
use super::markup::Markup;
use super::messages::{Arg, say};
use crate::unix_time::UnixTime;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const TWO_HOURS: u64 = 2 * HOUR;
const DAY: u64 = 24 * HOUR;
const TWO_DAYS: u64 = 2 * DAY;

/// "in 11 hours" or "2 minutes ago".
pub fn relative(language: Language, now: UnixTime, at: UnixTime) -> Markup {
    let ahead = at.since(now).as_secs();
    let (past, seconds) = if ahead > 0 { (false, ahead) } else { (true, now.since(at).as_secs()) };
    // Whole units, and never a single hour or day: rounded down, it would hide up to half of the time.
    let (message, count) = match seconds {
        0..MINUTE => (if past { "just-now" } else { "soon" }, 0),
        MINUTE..TWO_HOURS => (if past { "minutes-ago" } else { "in-minutes" }, seconds / MINUTE),
        TWO_HOURS..TWO_DAYS => (if past { "hours-ago" } else { "in-hours" }, seconds / HOUR),
        _ => (if past { "days-ago" } else { "in-days" }, seconds / DAY),
    };
    let text = say(language, message, "", &[("count", Arg::Number(count))]);
    show(at, date_time(language, at).as_str(), text.as_str())
}

pub fn exact(language: Language, at: UnixTime) -> Markup {
    let text = date_time(language, at);
    show(at, &at.rfc3339().unwrap_or_default(), text.as_str())
}

fn show(at: UnixTime, title: &str, text: &str) -> Markup {
    match at.rfc3339() {
        Some(datetime) => Markup::time(&datetime, title, text),
        None => Markup::text(text),
    }
}

/// "22 November 2026, 10:29 UTC" in the language of the page.
fn date_time(language: Language, at: UnixTime) -> Markup {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(at.0) else { return Markup::message(String::new()) };
    let time = format!("{:02}:{:02}", at.hour(), at.minute());
    let args = [
        ("day", Arg::Number(at.day().into())),
        ("month", Arg::Number(u8::from(at.month()).into())),
        ("year", Arg::Plain(&at.year().to_string())),
        ("time", Arg::Plain(&time)),
    ];
    say(language, "date-time", "", &args)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_343_343);

    fn text(language: Language, seconds: i64) -> String {
        let html = relative(language, NOW, UnixTime(NOW.0 + seconds)).to_string();
        html.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned()
    }

    #[test]
    fn a_time_is_shown_as_a_distance_with_the_right_plural() {
        for (seconds, english, german) in [
            (0, "just now", "gerade eben"),
            (-59, "just now", "gerade eben"),
            (59, "in less than a minute", "in weniger als einer Minute"),
            (60, "in 1 minute", "in 1 Minute"),
            (-119, "1 minute ago", "vor 1 Minute"),
            (-120, "2 minutes ago", "vor 2 Minuten"),
            (3600, "in 60 minutes", "in 60 Minuten"),
            (90 * 60, "in 90 minutes", "in 90 Minuten"),
            (2 * 3600, "in 2 hours", "in 2 Stunden"),
            (11 * 3600 + 1800, "in 11 hours", "in 11 Stunden"),
            (-(47 * 3600 + 3599), "47 hours ago", "vor 47 Stunden"),
            (2 * 86_400, "in 2 days", "in 2 Tagen"),
            (-9 * 86_400, "9 days ago", "vor 9 Tagen"),
        ] {
            assert_eq!(text(Language::English, seconds), english, "{seconds}");
            assert_eq!(text(Language::German, seconds), german, "{seconds}");
        }
        assert_eq!(text(Language::French, -7200), "il y a 2 heures");
        assert_eq!(text(Language::Spanish, -86_400 * 3), "hace 3 días");
        assert_eq!(text(Language::Japanese, 7200), "2 時間後");
    }

    #[test]
    fn the_exact_time_is_written_as_the_language_writes_it() {
        let shown = |language, at| date_time(language, UnixTime(at)).to_string();
        assert_eq!(shown(Language::English, NOW.0), "22 November 2026, 10:29 UTC");
        assert_eq!(shown(Language::German, NOW.0), "22. November 2026, 10:29 Uhr UTC");
        assert_eq!(shown(Language::Spanish, NOW.0), "22 de noviembre de 2026, 10:29 UTC");
        assert_eq!(shown(Language::French, 1_796_083_200), "1er décembre 2026 à 00:00 UTC");
        assert_eq!(shown(Language::Japanese, NOW.0), "2026年11月22日 10:29 UTC");
        let html = exact(Language::English, NOW).to_string();
        assert!(html.starts_with("<time datetime=\"2026-11-22T10:29:03Z\""), "{html}");
    }

    #[test]
    fn a_time_outside_the_calendar_is_a_distance_alone() {
        let html = relative(Language::English, NOW, UnixTime::MAX).to_string();
        assert!(html.starts_with("<bdi>in ") && html.ends_with(" days</bdi>"), "{html}");
    }
}
