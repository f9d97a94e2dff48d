//! Where the reader is inside an envelope.

use std::ops::Range;

use memchr::memmem;
use quick_xml::events::BytesStart;
use quick_xml::name::ResolveResult;

use super::{Envelope, EnvelopeError, TokenPlace};
use crate::policy::campaign_tokens::TokenKind;

/// The reader's position, and what it has found.
pub(super) struct Position<'b> {
    bytes: &'b [u8],
    found: Envelope,
    /// Number of open elements.
    depth: usize,
    section: Section,
    /// The element that holds a token or a parameter: its depth, its first byte, what it is.
    open: Option<OpenElement>,
    /// Set when the method, its token and, for a logon, its parameters were read.
    is_method_read: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Before,
    Envelope,
    Header,
    Body,
    Method,
}

struct OpenElement {
    depth: usize,
    from: usize,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Token(TokenKind),
    Cookie,
    /// A parameter of the method; the first is the session token.
    Parameter,
}

/// The namespace of an element; `None` without one.
pub(super) fn namespace(resolved: &ResolveResult<'_>) -> Option<String> {
    match resolved {
        ResolveResult::Bound(namespace) => Some(namespace.as_ref().to_owned()),
        ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
    }
}

impl<'b> Position<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            found: Envelope::default(),
            depth: 0,
            section: Section::Before,
            open: None,
            is_method_read: false,
        }
    }

    /// An element begins; its content starts at `from`.
    pub(super) fn start(
        &mut self,
        tag: &BytesStart<'_>,
        namespace: Option<&str>,
        from: usize,
    ) -> Result<(), EnvelopeError> {
        let name = tag.local_name();
        let name = name.as_ref();
        match (self.section, self.depth) {
            (Section::Before, 0) if name == "Envelope" => self.section = Section::Envelope,
            (Section::Before, _) => return Err(EnvelopeError::NotSoap),
            (Section::Envelope, 1) => match name {
                "Header" if self.is_method_read => {
                    return Err(EnvelopeError::Refused("its header after its body"));
                }
                "Header" => self.section = Section::Header,
                "Body" if self.is_method_read => return Err(EnvelopeError::Refused("two bodies")),
                "Body" => self.section = Section::Body,
                _ => {}
            },
            (Section::Header, _) if self.open.is_none() => {
                if let Some(holds) = header_token(name) {
                    self.open = Some(OpenElement { depth: self.depth, from, holds });
                }
            }
            (Section::Body, 2) if self.is_method_read => return Err(EnvelopeError::Refused("two methods")),
            (Section::Body, 2) => {
                self.section = Section::Method;
                let schema = namespace.map(|namespace| namespace.strip_prefix("urn:").unwrap_or(namespace));
                self.found.method =
                    schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}#{name}"));
            }
            (Section::Method, 3) if self.wants_parameter() => {
                self.open = Some(OpenElement { depth: 3, from, holds: Holds::Parameter });
            }
            (Section::Method, _) if name == "client" && self.is_logon() => {
                let build = tag
                    .attributes()
                    .flatten()
                    .find(|attribute| attribute.key.local_name().as_ref() == "build");
                self.found.client_build = build.and_then(|build| build.value.trim().parse().ok());
            }
            _ => {}
        }
        self.depth += 1;
        let is_parameter = self.section == Section::Method && self.depth > 3;
        if !is_parameter && self.depth > MAX_DEPTH {
            return Err(EnvelopeError::Refused("too many nested elements"));
        }
        Ok(())
    }

    /// An element ends; its end tag starts at `to`.
    pub(super) fn end(&mut self, to: usize) {
        self.depth = self.depth.saturating_sub(1);
        if let Some(open) = self.open.take_if(|open| open.depth == self.depth) {
            self.close(open.holds, open.from..to.max(open.from));
        }
        match (self.section, self.depth) {
            (Section::Header | Section::Body, 1) => {
                self.is_method_read |= self.section == Section::Body;
                self.section = Section::Envelope;
            }
            (Section::Method, 2) => {
                self.is_method_read = true;
                self.section = Section::Body;
            }
            _ => {}
        }
    }

    /// The content of a token or a parameter is complete.
    fn close(&mut self, holds: Holds, span: Range<usize>) {
        let kind = match holds {
            Holds::Token(kind) => kind,
            Holds::Cookie => return self.cookie(span),
            Holds::Parameter => {
                self.found.parameters.push(span.clone());
                if self.found.parameters.len() > 1 {
                    return;
                }
                TokenKind::Session
            }
        };
        let value = text_of(&self.bytes[span.clone()]);
        self.found.tokens.push(TokenPlace { kind, span, value });
    }

    /// `__sessiontoken=…` in the header's element `Cookie`.
    fn cookie(&mut self, span: Range<usize>) {
        let text = &self.bytes[span.clone()];
        for at in memmem::find_iter(&text.to_ascii_lowercase(), COOKIE) {
            let from = at + COOKIE.len();
            let length = text[from..].iter().position(|byte| *byte == b';').unwrap_or(text.len() - from);
            let place = span.start + from..span.start + from + length;
            let value = text_of(&self.bytes[place.clone()]);
            self.found.tokens.push(TokenPlace { kind: TokenKind::Session, span: place, value });
        }
    }

    /// Text between elements. Between the structural elements there is only white space.
    pub(super) fn text(&self, text: &str) -> Result<(), EnvelopeError> {
        let is_structure = matches!(self.section, Section::Before | Section::Envelope);
        if is_structure && !text.trim_start_matches('\u{feff}').trim().is_empty() {
            return Err(EnvelopeError::NotSoap);
        }
        Ok(())
    }

    fn is_logon(&self) -> bool {
        [LOGON, BEARER_LOGON].contains(&self.found.method.as_str())
    }

    fn wants_parameter(&self) -> bool {
        self.found.parameters.is_empty() || self.is_logon()
    }

    /// True when the gateway does not need the rest.
    pub(super) fn is_enough(&self) -> bool {
        !self.is_logon() && (self.is_method_read || !self.found.parameters.is_empty())
    }

    /// What was found in a complete envelope.
    pub(super) fn into_result(self) -> Option<Envelope> {
        (self.is_method_read || self.is_enough()).then_some(self.found)
    }

    /// What was found so far, if it is enough.
    pub(super) fn into_early_result(self) -> Option<Envelope> {
        self.is_enough().then_some(self.found)
    }
}

