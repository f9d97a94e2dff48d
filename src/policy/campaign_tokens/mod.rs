//! Campaign's tokens in a request: where they can be, and what happens to each value.
//!
//! Campaign accepts its session token in more places than the cookie: as the field `__sessiontoken` of a query, a form or a multipart
//! body, in the header of a SOAP envelope, and as the first parameter of a SOAP call. In all of these places it also accepts
//! `login/password`. So each value is judged before it reaches Campaign.

mod field;
mod form;
mod multipart;
mod owned;
mod query;

pub use form::FormScanner;
pub use multipart::{MultipartScanner, boundary};
pub use owned::{OwnTokens, TokenPair, account_of};
pub use query::exchange_query;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The session token. Its value decides who the caller is.
    Session,
    /// The security token, Campaign's protection against cross-site requests. A wrong one gives nobody access.
    Security,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAction {
    /// It is forwarded unchanged.
    Keep,
    /// This value is forwarded in its place.
    Replace(String),
    Refuse,
}

/// Decides about one value. It may record the values.
pub trait Judge {
    fn judge(&mut self, kind: TokenKind, value: &str) -> TokenAction;
}

impl<F: FnMut(TokenKind, &str) -> TokenAction> Judge for F {
    fn judge(&mut self, kind: TokenKind, value: &str) -> TokenAction {
        self(kind, value)
    }
}

/// A value in the request may not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request holds a session token of another session, or a login with its password")]
pub struct ForeignToken;

/// Where a scanner writes the body as it is forwarded. `None`: nothing can be replaced, so the caller forwards the original.
type Output<'a> = Option<&'a mut Vec<u8>>;

fn emit(output: &mut Output<'_>, bytes: &[u8]) {
    if let Some(output) = output {
        output.extend_from_slice(bytes);
    }
}

/// Longest value of a token field. A Campaign token has less than 100 bytes, one of the gateway about 400. A longer one is foreign.
const MAX_VALUE: usize = 4096;
