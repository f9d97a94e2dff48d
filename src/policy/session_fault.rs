//! Detects from the beginning of a Campaign response that its session has expired: XSV-350008, or "Authentication failure", which a page
//! answers when its URL holds a token.
//!
//! The code counts only inside a SOAP fault (SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4), or at the start of a plain-text response. Anywhere
//! else it is data: journals, delivery logs and query results quote it.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// The code of the error.
pub const SESSION_EXPIRED: &str = "XSV-350008";

/// The text of a refused page.
const AUTHENTICATION_FAILURE: &str = "Authentication failure";

/// The result for the beginning of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultReport {
    SessionExpired,
    /// A page was refused because of its session.
    PageRefused,
    /// The response reports something else.
    Other,
    /// More of the response is needed.
    Undecided,
}

/// Reads the beginning of a response, without content coding.
pub fn report(beginning: &[u8]) -> FaultReport {
    // The text may end within a character, and some Campaign builds write ISO-8859-1. The code is ASCII in all encodings.
    let text = String::from_utf8_lossy(beginning);
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_ascii_whitespace());
    if text.is_empty() {
        FaultReport::Undecided
    } else if text.starts_with('<') {
        xml(text)
    } else if is_code(text) {
        FaultReport::SessionExpired
    } else if text.starts_with(AUTHENTICATION_FAILURE) {
        FaultReport::PageRefused
    } else if SESSION_EXPIRED.starts_with(text) || AUTHENTICATION_FAILURE.starts_with(text) {
        FaultReport::Undecided
    } else {
        FaultReport::Other
    }
}

/// True when the text begins with the code, not with a longer one.
fn is_code(text: &str) -> bool {
    text.strip_prefix(SESSION_EXPIRED)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
}

fn holds_code(text: &str) -> bool {
    text.match_indices(SESSION_EXPIRED).any(|(at, _)| is_code(&text[at..]))
}

/// Reads `Envelope`, `Body` and the first element in it. The text of that element counts if it is `Fault`.
fn xml(text: &str) -> FaultReport {
    let mut reader = NsReader::from_str(text);
    let mut position = FaultPosition { depth: 0, in_body: false, fault: None };
    loop {
        // The XML reader reports an incomplete tag as an error.
        let Ok((namespace, event)) = reader.read_resolved_event() else { return FaultReport::Undecided };
        let step = match event {
            Event::Start(start) => position.start(&start, &namespace),
            Event::Empty(start) => position.empty(&start, &namespace),
            Event::End(_) => position.end(),
            Event::Text(text) => position.text(&text),
            Event::CData(text) => position.text(&text),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok().flatten();
                position.text(character.map(String::from).as_deref().unwrap_or(" "))
            }
            Event::Eof => return FaultReport::Undecided,
            _ => None,
        };
        if let Some(report) = step {
            return report;
        }
    }
}

struct FaultPosition {
    /// Number of open elements.
    depth: usize,
    /// True inside the `Body` of the envelope.
    in_body: bool,
    /// The text of the fault so far.
    fault: Option<String>,
}

impl FaultPosition {
    fn start(&mut self, start: &BytesStart<'_>, namespace: &ResolveResult<'_>) -> Option<FaultReport> {
        if self.fault.is_none() {
            let is = |name: &str| start.local_name().as_ref() == name && is_soap(namespace);
            match (self.depth, self.in_body) {
                (0, _) if is("Envelope") => {}
                (1, _) => self.in_body = is("Body"),
                (2, true) if is("Fault") => self.fault = Some(String::new()),
                (0, _) | (2, true) => return Some(FaultReport::Other),
                // Inside the SOAP header.
                _ => {}
            }
        }
        self.depth += 1;
        self.break_text();
        None
    }

    /// An element without content.
    fn empty(&mut self, start: &BytesStart<'_>, namespace: &ResolveResult<'_>) -> Option<FaultReport> {
        self.start(start, namespace).or_else(|| self.end())
    }

    fn end(&mut self) -> Option<FaultReport> {
        self.depth = self.depth.saturating_sub(1);
        self.break_text();
        let is_over = match (&self.fault, self.in_body) {
            (Some(_), _) => self.depth <= 2,
            (None, true) => self.depth <= 1,
            (None, false) => self.depth == 0,
        };
        is_over.then_some(FaultReport::Other)
    }

    /// Adds text: entities and CDATA sections split one text into several events.
    fn text(&mut self, text: &str) -> Option<FaultReport> {
        let fault = self.fault.as_mut()?;
        fault.push_str(text);
        holds_code(fault).then_some(FaultReport::SessionExpired)
    }

    /// Separates the texts of two elements.
    fn break_text(&mut self) {
        if let Some(fault) = &mut self.fault {
            fault.clear();
        }
    }
}

/// True in a SOAP namespace, and without a declared namespace: then the position identifies the element.
fn is_soap(namespace: &ResolveResult<'_>) -> bool {
    match namespace {
        ResolveResult::Bound(namespace) => SOAP.contains(&namespace.as_ref()),
        ResolveResult::Unbound | ResolveResult::Unknown(_) => true,
    }
}

