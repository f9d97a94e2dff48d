//! Where a person goes after signing in or out: always an address of this gateway's own origin.

use super::path::CanonicalPath;

/// Longest accepted return address in bytes; a longer one is refused, never cut.
pub const MAX_LENGTH: usize = 2048;

/// An origin-relative address (path and query) that no browser can read as another origin.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Reads an address that came from outside. `None` when it is anything but a plain path and query of this origin,
    /// or one of the gateway's own addresses (a return to `/ims/logout` would be a loop).
    pub fn parse(raw: &str) -> Option<Self> {
        // Browsers drop tabs and line breaks and turn `\` into `/` before they read an address (WHATWG URL §4.4): none may be in it.
        let plain = raw.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#');
        if !plain || raw.len() > MAX_LENGTH || raw.starts_with("//") {
            return None;
        }
        let path = raw.split_once('?').map_or(raw, |(path, _)| path);
        CanonicalPath::parse(path).ok()?;
        let own = path == "/ims" || path.starts_with("/ims/");
        (!own || path == "/ims/me").then(|| Self(raw.to_owned()))
    }

    /// As [`ReturnTo::parse`], with `/` in place of a refused address.
    pub fn parse_or_root(raw: &str) -> Self {
        Self::parse(raw).unwrap_or_default()
    }

    /// The address, fit for a `Location` header.
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
    fn addresses_that_leave_the_origin_go_to_the_root() {
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
            "/view#x",
            "/caf\u{e9}",
            &long,
        ] {
            assert_eq!(ReturnTo::parse_or_root(raw).as_str(), "/", "{raw:?}");
        }
    }

    #[test]
    fn addresses_of_this_origin_are_kept_to_the_byte() {
        for raw in
            ["/", "/view/home", "/view/home?x=https://other/&y=%0a", "/ims/me", "/imsx/logout", "/a//b", "/?"]
        {
            assert_eq!(ReturnTo::parse(raw).map(String::from).as_deref(), Some(raw));
        }
    }

    proptest! {
        #[test]
        fn no_address_ever_leaves_the_origin(raw in ".{0,64}", prefix in "[/\\\\a-z:@.\t\r\n %]{0,12}") {
            let base = url::Url::parse("https://campaign.example.com/ims/callback").unwrap();
            for candidate in [raw.clone(), format!("{prefix}{raw}"), format!("/{prefix}{raw}")] {
                let target = base.join(ReturnTo::parse_or_root(&candidate).as_str()).unwrap();
                prop_assert_eq!(target.origin(), base.origin(), "{:?}", candidate);
            }
        }
    }
}
