//! Positions of keys and values in the file, and the parts of it that may be shown.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use miette::{MietteError, NamedSource, SourceCode, SourceSpan, SpanContents};
use toml::Value;

use super::schema;

/// Where a key is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the file.
    File {
        /// File name as given.
        file: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// Bytes of the file.
        span: Range<usize>,
    },
    /// In this environment variable.
    Environment(String),
    /// The file as a whole.
    Whole(String),
}

impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column, .. } => write!(f, "{file}:{line}:{column}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Whole(file) => f.write_str(file),
        }
    }
}

/// An unknown key. Its name may be shown, its value may not.
#[derive(Debug)]
pub(super) struct Unknown {
    pub key: Range<usize>,
    pub value: Range<usize>,
    /// The known key or section that was probably meant.
    pub meant: Option<String>,
}

/// Where every key of a configuration was set.
#[derive(Clone, Debug, Default)]
pub struct Places {
    pub(super) file: String,
    pub(super) text: String,
    /// Headers of the sections.
    pub(super) sections: BTreeMap<String, Range<usize>>,
    pub(super) keys: BTreeMap<String, KeyPosition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyPosition {
    /// In the file; spans in bytes.
    File { key: Range<usize>, value: Range<usize>, items: Vec<Range<usize>> },
    /// In this environment variable.
    Environment(String),
}

impl Places {
    /// True when the key was set, even to a wrong value.
    pub fn is_set(&self, path: &str) -> bool {
        self.keys.contains_key(path)
    }

    /// The path of a file that a key names. A relative path starts at the folder of the configuration file.
    pub(super) fn resolve(&self, value: Value) -> Value {
        let folder = Path::new(&self.file).parent();
        match (folder, value.as_str()) {
            (Some(folder), Some(path)) if !path.is_empty() => {
                Value::from(folder.join(path).display().to_string())
            }
            _ => value,
        }
    }

    /// A secret whose value is in the configuration file itself.
    pub(super) fn secret_in_file(&self) -> Option<String> {
        let is_secret = |(path, place): &(&String, &KeyPosition)| {
            matches!(place, KeyPosition::File { .. }) && schema::key(path).is_some_and(|key| key.secret)
        };
        self.keys.iter().find(is_secret).map(|(path, _)| path.clone())
    }

    /// Position of the value of `path`; for a key that is not set, position of its section.
    pub fn location(&self, path: &str) -> Location {
        match self.keys.get(path) {
            Some(KeyPosition::File { value, .. }) if schema::key(path).is_some_and(|key| key.secret) => {
                self.at(value.start..value.end.min(value.start + STARS))
            }
            Some(KeyPosition::File { value, .. }) => self.at(value.clone()),
            Some(KeyPosition::Environment(variable)) => Location::Environment(variable.clone()),
            None => match path.rsplit_once('.') {
                // A section within another may be left out; then the position of the outer one is used.
                Some((section, _)) => match self.sections.get(section) {
                    Some(header) => self.at(header.clone()),
                    None => self.location(section),
                },
                None => Location::Whole(self.file.clone()),
            },
        }
    }

    /// Position of item number `index` of the list at `path`.
    pub(super) fn item(&self, path: &str, index: usize) -> Location {
        match self.keys.get(path) {
            Some(KeyPosition::File { items, .. }) if index < items.len() => self.at(items[index].clone()),
            _ => self.location(path),
        }
    }

    /// Position of a part of the text at `path`, in bytes of the text. With escapes or several lines bytes do not correspond; then
    /// it is the position of the whole value.
    pub(super) fn part(&self, path: &str, part: Range<usize>) -> Location {
        if let Some(KeyPosition::File { value, .. }) = self.keys.get(path)
            && let Some(written) = self.text.get(value.start + 1..value.end.saturating_sub(1))
            && (self.text[value.clone()].starts_with('\'') || !written.contains('\\'))
            && !written.starts_with(['"', '\''])
        {
            let start = value.start + 1 + part.start;
            return self.at(start..(value.start + 1 + part.end).max(start + 1));
        }
        self.location(path)
    }

    /// Line and column of a span.
    pub(super) fn at(&self, span: Range<usize>) -> Location {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Location::File {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span,
        }
    }

    /// The file with keys, and values of known keys that are no secrets; the rest is replaced by spaces. So the value of a misspelt
    /// `client_secert` is not shown, and no comment.
    pub(super) fn shown(&self, unknown: &[Unknown]) -> Arc<RedactedFile> {
        let mut redaction = Redaction::hidden(&self.text);
        for header in self.sections.values() {
            redaction.reveal_with(header, "[].");
        }
        for Unknown { key, value, .. } in unknown {
            redaction.reveal_with(key, "[].");
            // The value of a section is elsewhere.
            if key.end < value.start {
                redaction.reveal_signs(key.end..value.start, "=");
                redaction.stars(value);
            }
        }
        for (path, place) in &self.keys {
            let KeyPosition::File { key, value, items } = place else { continue };
            redaction.reveal_with(key, "");
            redaction.reveal_signs(key.end..value.start, "=");
            let secret = schema::key(path).is_none_or(|key| key.secret);
            if secret || has_user(&self.text[value.clone()]) {
                redaction.stars(value);
            } else {
                redaction.reveal_value(value, items);
            }
        }
        redaction.finish(&self.file)
    }

