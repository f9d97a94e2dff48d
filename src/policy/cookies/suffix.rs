//! The suffix of cookie names.

use serde::Deserialize;

/// Separates the cookies of two gateways on one host name. Cookies do not depend on the port (RFC 6265 §8.5).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CookieSuffix(pub(super) String);

impl CookieSuffix {
    /// Reads 1 to 32 ASCII letters and digits. `None` for the words that the gateway's own cookie names end with.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        let taken = ["login", "fresh", "was", "kept"].iter().any(|word| text.eq_ignore_ascii_case(word));
        (shape && !taken).then(|| Self(text.to_owned()))
    }
}

impl TryFrom<String> for CookieSuffix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("must be 1 to 32 letters and digits, and not login, fresh, was or kept")
    }
}
