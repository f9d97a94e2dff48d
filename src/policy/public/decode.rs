//! Readings of a path byte by byte, without memory of their own.

/// The bytes with each `%XX` decoded once; an incomplete one stays as it is (RFC 3986 §2.1).
pub(super) fn percent_decoded<I: Iterator<Item = u8> + Clone>(bytes: I) -> PercentDecoded<I> {
    PercentDecoded { bytes }
}

/// The bytes without `;…` up to the next slash, and with runs of slashes as one.
pub(super) fn without_parameters<I: Iterator<Item = u8> + Clone>(
    bytes: I,
) -> impl Iterator<Item = u8> + Clone {
    let parameters = bytes.scan(false, |inside, byte| {
        *inside = (*inside || byte == b';') && byte != b'/';
        Some((!*inside).then_some(byte))
    });
    parameters
        .flatten()
        .scan(false, |slash, byte| {
            let repeated = *slash && byte == b'/';
            *slash = byte == b'/';
            Some((!repeated).then_some(byte))
        })
        .flatten()
}

/// True when `needle` stands somewhere in `bytes`.
pub(super) fn contains(mut bytes: impl Iterator<Item = u8> + Clone, needle: &[u8]) -> bool {
    loop {
        if bytes.clone().take(needle.len()).eq(needle.iter().copied()) {
            return true;
        }
        if bytes.next().is_none() {
            return false;
        }
    }
}

/// See [`percent_decoded`].
#[derive(Clone)]
pub(super) struct PercentDecoded<I> {
    bytes: I,
}

impl<I: Iterator<Item = u8> + Clone> Iterator for PercentDecoded<I> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.next()?;
        if byte == b'%' {
            let mut ahead = self.bytes.clone();
            if let (Some(high), Some(low)) = (ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                self.bytes = ahead;
                return Some(high << 4 | low);
            }
        }
        Some(byte)
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: impl Iterator<Item = u8>) -> String {
        bytes.map(char::from).collect()
    }

    #[test]
    fn decoding_goes_one_layer_deep() {
        assert_eq!(text(percent_decoded(b"%41%2e%252e%4%zz%".iter().copied())), "A.%2e%4%zz%");
    }

    #[test]
    fn parameters_end_at_the_next_slash() {
        assert_eq!(text(without_parameters(b"//a;x=1//b;y;z".iter().copied())), "/a/b");
    }
}
