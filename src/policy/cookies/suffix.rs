//! The suffix of cookie names.

use serde::Deserialize;

/// What tells the cookies of two gateways apart that share a host name: cookies do not know ports (RFC 6265 §8.5).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CookieSuffix(pub(super) String);

impl CookieSuffix {
    /// Letters and digits, 32 at most; none of the words that the names of cookies end in.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        let taken = ["login", "fresh", "was", "kept"].iter().any(|word| text.eq_ignore_ascii_case(word));
        (shape && !taken).then(|| Self(text.to_owned()))
    }
}

impl TryFrom<String> for CookieSuffix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("is no suffix of cookie names")
    }
}
