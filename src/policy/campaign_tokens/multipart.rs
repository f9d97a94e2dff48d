//! Tokens in a multipart form (RFC 7578), read while it arrives.

use memchr::memmem;

use super::{ForeignToken, Judge, MAX_VALUE, Output, TokenAction, TokenKind, emit};

/// The boundary in a `Content-Type` field (RFC 2046 §5.1.1); `None` when the type is not multipart or has none.
pub fn boundary(content_type: &str) -> Option<&str> {
    let kind = content_type.trim_start();
    if !kind.get(..MULTIPART.len())?.eq_ignore_ascii_case(MULTIPART) {
        return None;
    }
    let at = memmem::find(content_type.to_ascii_lowercase().as_bytes(), b"boundary")?;
    let value = content_type[at + b"boundary".len()..].trim_start().strip_prefix('=')?.trim_start();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => value.split([';', ' ', '\t', ',']).next()?,
    };
    (!value.is_empty() && value.len() <= MAX_BOUNDARY).then_some(value)
}

/// Reads a multipart body piece by piece. Holds the header of one part, or the value of one token field.
#[derive(Debug)]
pub struct MultipartScanner {
    delimiter: Vec<u8>,
    state: MultipartState,
    /// Bytes that belong to no complete header, value or delimiter yet.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MultipartState {
    /// Before the first delimiter, or inside a part that holds no token.
    Skip,
    /// Inside the header of a part.
    Header,
    /// Inside a part that holds a token.
    Value(TokenKind),
}

impl MultipartScanner {
    pub fn new(boundary: &str) -> Self {
        Self {
            delimiter: format!("--{boundary}").into_bytes(),
            state: MultipartState::Skip,
            held: Vec::new(),
        }
    }

    /// Reads the next piece. Writes to `output` what can be forwarded so far.
    ///
    /// # Errors
    /// When a part holds a value that may not be forwarded.
    pub fn push(
        &mut self,
        piece: &[u8],
        judge: &mut impl Judge,
        mut output: Option<&mut Vec<u8>>,
    ) -> Result<(), ForeignToken> {
        self.held.extend_from_slice(piece);
        loop {
            match self.state {
                MultipartState::Skip => {
                    let Some(end) = memmem::find(&self.held, &self.delimiter) else {
                        // A delimiter may have begun at the end.
                        let sure = self.held.len().saturating_sub(self.delimiter.len() - 1);
                        self.forward(sure, &mut output);
                        return Ok(());
                    };
                    self.forward(end + self.delimiter.len(), &mut output);
                    self.state = MultipartState::Header;
                }
                // After the last delimiter there is no part.
                MultipartState::Header if self.held.starts_with(b"--") => self.state = MultipartState::Skip,
                MultipartState::Header => {
                    let Some(end) = header_end(&self.held) else {
                        // No part of Campaign has a longer header: it is no multipart body that Campaign can read.
                        return if self.held.len() > MAX_HEADER { Err(ForeignToken) } else { Ok(()) };
                    };
                    let kind = kind_of(&self.held[..end]);
                    self.forward(end, &mut output);
                    self.state = kind.map_or(MultipartState::Skip, MultipartState::Value);
                }
                MultipartState::Value(kind) => {
                    let Some(end) = memmem::find(&self.held, &self.delimiter) else {
                        let most = MAX_VALUE + self.delimiter.len();
                        return if self.held.len() > most { Err(ForeignToken) } else { Ok(()) };
                    };
                    self.end_value(kind, end, judge, &mut output)?;
                    self.state = MultipartState::Skip;
                }
            }
        }
    }

    /// Reads the end of the body.
    ///
    /// # Errors
    /// When the last part is incomplete and holds a value that may not be forwarded.
    pub fn finish(
        &mut self,
        judge: &mut impl Judge,
        mut output: Option<&mut Vec<u8>>,
    ) -> Result<(), ForeignToken> {
        if let MultipartState::Value(kind) = self.state {
            self.end_value(kind, self.held.len(), judge, &mut output)?;
        } else if self.state == MultipartState::Header && kind_of(&self.held).is_some() {
            // A header without an end: a lenient server may still find a value in it.
            return Err(ForeignToken);
        }
        self.forward(self.held.len(), &mut output);
        Ok(())
    }

    /// Judges the value in front of `end`, and forwards it or its replacement.
    fn end_value(
        &mut self,
        kind: TokenKind,
        end: usize,
        judge: &mut impl Judge,
        output: &mut Output<'_>,
    ) -> Result<(), ForeignToken> {
        let value = self.held[..end].strip_suffix(b"\n").unwrap_or(&self.held[..end]);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        let length = value.len();
        match judge.judge(kind, String::from_utf8_lossy(value).trim()) {
            TokenAction::Keep => self.forward(length, output),
            TokenAction::Replace(token) => {
                emit(output, token.as_bytes());
                self.held.drain(..length);
            }
            TokenAction::Refuse => return Err(ForeignToken),
        }
        Ok(())
    }

    fn forward(&mut self, length: usize, output: &mut Output<'_>) {
        emit(output, &self.held[..length]);
        self.held.drain(..length);
    }
}

/// The length of the header of a part, its empty line included. Some servers accept lines that end with a bare line feed.
fn header_end(text: &[u8]) -> Option<usize> {
    let crlf = memmem::find(text, b"\r\n\r\n").map(|at| at + 4);
    let lf = memmem::find(text, b"\n\n").map(|at| at + 2);
    crlf.into_iter().chain(lf).min()
}

