//! The access log: one line a request, made by hand and written in batches, because every request pays for it.
//!
//! Everything else is logged with `tracing`; these lines have the same shape and go to the same place.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use time::OffsetDateTime;

use super::RequestId;
use crate::config::Log;

/// What is said of a request.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its id.
    pub request: RequestId,
    /// Who was connected.
    pub peer: IpAddr,
    /// The method.
    pub method: &'a Method,
    /// The path as it came, without the query.
    pub path: &'a str,
    /// The answer's status.
    pub status: StatusCode,
    /// Until the answer's head.
    pub took: Duration,
}

/// One worker's access log.
#[derive(Debug)]
pub struct AccessLog {
    /// `None` when the log's filter leaves these lines out.
    pending: Option<Mutex<String>>,
    /// `None`: standard error.
    file: Option<File>,
    human: bool,
}

impl AccessLog {
    /// Follows the log's format, and its filter (target `access`, level `info`) unless the lines have a file of their
    /// own; to be made after the log has started.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn new(log: &Log) -> io::Result<Self> {
        let file = log.access_file.as_deref().map(|path| super::open("log.access_file", path)).transpose()?;
        let wanted = file.is_some() || tracing::enabled!(target: "access", tracing::Level::INFO);
        let human = file.is_none() && super::is_human(log.format);
        Ok(Self { pending: wanted.then(Mutex::default), file, human })
    }

    /// Adds a line.
    pub fn line(&self, line: &Line<'_>) {
        let Some(pending) = &self.pending else { return };
        let mut text = pending.lock().unwrap_or_else(PoisonError::into_inner);
        append(&mut text, line, now(), self.human);
        if text.len() > BATCH {
            self.write_out(&mut text);
        }
    }

    /// Writes out what is pending.
    pub fn flush(&self) {
        if let Some(pending) = &self.pending {
            self.write_out(&mut pending.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn write_out(&self, text: &mut String) {
        if text.is_empty() {
            return;
        }
        // A log that nobody takes is no reason to stop serving.
        let _ = match &self.file {
            Some(file) => (&*file).write_all(text.as_bytes()),
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

fn append(text: &mut String, line: &Line<'_>, now: Duration, human: bool) {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(now.as_secs()).unwrap_or(0))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day, micro) = (date.year(), u8::from(date.month()), date.day(), now.subsec_micros());
    let Line { request, peer, method, path, status, took } = line;
    let (status, ms) = (status.as_u16(), took.as_millis());
    let (open, between, method_key, path_key) = if human {
        ("", "  INFO access: request=", " method=", " path=")
    } else {
        (
            r#"{"timestamp":""#,
            r#"","level":"INFO","target":"access","request":""#,
            r#"","method":""#,
            r#"","path":""#,
        )
    };
    let peer_key = if human { " peer=" } else { r#"","peer":""# };
    let _ = write!(
        text,
        "{open}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z{between}{request}{peer_key}{peer}{method_key}{method}{path_key}"
    );
    escape(text, path);
    let _ = if human {
        writeln!(text, " status={status} ms={ms}")
    } else {
        writeln!(text, r#"","status":{status},"ms":{ms}}}"#)
    };
}

/// What could end the text or the line is written as JSON writes it (RFC 8259 §7).
fn escape(text: &mut String, path: &str) {
    for c in path.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => drop(write!(text, "\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
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
        let mut text = String::new();
        let line = Line {
            request: RequestId::random(),
            peer: IpAddr::from([127, 0, 0, 1]),
            method: &Method::GET,
            path,
            status: StatusCode::OK,
            took: Duration::from_millis(7),
        };
        append(&mut text, &line, Duration::new(1_795_342_412, 42_000), human);
        text
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
