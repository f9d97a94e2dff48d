//! The access log: one line a request, made by hand and written in batches, because every request pays for it.
//!
//! Everything else is logged with `tracing`; these lines have the same shape and go to the same place.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use time::OffsetDateTime;

use super::log_file::LogFile;
use super::{RequestId, escape};
use crate::config::Log;

/// What is said of a request.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its id.
    pub request: RequestId,
    /// Who was connected.
    pub peer: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The path as it came, without the query.
    pub path: &'a str,
    /// The answer's status.
    pub status: StatusCode,
    /// Until the answer's head.
    pub took: Duration,
    /// When that came.
    pub at: Instant,
}

/// One worker's access log.
#[derive(Debug)]
pub struct AccessLog {
    /// `None` when the log's filter leaves these lines out.
    pending: Option<Mutex<Pending>>,
    /// `None`: standard error.
    file: Option<LogFile>,
    human: bool,
}

impl AccessLog {
    /// Follows the log's format, and its filter (target `access`, level `info`) unless the lines have a file of their
    /// own; to be made after the log has started.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn new(log: &Log) -> io::Result<Self> {
        let file =
            log.access_file.as_deref().map(|path| LogFile::open("log.access_file", path)).transpose()?;
        let wanted = file.is_some() || tracing::enabled!(target: "access", tracing::Level::INFO);
        let human = file.is_none() && super::is_human(log.format);
        Ok(Self { pending: wanted.then(Mutex::default), file, human })
    }

    /// Adds a line.
    pub fn line(&self, line: &Line<'_>) {
        let Some(pending) = &self.pending else { return };
        let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        let now = pending.wall_clock(line.at);
        pending.append(line, now, self.human);
        if pending.text.len() > BATCH {
            self.write_out(&mut pending.text);
        }
    }

    /// Writes out what is pending.
    pub fn flush(&self) {
        if let Some(pending) = &self.pending {
            let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            // The system's clock may have been set.
            pending.anchor = None;
            self.write_out(&mut pending.text);
        }
    }

    fn write_out(&self, text: &mut String) {
        if text.is_empty() {
            return;
        }
        // A log that nobody takes is no reason to stop serving.
        let _ = match &self.file {
            Some(file) => file.append(text.as_bytes()),
            None => io::stderr().lock().write_all(text.as_bytes()),
        };
        text.clear();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Lines not yet written. No `write!`, which costs ten times as much.
#[derive(Debug, Default)]
struct Pending {
    text: String,
    /// The second that `date` tells.
    second: u64,
    /// `2026-11-22T10:13:32.`
    date: String,
    /// A moment, and what the system's clock said then: for a line, the clock need not be read.
    anchor: Option<(Instant, Duration)>,
}

impl Pending {
    fn wall_clock(&mut self, at: Instant) -> Duration {
        let (then, said) = *self.anchor.get_or_insert_with(|| (Instant::now(), now()));
        match at.checked_duration_since(then) {
            Some(since) => said + since,
            None => said.saturating_sub(then.duration_since(at)),
        }
    }

    fn append(&mut self, line: &Line<'_>, now: Duration, human: bool) {
        if self.date.is_empty() || self.second != now.as_secs() {
            (self.second, self.date) = (now.as_secs(), date(now.as_secs()));
        }
        let words = if human { &HUMAN } else { &JSON };
        let Line { request, peer, method, path, status, took, at: _ } = line;
        let text = &mut self.text;
        text.push_str(words.open);
        text.push_str(&self.date);
        number(text, now.subsec_micros().into(), 6);
        text.push_str(words.request);
        text.push_str(request.as_str());
        text.push_str(words.peer);
        text.push_str(peer);
        text.push_str(words.method);
        text.push_str(method.as_str());
        text.push_str(words.path);
        escape::push(text, path, true);
        text.push_str(words.status);
        number(text, status.as_u16().into(), 3);
        text.push_str(words.took);
        number(text, u64::try_from(took.as_millis()).unwrap_or(u64::MAX), 1);
        text.push_str(words.close);
    }
}

/// What stands between the values of a line.
struct Words {
    open: &'static str,
    request: &'static str,
    peer: &'static str,
    method: &'static str,
    path: &'static str,
    status: &'static str,
    took: &'static str,
    close: &'static str,
}

const HUMAN: Words = Words {
    open: "",
    request: "Z  INFO access: request=",
    peer: " peer=",
    method: " method=",
    path: " path=",
    status: " status=",
    took: " ms=",
    close: "\n",
};
const JSON: Words = Words {
    open: r#"{"timestamp":""#,
    request: r#"Z","level":"INFO","target":"access","request":""#,
    peer: r#"","peer":""#,
    method: r#"","method":""#,
    path: r#"","path":""#,
    status: r#"","status":"#,
    took: r#","ms":"#,
    close: "}\n",
};

/// Date and time to the second, with the point after it.
fn date(second: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(second).unwrap_or(0))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")
}

/// A number with `width` digits at least.
fn number(text: &mut String, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 || digits.len() - first < width {
        first -= 1;
        digits[first] += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    text.push_str(std::str::from_utf8(&digits[first..]).unwrap_or_default());
}

#[expect(clippy::disallowed_methods, reason = "a log tells the machine's time, whatever a test's clock says")]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Bytes after which a batch is written at once.
const BATCH: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, human: bool) -> String {
        let mut pending = Pending::default();
        let line = Line {
            request: RequestId::random(),
            peer: "127.0.0.1",
            method: &Method::GET,
            path,
            status: StatusCode::OK,
            took: Duration::from_millis(7),
            at: Instant::now(),
        };
        pending.append(&line, Duration::new(1_795_342_412, 42_000), human);
        pending.text
    }

    #[test]
    fn every_line_tells_its_own_second() {
        let mut pending = Pending::default();
        for second in [0, 0, 86_399, 1_795_342_412] {
            let line = Line {
                request: RequestId::random(),
                peer: "2001:db8::1",
                method: &Method::GET,
                path: "/",
                status: StatusCode::OK,
                took: Duration::from_millis(12_345),
                at: Instant::now(),
            };
            pending.append(&line, Duration::new(second, 999_999_999), true);
        }
        let starts: Vec<&str> = pending.text.lines().map(|line| &line[..27]).collect();
        let (first, last) = ("1970-01-01T00:00:00.999999Z", "2026-11-22T10:13:32.999999Z");
        assert_eq!(starts, [first, first, "1970-01-01T23:59:59.999999Z", last]);
        assert!(pending.text.ends_with(" peer=2001:db8::1 method=GET path=/ status=200 ms=12345\n"));
    }

    #[test]
    fn a_line_is_one_json_object_whatever_the_path_holds() {
        for path in ["/view/home", "/a\"b", "/a\\b", "/caf\u{e9}\u{85}"] {
            let text = line(path, false);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((value["path"].as_str(), value["status"].as_u64()), (Some(path), Some(200)));
            assert_eq!(value["timestamp"], "2026-11-22T10:13:32.000042Z");
            assert_eq!(text.lines().count(), 1);
        }
    }

    #[test]
    fn a_line_for_people_reads_like_the_others() {
        let text = line("/view/home", true);
        assert!(text.starts_with("2026-11-22T10:13:32.000042Z  INFO access: request="), "{text}");
        assert!(text.ends_with(" peer=127.0.0.1 method=GET path=/view/home status=200 ms=7\n"), "{text}");
    }
}
