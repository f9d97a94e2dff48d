//! The access log: one line for each request. Lines are formatted without `tracing` and written in batches, for speed.
//!
//! By default, they have the same format as the lines of `tracing` and go to the same output. `log.access_format` and `log.access_file`
//! change that.

mod combined;

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Method, StatusCode, Version};
use time::OffsetDateTime;

use super::log_file::LogFile;
use super::{RequestId, escape};
use crate::config::{AccessFormat, Log};

pub use combined::CombinedFields;

/// The content of one line.
#[derive(Debug)]
pub struct Line<'a> {
    /// The request id.
    pub request: RequestId,
    /// The client's address.
    pub peer: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The path as received, without the query.
    pub path: &'a str,
    /// The status of the response.
    pub status: StatusCode,
    /// Time from the request's head to the response's head.
    pub took: Duration,
    /// When the response's head was ready.
    pub at: Instant,
    /// The result of [`AccessLog::combined_fields`].
    pub combined: Option<&'a CombinedFields>,
}

/// One worker's access log.
#[derive(Debug)]
pub struct AccessLog {
    /// `None` when the log filter excludes the access log.
    pending: Option<Mutex<PendingLines>>,
    /// `None`: standard error.
    file: Option<LogFile>,
    format: Format,
}

/// The format of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Human,
    Json,
    Combined,
}

impl AccessLog {
    /// Opens the access log. Without `log.access_file`, the log filter turns it on or off (target `access`, level `info`):
    /// call this after [`init`](super::init).
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn new(log: &Log) -> io::Result<Self> {
        let file =
            log.access_file.as_deref().map(|path| LogFile::open("log.access_file", path)).transpose()?;
        let wanted = file.is_some() || tracing::enabled!(target: "access", tracing::Level::INFO);
        let format = match log.access_format {
            AccessFormat::Auto if file.is_none() && super::is_human(log.format) => Format::Human,
            AccessFormat::Auto | AccessFormat::Json => Format::Json,
            AccessFormat::Human => Format::Human,
            AccessFormat::Combined => Format::Combined,
        };
        Ok(Self { pending: wanted.then(Mutex::default), file, format })
    }

    /// The fields that only the combined format needs; `None` with another format.
    pub fn combined_fields(&self, version: Version, headers: &HeaderMap) -> Option<Box<CombinedFields>> {
        let is_needed = self.format == Format::Combined && self.pending.is_some();
        is_needed.then(|| Box::new(CombinedFields::new(version, headers)))
    }

    /// Adds a line.
    pub fn line(&self, line: &Line<'_>) {
        let Some(pending) = &self.pending else { return };
        let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        let now = pending.wall_clock(line.at);
        pending.append(line, now, self.format);
        if pending.text.len() > BATCH {
            self.write_out(&mut pending.text);
        }
    }

    /// Writes all pending lines.
    pub fn flush(&self) {
        if let Some(pending) = &self.pending {
            let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            // The system clock may have been changed: read it again for the next line.
            pending.anchor = None;
            self.write_out(&mut pending.text);
        }
    }

