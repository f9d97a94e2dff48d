//! SOAP responses of the gateway's own, as Campaign sends them.

use http::HeaderMap;

use super::decompress::decompress;
use super::soap::escape;
use crate::policy::session_fault::{self, FaultReport, SESSION_EXPIRED};

/// What a response reports about the Campaign session. `beginning` is the beginning of its body, compressed or not.
pub fn session_report(headers: &HeaderMap, beginning: &[u8]) -> FaultReport {
    session_fault::report(&decompress(headers, beginning))
}

/// The response to a SOAP call without a valid session. Campaign's clients look for the code in the text.
pub fn session_expired_fault() -> String {
    soap_fault(&format!("{SESSION_EXPIRED} Session has expired or is invalid. Please reconnect."))
}

/// The response to `xtk:session#Logoff`.
pub fn logoff_response() -> String {
    "<?xml version='1.0'?><SOAP-ENV:Envelope xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/'>\
     <SOAP-ENV:Body><LogoffResponse xmlns='urn:xtk:session'></LogoffResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>"
        .to_owned()
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