/// A reference: only the five of XML and characters by number. Others need a document type.
pub(super) fn check_reference(name: &str) -> Result<(), EnvelopeError> {
    if name.starts_with('#') || ["amp", "lt", "gt", "quot", "apos"].contains(&name) {
        Ok(())
    } else {
        Err(EnvelopeError::Refused("an entity"))
    }
}

fn header_token(name: &str) -> Option<Holds> {
    match name.to_ascii_lowercase().as_str() {
        "sessiontoken" | "__sessiontoken" | "x-session-token" => Some(Holds::Token(TokenKind::Session)),
        "securitytoken" | "__securitytoken" | "x-security-token" => Some(Holds::Token(TokenKind::Security)),
        "cookie" => Some(Holds::Cookie),
        _ => None,
    }
}

/// The text of an element's content: references resolved, tags and comments left out, CDATA sections opened.
pub(super) fn text_of(content: &[u8]) -> String {
    let content = String::from_utf8_lossy(content);
    let mut reader = quick_xml::Reader::from_str(&content);
    let mut text = String::new();
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Text(part)) => text.push_str(&part),
            Ok(quick_xml::events::Event::CData(part)) => text.push_str(&part),
            Ok(quick_xml::events::Event::GeneralRef(name)) => {
                let reference = format!("&{};", &*name);
                text.push_str(&quick_xml::escape::unescape(&reference).unwrap_or_default());
            }
            Ok(quick_xml::events::Event::Eof) | Err(_) => return text.trim().to_owned(),
            Ok(_) => {}
        }
    }
}

pub const LOGON: &str = "xtk:session#Logon";
pub const LOGOFF: &str = "xtk:session#Logoff";
pub const BEARER_LOGON: &str = "xtk:session#BearerTokenLogon";
const COOKIE: &[u8] = b"__sessiontoken=";
/// More than any client's header has.
const MAX_DEPTH: usize = 32;
