//! Reads the beginning of a SOAP envelope: which method it calls, and where its tokens are.
//!
//! Campaign reads a call by position. The first element in `Body` is the method, its first parameter is the session token, whatever its
//! name is. Names of parameters vary between clients. SOAP 1.1 and SOAP 1.2 have the same structure. Tokens may also stand in `Header`.

mod encoding;
mod position;
mod rest;

use std::ops::Range;

use quick_xml::NsReader;
use quick_xml::events::Event;

use self::encoding::ascii_image;
use self::position::Position;
pub use self::position::{BEARER_LOGON, LOGOFF, LOGON};
pub use self::rest::EnvelopeRest;
use super::campaign_tokens::TokenKind;

/// The part of a call that the gateway needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// `schema#Method`, as in the header field `SOAPAction`. Without a namespace, only the name.
    pub method: String,
    /// Every place with a token, in the order of the text.
    pub tokens: Vec<TokenPlace>,
    /// The bytes of each parameter's content, the session token's included. Only for a logon; otherwise only the first one.
    pub parameters: Vec<Range<usize>>,
    /// The attribute `build` of the element `client`, which the client console sends with a logon.
    pub client_build: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPlace {
    pub kind: TokenKind,
    /// Its bytes in the envelope, as they are written there.
    pub span: Range<usize>,
    pub value: String,
}

/// Why an envelope cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The part that concerns the gateway is not complete yet.
    #[error("the envelope is not complete")]
    Incomplete,
    /// It is no SOAP envelope. Campaign cannot read it either.
    #[error("the body is no SOAP envelope")]
    NotSoap,
    /// It uses what no client of Campaign uses, and what two programs may read differently.
    #[error("the envelope has {0}")]
    Refused(&'static str),
}

impl Envelope {
    /// Reads the beginning of an envelope. `complete` is true when `bytes` is the whole envelope.
    ///
    /// # Errors
    /// [`EnvelopeError::Incomplete`] when more bytes are needed; otherwise see there.
    pub fn read(bytes: &[u8], complete: bool) -> Result<Self, EnvelopeError> {
        let image = ascii_image(bytes)?;
        if image.trim_start().starts_with(|first: char| first != '<') {
            // A multipart body with an envelope in it: no client of Campaign sends one, and its tokens would not be seen.
            let hides_envelope = image.contains(":Envelope") || image.contains("<Envelope");
            let refused = EnvelopeError::Refused("other text in front of it");
            return Err(if hides_envelope { refused } else { EnvelopeError::NotSoap });
        }
        let mut reader = NsReader::from_str(&image);
        reader.config_mut().check_end_names = true;
        let mut position = Position::new(bytes);
        loop {
            let start = offset(reader.buffer_position());
            let event = match reader.read_resolved_event() {
                Ok((namespace, event)) => (position::namespace(&namespace), event),
                // A tag that is not complete is an error for the XML reader.
                Err(_) if complete => return position.into_result().ok_or(EnvelopeError::NotSoap),
                Err(_) => return position.into_early_result().ok_or(EnvelopeError::Incomplete),
            };
            let end = offset(reader.buffer_position());
            let (namespace, event) = event;
            match event {
                Event::Start(tag) => position.start(&tag, namespace.as_deref(), end)?,
                Event::Empty(tag) => {
                    position.start(&tag, namespace.as_deref(), end)?;
                    position.end(end);
                }
                Event::End(_) => position.end(start),
                Event::Text(text) => position.text(&text)?,
                Event::GeneralRef(name) => position::check_reference(&name)?,
                Event::DocType(_) => return Err(EnvelopeError::Refused("a document type")),
                Event::Decl(declaration) => encoding::check(&declaration)?,
                Event::CData(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof if complete => return position.into_result().ok_or(EnvelopeError::NotSoap),
                Event::Eof => return position.into_early_result().ok_or(EnvelopeError::Incomplete),
            }
            // A large envelope is read only as far as it concerns the gateway. A complete one is read to its end: its header may follow.
            if !complete && position.is_enough() {
                return position.into_result().ok_or(EnvelopeError::NotSoap);
            }
        }
    }

    /// The decoded text of a parameter: 0 is the session token. Empty when there is none.
    pub fn parameter(&self, bytes: &[u8], index: usize) -> String {
        self.parameters.get(index).map(|span| position::text_of(&bytes[span.clone()])).unwrap_or_default()
    }

    /// The envelope with these token values, each with the index of the token that it replaces.
    pub fn with_tokens(&self, bytes: &[u8], values: &[(usize, String)]) -> Vec<u8> {
        let mut output = Vec::with_capacity(bytes.len() + 64);
        let mut copied = 0;
        for (index, value) in values {
            let span = &self.tokens[*index].span;
            output.extend_from_slice(&bytes[copied..span.start]);
            output.extend_from_slice(quick_xml::escape::escape(value).as_bytes());
            copied = span.end;
        }
        output.extend_from_slice(&bytes[copied..]);
        output
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
