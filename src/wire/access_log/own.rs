//! The access log of the gateway itself.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;

use super::{LineError, LogLine, RequestLine};

/// A line in JSON. Lines of other targets have other fields.
#[derive(Deserialize)]
struct OwnLine<'a> {
    #[serde(default, borrow)]
    target: Cow<'a, str>,
    #[serde(default, borrow)]
    peer: Cow<'a, str>,
    #[serde(default, borrow)]
    method: Cow<'a, str>,
    #[serde(default, borrow)]
    path: Cow<'a, str>,
    #[serde(default)]
    status: Option<u16>,
}

/// Reads a line in JSON.
pub(super) fn json(line: &[u8]) -> Result<Option<LogLine<'_>>, LineError> {
    let line: OwnLine<'_> = serde_json::from_slice(line).map_err(|_| LineError::Json)?;
    match &*line.target {
        "access" => Ok(Some(LogLine {
            client: line.peer.parse().ok(),
            host: None,
            request: RequestLine::of(line.method, line.path, false),
            status: line.status,
        })),
        "" => Err(LineError::Format),
        _ => Ok(None),
    }
}

/// Reads a line for people; `None` for a line of another format.
pub(super) fn text(line: &[u8]) -> Option<Result<Option<LogLine<'_>>, LineError>> {
    let is_dated = line.len() > DATE && line[4] == b'-' && line[7] == b'-' && line[10] == b'T';
    if !is_dated || !line[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let Some(at) = memmem::find(line, MARK) else { return Some(Ok(None)) };
    Some(fields(&line[at + MARK.len()..]).map(Some))
}

fn fields(fields: &[u8]) -> Result<LogLine<'_>, LineError> {
    let fields = std::str::from_utf8(fields).map_err(|_| LineError::Format)?;
    let field = |name: &str| {
        let (_, value) = fields.split_once(name)?;
        Some(value.split(' ').next().unwrap_or_default())
    };
    let (Some(peer), Some(method), Some(path)) = (field(" peer="), field(" method="), field(" path=")) else {
        return Err(LineError::Incomplete);
    };
    // The path is escaped as in JSON.
    let path = if path.contains('\\') {
        let path: String = serde_json::from_str(&format!("\"{path}\"")).map_err(|_| LineError::Format)?;
        Cow::Owned(path)
    } else {
        Cow::Borrowed(path)
    };
    Ok(LogLine {
        client: peer.parse().ok(),
        host: None,
        request: RequestLine::of(Cow::Borrowed(method), path, false),
        status: field(" status=").and_then(|status| status.parse().ok()),
    })
}

/// What every line of the access log has after time and level.
const MARK: &[u8] = b" access: request=";
/// Length of `2026-11-22T10:13:32`.
const DATE: usize = 19;
