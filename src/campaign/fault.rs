//! Faults in Campaign's own shape, for clients that know only those.

use http::HeaderMap;

use super::packed::unpacked;
use super::soap::escape;

/// True when an answer says that the Campaign session is over; the beginning of its body is enough.
pub fn says_session_expired(headers: &HeaderMap, beginning: &[u8]) -> bool {
    let text = unpacked(headers, beginning);
    memchr::memmem::find(&text, SESSION_EXPIRED.as_bytes()).is_some()
}

const SESSION_EXPIRED: &str = "XSV-350008";

/// The answer to a SOAP call without a valid session. Campaign's clients look for the code in the text.
pub fn session_expired_fault() -> String {
    soap_fault(&format!("{SESSION_EXPIRED} Session has expired or is invalid. Please reconnect."))
}

/// A fault with this text (SOAP 1.1 §4.4).
pub fn soap_fault(text: &str) -> String {
    let text = escape(text);
    format!(
        "<?xml version='1.0'?><SOAP-ENV:Envelope xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/'>\
         <SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode>\
         <faultstring xsi:type='xsd:string' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
         xmlns:xsd='http://www.w3.org/2001/XMLSchema'>{text}</faultstring>\
         <detail xsi:type='xsd:string' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
         xmlns:xsd='http://www.w3.org/2001/XMLSchema'>{text}</detail></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
}