/// SOAP 1.1 and 1.2.
const SOAP: [&str; 2] =
    ["http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPIRED: &str = "XSV-350008 Session has expired or is invalid. Please reconnect.";

    fn soap11(body: &str) -> String {
        format!(
            "<?xml version='1.0'?>\n<E:Envelope xmlns:E='{}'><E:Body>{body}</E:Body></E:Envelope>",
            SOAP[0]
        )
    }

    #[test]
    fn a_fault_is_recognized_in_every_form_of_soap() {
        let fault =
            format!("<E:Fault><faultcode>E:Server</faultcode><faultstring>{EXPIRED}</faultstring></E:Fault>");
        let soap12 = format!(
            "<Envelope xmlns='{}'><Header><a>XSV-1</a></Header><Body><Fault><Code><Value>Sender</Value></Code>\
             <Reason><Text xml:lang='en'>{EXPIRED}</Text></Reason></Fault></Body></Envelope>",
            SOAP[1]
        );
        let cases = [
            soap11(&fault),
            soap12,
            soap11(&fault).replace("E:", "SOAP-ENV:").replace("xmlns:E", "xmlns:SOAP-ENV"),
            soap11(&format!("<E:Fault><faultstring><![CDATA[{EXPIRED}]]></faultstring></E:Fault>")),
            soap11(&format!("<E:Fault><detail>-53 <x>{EXPIRED}</x></detail></E:Fault>")),
            soap11("<E:Fault><faultstring>XSV&#45;350008</faultstring></E:Fault>"),
            format!("\u{feff}  <!-- a --><Envelope><Body><Fault>{EXPIRED}</Fault></Body></Envelope>"),
            EXPIRED.to_owned(),
            format!("\u{feff}\r\n{EXPIRED}"),
            SESSION_EXPIRED.to_owned(),
        ];
        for case in cases {
            assert_eq!(report(case.as_bytes()), FaultReport::SessionExpired, "{case}");
        }
        assert_eq!(report(b"\r\nAuthentication failure"), FaultReport::PageRefused);
        assert_eq!(report(b"Authentication fail"), FaultReport::Undecided);
        assert_eq!(report(b"<p>Authentication failure</p>"), FaultReport::Other);
    }

    #[test]
    fn the_code_inside_data_is_not_a_fault() {
        let record = format!("<r xmlns='urn:xtk:queryDef'><log message='{EXPIRED}'>{EXPIRED}</log></r>");
        let quoted = "<E:Fault><faultstring>Error &lt;E:Fault> &amp; others</faultstring></E:Fault>";
        let cases = [
            soap11(&record),
            soap11(&format!("<r><E:Fault><faultstring>{EXPIRED}</faultstring></E:Fault></r>")),
            soap11(&format!("<r>&lt;E:Fault>{EXPIRED}</r>")),
            soap11(&format!("<r><![CDATA[<E:Fault>{EXPIRED}</E:Fault>]]></r>")),
            soap11(&format!("<!-- <E:Fault>{EXPIRED}</E:Fault> --><r/>")),
            soap11(&format!("<r/><E:Fault>{EXPIRED}</E:Fault>")),
            soap11(&format!("<x:Fault xmlns:x='urn:x'>{EXPIRED}</x:Fault>")),
            soap11(&format!("{quoted}<x>{EXPIRED}</x>")),
            soap11("<E:Fault><faultcode>XSV-</faultcode><faultstring>350008</faultstring></E:Fault>"),
            soap11("<E:Fault><faultstring>XSV-3500080</faultstring></E:Fault>"),
            soap11(""),
            "<E:Envelope xmlns:E='urn:x'><E:Body><E:Fault>XSV-350008</E:Fault></E:Body></E:Envelope>"
                .to_owned(),
            format!("<html><body><p>{EXPIRED}</p></body></html>"),
            format!("<Fault>{EXPIRED}</Fault>"),
            format!("How to fix {EXPIRED}"),
            format!("{{\"message\":\"{EXPIRED}\"}}"),
            "XSV-3500081".to_owned(),
            "Authentication".repeat(3),
            "XSV-350012 Invalid login or password".to_owned(),
        ];
        for case in cases {
            assert_eq!(report(case.as_bytes()), FaultReport::Other, "{case}");
        }
    }

    #[test]
    fn a_normal_response_is_decided_before_its_records_arrive() {
        let record = format!("<r xmlns='urn:xtk:queryDef'>{}", "x".repeat(100));
        let text = soap11(&record);
        let decided = text.find("<r").unwrap() + "<r xmlns='urn:xtk:queryDef'>".len();
        assert_eq!(report(&text.as_bytes()[..decided]), FaultReport::Other);
        assert_eq!(report(&text.as_bytes()[..decided - 1]), FaultReport::Undecided);
    }

    #[test]
    fn text_that_is_not_utf8_is_read() {
        let latin1 = b"<?xml version='1.0' encoding='ISO-8859-1'?><Envelope><Header><a>\xe9</a></Header>\
            <Body><Fault><faultstring>\xe9 XSV-350008 La session a expir\xe9</faultstring>";
        assert_eq!(report(latin1), FaultReport::SessionExpired);
    }

    proptest! {
        #[test]
        fn more_text_never_changes_a_decision(
            data in "[ -~é]{0,40}", in_fault: bool, cut in 0_usize..400, noise in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let text = quick_xml::escape::escape(format!("{data} {EXPIRED}")).into_owned();
            let inner = if in_fault { format!("<E:Fault><faultstring>{text}") } else { format!("<r>{text}") };
            let whole = soap11(&inner);
            let wanted = if in_fault { FaultReport::SessionExpired } else { FaultReport::Other };
            let part = report(&whole.as_bytes()[..cut.min(whole.len())]);
            prop_assert!(part == FaultReport::Undecided || part == wanted);
            let early = report(&noise);
            let later = report(&[&noise[..], whole.as_bytes()].concat());
            prop_assert!(early == FaultReport::Undecided || early == later || std::str::from_utf8(&noise).is_err());
        }
    }
}