/// The kind of token that a part holds, by its header. Any place counts: servers read names with quotes, without, folded and encoded.
fn kind_of(header: &[u8]) -> Option<TokenKind> {
    let text: Vec<u8> = percent_encoding::percent_decode(header)
        .filter(|byte| !matches!(byte, b'\\' | b'\r' | b'\n' | b'\t' | b' '))
        .map(|byte| byte.to_ascii_lowercase())
        .collect();
    if memmem::find(&text, b"__sessiontoken").is_some() {
        Some(TokenKind::Session)
    } else if memmem::find(&text, b"__securitytoken").is_some() {
        Some(TokenKind::Security)
    } else {
        None
    }
}

const MULTIPART: &str = "multipart/";
/// RFC 2046 §5.1.1 allows 70.
const MAX_BOUNDARY: usize = 256;
/// Longest header of a part.
const MAX_HEADER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(kind: TokenKind, value: &str) -> TokenAction {
        match (kind, value) {
            (_, "" | "own") => TokenAction::Keep,
            (_, "old") => TokenAction::Replace("longer than before".to_owned()),
            (TokenKind::Session, _) => TokenAction::Refuse,
            (TokenKind::Security, _) => TokenAction::Keep,
        }
    }

    fn body(parts: &[(&str, &str)]) -> String {
        let part = |(name, value): &(&str, &str)| {
            format!("--B\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n")
        };
        format!("preamble\r\n{}--B--\r\n", parts.iter().map(part).collect::<String>())
    }

    fn scan(body: &str, size: usize) -> Result<String, ForeignToken> {
        let (mut scanner, mut output) = (MultipartScanner::new("B"), Vec::new());
        for piece in body.as_bytes().chunks(size) {
            scanner.push(piece, &mut judge, Some(&mut output))?;
        }
        scanner.finish(&mut judge, Some(&mut output))?;
        Ok(String::from_utf8(output).unwrap())
    }

    #[test]
    fn the_boundary_is_found_in_every_form() {
        for (kind, wanted) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"", Some("a b")),
            ("multipart/mixed; boundary = x;y=z", Some("x")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("application/json; boundary=abc", None),
            ("mult", None),
        ] {
            assert_eq!(boundary(kind), wanted, "{kind}");
        }
    }

    #[test]
    fn the_name_of_a_part_is_recognized_in_every_spelling() {
        for name in [
            "__sessiontoken",
            "\"__sessiontoken\"",
            "\"__Session\\Token\"",
            "x; name*=utf-8''%5f_sessiontoken",
        ] {
            assert_eq!(scan(&body(&[(name, "eve")]), 7), Err(ForeignToken), "{name}");
        }
        assert!(scan(&body(&[("file", "__sessiontoken")]), 7).is_ok());
        let bare = "--B\nContent-Disposition: form-data; name=__sessiontoken\n\neve\n--B--\n";
        assert_eq!(scan(bare, 3), Err(ForeignToken));
        let own = bare.replace("eve", "own");
        assert_eq!(scan(&own, 3), Ok(own), "the header of a part may end with bare line feeds");
        for endless in ["--B\r\nContent-Disposition: form-data; name=__sessiontoken\r\n\r\n", "--B\r\nX: "] {
            let (mut scanner, piece) = (MultipartScanner::new("B"), [b'x'; 1024]);
            scanner.push(endless.as_bytes(), &mut judge, None).unwrap();
            let refused = (0..64).find(|_| scanner.push(&piece, &mut judge, None).is_err());
            assert!(refused.is_some_and(|pieces| pieces <= 1 + MAX_HEADER / piece.len()), "{endless}");
        }
        let unfinished = "--B\r\nContent-Disposition: form-data; name=__sessiontoken\r\n\r\neve";
        assert_eq!(scan(unfinished, 3), Err(ForeignToken));
        let without_value = "--B\r\nContent-Disposition: form-data; name=__sessiontoken\r\neve";
        assert_eq!(scan(without_value, 3), Err(ForeignToken), "a header without an end");
    }

    proptest! {
        #[test]
        fn values_are_exchanged_however_the_body_is_cut(
            parts in proptest::collection::vec((
                proptest::sample::select(vec!["__sessiontoken", "\"__securitytoken\"", "a", "\"file\"; filename=\"x\""]),
                proptest::sample::select(vec!["", "own", "old", "-", "--", "\r\n", "\r\n-"]),
            ), 0..5),
            size in 1_usize..40,
        ) {
            let is_foreign = |(name, value): &(&str, &str)| *name == "__sessiontoken" && !matches!(value.trim(), "" | "own" | "old");
            let exchanged: Vec<_> = parts.iter().map(|(name, value)| {
                (*name, if name.contains("__") && *value == "old" { "longer than before" } else { value })
            }).collect();
            let wanted = if parts.iter().any(is_foreign) { Err(ForeignToken) } else { Ok(body(&exchanged)) };
            prop_assert_eq!(scan(&body(&parts), size), wanted);
        }

        #[test]
        fn any_body_passes_unchanged_without_a_token(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1_usize..50) {
            let (mut scanner, mut output) = (MultipartScanner::new("BBBB"), Vec::new());
            for piece in bytes.chunks(size) {
                scanner.push(piece, &mut judge, Some(&mut output)).unwrap();
            }
            scanner.finish(&mut judge, Some(&mut output)).unwrap();
            prop_assert_eq!(output, bytes);
        }
    }
}