    fn write_out(&self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        // A failure to write the log must not stop the gateway.
        let _ = match &self.file {
            Some(file) => file.append(text),
            None => io::stderr().lock().write_all(text),
        };
        text.clear();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Lines that are not yet written. Formatted without `write!`, which is ten times slower.
#[derive(Debug, Default)]
struct PendingLines {
    /// UTF-8, as bytes: a `String` would check each part again.
    text: Vec<u8>,
    /// The Unix time of `date`, in seconds.
    second: u64,
    /// That time in the format of the lines.
    date: String,
    /// A monotonic time and the wall-clock time at that moment. Saves reading the system clock for each line.
    anchor: Option<(Instant, Duration)>,
}

impl PendingLines {
    fn wall_clock(&mut self, at: Instant) -> Duration {
        let (anchor, wall) = *self.anchor.get_or_insert_with(|| (Instant::now(), now()));
        match at.checked_duration_since(anchor) {
            Some(since) => wall + since,
            None => wall.saturating_sub(anchor.duration_since(at)),
        }
    }

    fn append(&mut self, line: &Line<'_>, now: Duration, format: Format) {
        if self.date.is_empty() || self.second != now.as_secs() {
            (self.second, self.date) = (now.as_secs(), date(now.as_secs(), format));
        }
        let template = match format {
            Format::Human => &HUMAN,
            Format::Json => &JSON,
            Format::Combined => {
                return combined::append(&mut self.text, self.date.as_bytes(), line);
            }
        };
        let Line { request, peer, method, path, status, took, at: _, combined: _ } = line;
        let text = &mut self.text;
        text.extend_from_slice(template.open);
        text.extend_from_slice(self.date.as_bytes());
        number(text, now.subsec_micros(), 6);
        text.extend_from_slice(template.request);
        text.extend_from_slice(request.as_bytes());
        text.extend_from_slice(template.peer);
        text.extend_from_slice(peer.as_bytes());
        text.extend_from_slice(template.method);
        text.extend_from_slice(method.as_str().as_bytes());
        text.extend_from_slice(template.path);
        text.extend_from_slice(escape::escaped(path, true).as_bytes());
        text.extend_from_slice(template.status);
        text.extend_from_slice(status.as_str().as_bytes());
        text.extend_from_slice(template.took);
        number(text, u32::try_from(took.as_millis()).unwrap_or(u32::MAX), 1);
        text.extend_from_slice(template.close);
    }
}

/// The fixed text between the values of a line.
struct Template {
    open: &'static [u8],
    request: &'static [u8],
    peer: &'static [u8],
    method: &'static [u8],
    path: &'static [u8],
    status: &'static [u8],
    took: &'static [u8],
    close: &'static [u8],
}

const HUMAN: Template = Template {
    open: b"",
    request: b"Z  INFO access: request=",
    peer: b" peer=",
    method: b" method=",
    path: b" path=",
    status: b" status=",
    took: b" ms=",
    close: b"\n",
};
const JSON: Template = Template {
    open: br#"{"timestamp":""#,
    request: br#"Z","level":"INFO","target":"access","request":""#,
    peer: br#"","peer":""#,
    method: br#"","method":""#,
    path: br#"","path":""#,
    status: br#"","status":"#,
    took: br#","ms":"#,
    close: b"}\n",
};

/// Date and time in whole seconds. In human and JSON lines, the fraction follows, so the text ends with a point.
fn date(second: u64, format: Format) -> String {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(second).unwrap_or(0))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    if format == Format::Combined {
        return combined::date(at);
    }
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")
}

/// Appends a number with at least `width` digits.
fn number(text: &mut Vec<u8>, mut number: u32, width: usize) {
    let mut digits = [b'0'; 10];
    let mut first = digits.len();
    while number > 0 || digits.len() - first < width {
        first -= 1;
        digits[first] += (number % 10) as u8;
        number /= 10;
    }
    text.extend_from_slice(&digits[first..]);
}

#[expect(
    clippy::disallowed_methods,
    reason = "log lines have the machine's time, even when a test sets the gateway's clock"
)]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Bytes above which pending lines are written immediately.
const BATCH: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, format: Format) -> String {
        let mut pending = PendingLines::default();
        let line = Line {
            request: RequestId::random(),
            peer: "127.0.0.1",
            method: &Method::GET,
            path,
            status: StatusCode::OK,
            took: Duration::from_millis(7),
            at: Instant::now(),
            combined: None,
        };
        pending.append(&line, Duration::new(1_795_342_412, 42_000), format);
        String::from_utf8(pending.text).unwrap()
    }

    #[test]
    fn every_line_has_its_own_time() {
        let mut pending = PendingLines::default();
        for second in [0, 0, 86_399, 1_795_342_412] {
            let line = Line {
                request: RequestId::random(),
                peer: "2001:db8::1",
                method: &Method::GET,
                path: "/",
                status: StatusCode::OK,
                took: Duration::from_millis(12_345),
                at: Instant::now(),
                combined: None,
            };
            pending.append(&line, Duration::new(second, 999_999_999), Format::Human);
        }
        let text = String::from_utf8(pending.text).unwrap();
        let starts: Vec<&str> = text.lines().map(|line| &line[..27]).collect();
        let (first, last) = ("1970-01-01T00:00:00.999999Z", "2026-11-22T10:13:32.999999Z");
        assert_eq!(starts, [first, first, "1970-01-01T23:59:59.999999Z", last]);
        assert!(text.ends_with(" peer=2001:db8::1 method=GET path=/ status=200 ms=12345\n"));
    }

    #[test]
    fn a_line_is_one_json_object_for_any_path() {
        for path in ["/view/home", "/a\"b", "/a\\b", "/caf\u{e9}\u{85}"] {
            let text = line(path, Format::Json);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((value["path"].as_str(), value["status"].as_u64()), (Some(path), Some(200)));
            assert_eq!(value["timestamp"], "2026-11-22T10:13:32.000042Z");
            assert_eq!(text.lines().count(), 1);
        }
    }

    #[test]
    fn a_human_line_has_the_format_of_tracing() {
        let text = line("/view/home", Format::Human);
        assert!(text.starts_with("2026-11-22T10:13:32.000042Z  INFO access: request="), "{text}");
        assert!(text.ends_with(" peer=127.0.0.1 method=GET path=/view/home status=200 ms=7\n"), "{text}");
    }
}