    /// The same for a file that is not TOML, where the beginning of a value is unknown: only headers, and lines with exactly one known
    /// key that is no secret. `None` when `span` is not on such a line.
    pub(super) fn shown_unparsed(&self, span: &Range<usize>) -> Option<Arc<RedactedFile>> {
        if self.text.contains("\"\"\"") || self.text.contains("'''") {
            return None;
        }
        let mut redaction = Redaction::hidden(&self.text);
        let mut is_shown = false;
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let range = start..start + line.len();
            start = range.end;
            if is_plain(line.trim()) {
                is_shown |=
                    range.contains(&span.start) || (span.start == self.text.len() && range.end == span.start);
                redaction.reveal(range);
            }
        }
        is_shown.then(|| redaction.finish(&self.file))
    }
}

/// What may be shown of a file. Only the lines of the span itself are shown.
#[derive(Debug)]
pub(super) struct RedactedFile(NamedSource<String>);

impl SourceCode for RedactedFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.0.inner();
        let (start, end) = (span.offset(), span.offset() + span.len());
        // Without context lines, miette asks for the position only.
        if (before, after) == (0, 0) || end > text.len() {
            return self.0.read_span(span, 0, 0);
        }
        let bytes = text.as_bytes();
        let start = bytes[..start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let end = bytes[end..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |at| end + at);
        self.0.read_span(&(start..end).into(), 0, 0)
    }
}

/// True when a line of a file that is not TOML cannot hold a secret.
fn is_plain(line: &str) -> bool {
    if line.contains('#') || line.contains("secret") || has_user(line) {
        return false;
    }
    if line.starts_with('[') {
        return !line.contains(['=', '"', '\'']);
    }
    let mut sides = line.split('=');
    let (Some(name), Some(_), None) = (sides.next(), sides.next(), sides.next()) else { return false };
    let name = name.trim().rsplit('.').next().unwrap_or_default();
    let keys = schema::keys().iter().chain(schema::lists().iter().flat_map(|list| &list.keys));
    let mut named = keys.filter(|key| key.path.rsplit('.').next() == Some(name)).peekable();
    named.peek().is_some() && named.all(|key| !key.secret)
}

/// True for a URL with a user or password.
fn has_user(text: &str) -> bool {
    text.contains("://") && text.contains('@')
}

/// A copy of the text with the same bytes per line, where only revealed parts are readable.
struct Redaction<'a> {
    text: &'a str,
    bytes: Vec<u8>,
}

impl<'a> Redaction<'a> {
    fn hidden(text: &'a str) -> Self {
        let bytes =
            text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { byte } else { b' ' }).collect();
        Self { text, bytes }
    }

    fn reveal(&mut self, range: Range<usize>) {
        if let Some(text) = self.text.get(range.clone()) {
            self.bytes[range].copy_from_slice(text.as_bytes());
        }
    }

    /// Also these characters directly before and after it.
    fn reveal_with(&mut self, range: &Range<usize>, signs: &str) {
        let is_sign = |byte: &&u8| signs.as_bytes().contains(byte);
        let bytes = self.text.as_bytes();
        let before = bytes[..range.start].iter().rev().take_while(is_sign).count();
        let after = bytes[range.end..].iter().take_while(is_sign).count();
        self.reveal(range.start - before..range.end + after);
    }

    fn reveal_signs(&mut self, range: Range<usize>, signs: &str) {
        for at in range {
            if signs.as_bytes().contains(&self.text.as_bytes()[at]) {
                self.reveal(at..at + 1);
            }
        }
    }

    /// Reveals a text, a number or a list of them. Comments inside a list and tables in the wrong place stay hidden.
    fn reveal_value(&mut self, value: &Range<usize>, items: &[Range<usize>]) {
        let is_table = |range: &Range<usize>| self.text[range.clone()].starts_with(['{', '[']);
        if !is_table(value) {
            return self.reveal(value.clone());
        }
        let plain: Vec<_> = items.iter().filter(|item| !is_table(item)).cloned().collect();
        if plain.is_empty() {
            return self.stars(value);
        }
        self.reveal(value.start..value.start + 1);
        self.reveal(value.end - 1..value.end);
        self.reveal_signs(value.clone(), ",");
        for item in plain {
            self.reveal(item);
        }
    }

    /// Writes a fixed number of stars, so that the length of a secret does not show.
    fn stars(&mut self, range: &Range<usize>) {
        for at in range.clone().take(STARS) {
            if !matches!(self.bytes[at], b'\n' | b'\r') {
                self.bytes[at] = b'*';
            }
        }
    }

    fn finish(self, file: &str) -> Arc<RedactedFile> {
        // Only whole ranges of valid text were copied, and the rest is ASCII. The fallback shows nothing.
        let text = String::from_utf8(self.bytes).unwrap_or_default();
        Arc::new(RedactedFile(NamedSource::new(file, text)))
    }
}

/// Number of stars in place of a secret.
const STARS: usize = 8;
