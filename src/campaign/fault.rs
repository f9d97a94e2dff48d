//! SOAP faults of Campaign, and SOAP responses of the gateway's own, as Campaign sends them.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};

use super::decompress::decompress;
use super::soap::escape;
use crate::policy::session_fault::{self, FaultReport, SESSION_EXPIRED};

/// Campaign's response with a fault.
pub struct FaultResponse(Box<Response<Bytes>>);

impl FaultResponse {
    /// This response. `secret` is left out of its body: Campaign may quote the token that it refuses.
    pub(super) fn without(response: &Response<Bytes>, secret: &SecretString) -> Self {
        let mut kept = Response::new(response.body().clone());
        *kept.status_mut() = response.status();
        if let Some(kind) = response.headers().get(header::CONTENT_TYPE) {
            kept.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        let secret = secret.expose_secret();
        if !secret.is_empty() && memchr::memmem::find(kept.body(), secret.as_bytes()).is_some() {
            let body = String::from_utf8_lossy(kept.body()).replace(secret, "…");
            *kept.body_mut() = body.into();
        }
        Self(Box::new(kept))
    }

    pub fn body(&self) -> &[u8] {
        self.0.body()
    }

    /// The response for a client: status, content type and body. `None` for a redirect, which leads nowhere outside Campaign.
    pub fn for_client(&self) -> Option<Response<Bytes>> {
        let status = self.0.status();
        (status == StatusCode::OK || status.is_client_error() || status.is_server_error())
            .then(|| (*self.0).clone())
    }
}

impl fmt::Debug for FaultResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultResponse({})", self.0.status())
    }
}

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
