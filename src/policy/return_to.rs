//! The address to open after a login or sign-out. It is always an address of this gateway's origin.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::path::CanonicalPath;

/// Longest return address in bytes. A longer one is refused, not cut.
pub const MAX_LENGTH: usize = 2048;

/// Characters that browsers encode in a query. `#` begins a fragment.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// An origin-relative address (path, query and fragment) that no browser can read as another origin.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Parses an address from outside: a path of this origin, optionally with query and fragment. `None` for anything else, and for the
    /// gateway's own routes except `/ims/me` (a return to `/ims/logout` would be a loop).
    pub fn parse(raw: &str) -> Option<Self> {
        // Browsers drop tabs and line breaks before they read an address (WHATWG URL §4.4).
        if raw.starts_with("//") || raw.bytes().any(|b| b.is_ascii_control()) {
            return None;
        }
        let path = &raw[..raw.find(['?', '#']).unwrap_or(raw.len())];
        // Browsers convert `\` to `/` in a path, but not in query and fragment.
        if path.contains([' ', '\\']) {
            return None;
        }
        CanonicalPath::parse(path).ok()?;
        let own = path == "/ims" || path.starts_with("/ims/");
        // Encoded as browsers do (WHATWG URL §4.3), because `Location` is ASCII.
        let address = utf8_percent_encode(raw, ENCODED).to_string();
        (address.len() <= MAX_LENGTH && (!own || path == "/ims/me")).then_some(Self(address))
    }

    /// Like [`ReturnTo::parse`], but returns `/` for a refused address.
    pub fn parse_or_root(raw: &str) -> Self {
        Self::parse(raw).unwrap_or_default()
    }

    /// The address, valid in a `Location` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl From<ReturnTo> for String {
    fn from(value: ReturnTo) -> Self {
        value.0
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = &'static str;

    fn try_from(value: String) -> Result<Self, Self::Error> {
        Self::parse(&value).ok_or("not an address of this gateway")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_outside_the_origin_become_the_root() {
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for raw in [
            "",
            "evil",
            "/\\evil.com",
            "/%09/evil.com",
            "/\t/evil.com",
            "//evil.com",
            "/\n\\evil.com",
            "/\r\\evil.com",
            "/\u{b}\\evil.com",
            "/ /evil.com",
            "/./../../\\evil.com",
            "https://badexample.com",
            "https://evil.corp?rd=example.com",
            "https://example.com@google.com/",
            "//https:///www.google.com/%2e%2e",
            "http:x@[::216.58.214.206]",
            "http://0330.072.0326.0316",
            "javascript:alert(1)",
            "/path%0d%0aSet-Cookie:x=1",
            "/ims/logout",
            "/ims/login?return_to=/",
            "/ims",
            "/ims#x",
            "/ims/logout#x",
            "/a\\b?x=1",
            "/view?x=a\tb",
            "/view#a\nb",
            "/view?x=\u{7f}",
            "/view\\#x",
            "?x=/",
            "#x",
            &long,
        ] {
            assert_eq!(ReturnTo::parse_or_root(raw).as_str(), "/", "{raw:?}");
        }
    }

    #[test]
    fn addresses_of_this_origin_are_unchanged() {
        for raw in [
            "/",
            "/view/home",
            "/view/home?x=https://other/&y=%0a",
            "/ims/me",
            "/imsx/logout",
            "/a//b",
            "/?",
            "/view?x=a\\b",
            "/view?x=\\\\evil.com",
            "/view#tab=2",
            "/view?a=1#/inbox?b=\\",
            "/ims/me#sessions",
            "/view?q={a|b}^`[]'",
        ] {
            assert_eq!(ReturnTo::parse(raw).map(String::from).as_deref(), Some(raw));
        }
    }

    #[test]
    fn characters_that_are_invalid_in_location_are_encoded_as_browsers_do() {
        for (raw, expected) in [
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/view?q=\u{fc} \"<x>\"", "/view?q=%C3%BC%20%22%3Cx%3E%22"),
            ("/view#\u{e9}", "/view#%C3%A9"),
        ] {
            assert_eq!(ReturnTo::parse(raw).map(String::from).as_deref(), Some(expected));
            assert_eq!(
                ReturnTo::parse(expected).map(String::from).as_deref(),
                Some(expected),
                "encoded once"
            );
        }
    }

    proptest! {
        #[test]
        fn every_forwarded_target_is_a_valid_return_address(path in "/[a-z0-9_.~!$&'()*+,=:@-]{0,12}(/[a-z%20]{0,8})?", query in "(\\?[!$-;=?-~]{0,24})?") {
            let target: Result<http::uri::PathAndQuery, _> = format!("{path}{query}").parse();
            let Ok(target) = target else { return Ok(()) };
            prop_assume!(CanonicalPath::parse(target.path()).is_ok_and(|path| path.is_unchanged()));
            prop_assume!(!target.path().starts_with("/ims"));
            let parsed = ReturnTo::parse(target.as_str());
            prop_assert_eq!(parsed.as_ref().map(ReturnTo::as_str), Some(target.as_str()));
        }

        #[test]
        fn every_return_address_stays_on_the_origin(raw in ".{0,64}", prefix in "[/\\\\a-z:@.\t\r\n %]{0,12}") {
            let base = url::Url::parse("https://campaign.example.com/ims/callback").unwrap();
            for candidate in [raw.clone(), format!("{prefix}{raw}"), format!("/{prefix}{raw}")] {
                let target = base.join(ReturnTo::parse_or_root(&candidate).as_str()).unwrap();
                prop_assert_eq!(target.origin(), base.origin(), "{:?}", candidate);
            }
        }
    }
}
