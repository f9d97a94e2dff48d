//! Reads a log line by line: a file, gzip, or standard input. A terminal gets a progress bar.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read, stderr, stdin};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use memchr::memchr;

/// The lines of an open log.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    bar: ProgressBar,
    /// Lines that were read.
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (source, length): (Box<dyn Read>, _) = if path.as_os_str() == "-" {
            (Box::new(stdin()), None)
        } else {
            let file = File::open(path)?;
            let about = file.metadata()?;
            if about.is_dir() {
                return Err(io::Error::other("is a directory"));
            }
            // A pipe has no length.
            (Box::new(file), Some(about.len()).filter(|_| about.is_file()))
        };
        let bar = bar(length);
        let mut reader = BufReader::with_capacity(BUFFER, bar.wrap_read(source));
        let is_gzip = reader.fill_buf()?.starts_with(GZIP);
        let reader: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader)))
        } else {
            Box::new(reader)
        };
        Ok(Self { reader, bar, number: 0 })
    }

    /// Reads the next line into `line` and returns its number, from 1. Of a very long line only the beginning is kept.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        line.clear();
        let mut has_bytes = false;
        loop {
            let bytes = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            has_bytes |= !bytes.is_empty();
            let end = memchr(b'\n', bytes);
            let length = end.unwrap_or(bytes.len());
            let room = LONGEST.saturating_sub(line.len());
            line.extend_from_slice(&bytes[..length.min(room)]);
            let is_last = bytes.is_empty();
            self.reader.consume(length + usize::from(end.is_some()));
            if end.is_some() || is_last {
                self.number += u64::from(has_bytes);
                return Ok(has_bytes.then_some(self.number));
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar(length: Option<u64>) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = if length.is_some() {
        ProgressStyle::with_template("{bar:40} {percent}%  {bytes} of {total_bytes}, {eta} left")
    } else {
        ProgressStyle::with_template("{spinner} {bytes}, {bytes_per_sec}")
    };
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}

/// The first bytes of gzip (RFC 1952 §2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];
const BUFFER: usize = 128 * 1024;
/// Longer than any line that a server writes.
const LONGEST: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, usize)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all(bytes).unwrap();
        let mut lines = Lines::open(file.path()).unwrap();
        let (mut read, mut line) = (Vec::new(), Vec::new());
        while let Some(number) = lines.next(&mut line).unwrap() {
            read.push((number, line.len()));
        }
        read
    }

    #[test]
    fn lines_are_read_from_text_and_gzip() {
        let text = [b"ab\n\nc\n".as_slice(), &vec![b'x'; LONGEST + 7], b"\nlast"].concat();
        let expected = [(1, 2), (2, 0), (3, 1), (4, LONGEST), (5, 4)];
        assert_eq!(lines(&text), expected);
        let mut gzip = Vec::new();
        // Two members, as when logs are appended to each other.
        for part in [&text[..5], &text[5..]] {
            let mut encoder = flate2::write::GzEncoder::new(&mut gzip, flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap();
        }
        assert_eq!(lines(&gzip), expected);
        assert_eq!(lines(b""), []);
        assert!(Lines::open(Path::new("/")).is_err());
    }
}
