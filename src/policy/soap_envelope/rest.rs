//! The rest of a large envelope, which is forwarded unchanged. Only its structure is checked: no second header, body or call may follow.

use super::EnvelopeError;

/// Follows the tags of an envelope from its first byte, without holding more than one name.
#[derive(Debug, Default)]
pub struct EnvelopeRest {
    state: ScanState,
    /// Number of open elements.
    depth: usize,
    /// True after the end of the first element in `Body`.
    has_method: bool,
    is_in_body: bool,
    has_body: bool,
    /// The name of a tag at the two outermost levels, without its prefix.
    name: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ScanState {
    #[default]
    Text,
    Begin,
    /// Inside the name of a start tag.
    Name,
    /// Inside a start tag, after its name; whether the last byte was `/`.
    Tag(bool),
    /// Inside the value of an attribute, up to this quote.
    Quoted(u8),
    EndTag,
    /// Inside a comment, a CDATA section, a processing instruction or a declaration, up to the end of this kind.
    Special(Special),
}

/// What begins with `<!` or `<?`, and how much of its end was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    /// After `<!`: which kind it is.
    Unknown,
    Comment(u8),
    Section(u8),
    Instruction(u8),
    /// A document type: only its outermost `>` counts. Never inside an envelope.
    Other,
}

impl EnvelopeRest {
    /// Reads the next bytes.
    ///
    /// # Errors
    /// When an element follows that two programs may read differently.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), EnvelopeError> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.state == ScanState::Text {
                let Some(tag) = memchr::memchr(b'<', rest) else { return Ok(()) };
                at += tag + 1;
                self.state = ScanState::Begin;
                continue;
            }
            self.step(rest[0])?;
            at += 1;
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), EnvelopeError> {
        self.state = match (self.state, byte) {
            (ScanState::Text, _) => ScanState::Text,
            (ScanState::Begin, b'/') => ScanState::EndTag,
            (ScanState::Begin, b'!') => ScanState::Special(Special::Unknown),
            (ScanState::Begin, b'?') => ScanState::Special(Special::Instruction(0)),
            (ScanState::Begin, _) => {
                self.name.clear();
                self.add_to_name(byte);
                ScanState::Name
            }
            (ScanState::Name | ScanState::Tag(_), b'>') => {
                self.start(self.state == ScanState::Tag(true) || self.name.last() == Some(&b'/'))?;
                ScanState::Text
            }
            (ScanState::Name, b' ' | b'\t' | b'\r' | b'\n') => ScanState::Tag(false),
            (ScanState::Name, _) => {
                self.add_to_name(byte);
                ScanState::Name
            }
            (ScanState::Tag(_), quote @ (b'"' | b'\'')) => ScanState::Quoted(quote),
            (ScanState::Tag(_), _) => ScanState::Tag(byte == b'/'),
            (ScanState::Quoted(quote), _) if byte == quote => ScanState::Tag(false),
            (ScanState::EndTag, b'>') => {
                self.end();
                ScanState::Text
            }
            (state @ (ScanState::Quoted(_) | ScanState::EndTag), _) => state,
            (ScanState::Special(special), _) => {
                special.step(byte).map_or(ScanState::Text, ScanState::Special)
            }
        };
        Ok(())
    }

    fn add_to_name(&mut self, byte: u8) {
        match byte {
            b':' => self.name.clear(),
            _ if self.name.len() < MAX_NAME => self.name.push(byte),
            // Longer than each name that counts; its last byte may be a `/`.
            _ => self.name[MAX_NAME - 1] = byte,
        }
    }

    fn start(&mut self, is_empty: bool) -> Result<(), EnvelopeError> {
        let name = self.name.strip_suffix(b"/").unwrap_or(&self.name);
        match self.depth {
            1 if self.has_body => return Err(EnvelopeError::Refused("an element after its body")),
            1 => self.is_in_body = name == b"Body",
            2 if self.is_in_body && self.has_method => return Err(EnvelopeError::Refused("two methods")),
            _ => {}
        }
        self.depth += 1;
        if is_empty {
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.is_in_body {
            self.has_method |= self.depth == 2;
            self.has_body |= self.depth == 1;
        }
    }
}

impl Special {
    /// The state after this byte; `None` at the end.
    fn step(self, byte: u8) -> Option<Self> {
        let seen = |seen: u8, closing: u8| match (byte, seen) {
            (b'>', 2..) => None,
            _ if byte == closing => Some(seen.saturating_add(1)),
            _ => Some(0),
        };
        match self {
            Self::Unknown => Some(match byte {
                b'-' => Self::Comment(0),
                b'[' => Self::Section(0),
                _ => Self::Other,
            }),
            Self::Comment(count) => seen(count, b'-').map(Self::Comment),
            Self::Section(count) => seen(count, b']').map(Self::Section),
            Self::Instruction(count) => match (byte, count) {
                (b'>', 1) => None,
                _ => Some(Self::Instruction(u8::from(byte == b'?'))),
            },
            Self::Other => (byte != b'>').then_some(Self::Other),
        }
    }
}

const MAX_NAME: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(text: &str, size: usize) -> Result<(), EnvelopeError> {
        let mut rest = EnvelopeRest::default();
        text.as_bytes().chunks(size).try_for_each(|piece| rest.push(piece))
    }

    fn envelope(body: &str, after: &str) -> String {
        format!(
            "<?xml version='1.0'?><E:Envelope xmlns:E='>'><E:Header><a/></E:Header><!-- <E:Body> --><E:Body>{body}</E:Body>{after}</E:Envelope>"
        )
    }

    #[test]
    fn nothing_follows_the_method() {
        let call =
            "<q:Write xmlns:q=\"a>b\"><t/><x a='/'><![CDATA[</E:Body><E:Header>]]>text<y/></x></q:Write>";
        for size in [1, 7, 1000] {
            assert_eq!(scan(&envelope(call, " <!-- <E:Header> --> "), size), Ok(()));
            for after in ["<E:Header/>", "<Header>x</Header>", "<E:Body/>", "<other>"] {
                assert!(scan(&envelope(call, after), size).is_err(), "{after}");
            }
            assert!(scan(&envelope(&format!("{call}{call}"), ""), size).is_err());
            assert!(scan(&envelope(&format!("<a/>{call}"), ""), size).is_err());
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_reader_of_whole_envelopes(
            inner in "(<a></a>|<a>t<c/></a>|<b x='>'/>|t|<!-- <c> -->|<!\\[CDATA\\[<d>\\]\\]>){0,6}", after in "(<E:Header/>|<E:Body/>| |<!-- x -->){0,2}", size in 1_usize..9,
        ) {
            let text = envelope(&format!("<m><t/>{inner}</m>"), &after);
            // Where the reader understands the whole envelope, this one refuses what the reader refuses, and other elements after the body.
            if let Ok(found) = super::super::Envelope::read(text.as_bytes(), true) {
                prop_assert_eq!(found.method, "m");
                prop_assert_eq!(scan(&text, size), Ok(()));
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = EnvelopeRest::default().push(&bytes);
        }
    }
}
