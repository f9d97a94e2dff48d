//! What the response of an authorization endpoint reveals about a client, without a sign-in.
//!
//! With `prompt=none` and without a browser session, the provider must redirect to the client's own redirect URI with an error
//! (OIDC Core §3.1.2.6). So the answer shows whether the provider knows the client, its redirect URI and its scopes. IMS answers
//! an unregistered redirect URI with a redirect to the client's default one.

use percent_encoding::percent_decode_str;

/// The meaning of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizeAnswer {
    /// A redirect to the redirect URI of the request, with this OAuth error, if any.
    ToClient(Option<String>),
    /// A redirect to a page of the provider that has the redirect URI. Only a person at that page could learn more.
    OwnPage(String),
    /// A redirect to another address, with this OAuth error, if any. The address has no query.
    Elsewhere(String, Option<String>),
    /// No redirect, but this status.
    Status(u16),
}

pub fn read(status: u16, location: Option<&str>, redirect_uri: &str) -> AuthorizeAnswer {
    let Some(location) = location.filter(|_| (300..400).contains(&status)) else {
        return AuthorizeAnswer::Status(status);
    };
    let (address, query) = split(location);
    if address == split(redirect_uri).0 {
        return AuthorizeAnswer::ToClient(error(query));
    }
    if mentions(query, redirect_uri) {
        return AuthorizeAnswer::OwnPage(address.to_owned());
    }
    AuthorizeAnswer::Elsewhere(address.to_owned(), error(query))
}

/// True for the errors that say only that nobody is signed in (OIDC Core §3.1.2.6). The provider has then accepted the request.
pub fn needs_person(error: &str) -> bool {
    matches!(
        error,
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required"
    )
}

/// Address and query. A fragment counts as query, because some providers put errors there.
fn split(location: &str) -> (&str, &str) {
    location.split_once(['?', '#']).unwrap_or((location, ""))
}

/// The `error` parameter of a query, if it looks like an OAuth error code.
pub fn error(query: &str) -> Option<String> {
    let (_, code) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "error")?;
    is_error_code(&code).then(|| code.into_owned())
}

/// True for a text in the form of the error codes of OAuth and OpenID Connect (RFC 6749 §4.1.2.1). Other text is not logged.
pub fn is_error_code(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// True if the text has the address, encoded up to [`LEVELS`] times.
fn mentions(text: &str, address: &str) -> bool {
    let mut text = text.to_owned();
    for _ in 0..=LEVELS {
        if text.contains(address) {
            return true;
        }
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    false
}

/// IMS passes the address through pages that each encode it once more.
const LEVELS: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::AuthorizeAnswer::{Elsewhere, OwnPage, Status, ToClient};
    use super::*;

    const CALLBACK: &str = "https://campaign.example.com/ims/callback";

    #[test]
    fn the_answer_is_read_from_where_it_leads() {
        let text = |text: &str| Some(text.to_owned());
        for (status, location, expected) in [
            (
                302,
                Some("https://campaign.example.com/ims/callback?error=login_required&state=x"),
                ToClient(text("login_required")),
            ),
            (
                303,
                Some("https://campaign.example.com/ims/callback#error=invalid_scope"),
                ToClient(text("invalid_scope")),
            ),
            (302, Some("https://campaign.example.com/ims/callback?error=%3Cscript%3E"), ToClient(None)),
            (302, Some("https://www.adobe.com/"), Elsewhere("https://www.adobe.com/".into(), None)),
            (
                302,
                Some("https://www.adobe.com/?error=invalid_scope"),
                Elsewhere("https://www.adobe.com/".into(), text("invalid_scope")),
            ),
            (
                302,
                Some("https://campaign.example.com/ims/callback2?error=login_required"),
                Elsewhere("https://campaign.example.com/ims/callback2".into(), text("login_required")),
            ),
            (
                302,
                Some(
                    "https://auth.example.com/signin?to=https%253A%252F%252Fcampaign.example.com%252Fims%252Fcallback",
                ),
                OwnPage("https://auth.example.com/signin".into()),
            ),
            (200, None, Status(200)),
            (200, Some("https://campaign.example.com/ims/callback?error=login_required"), Status(200)),
            (400, None, Status(400)),
        ] {
            assert_eq!(read(status, location, CALLBACK), expected, "{status} {location:?}");
        }
        assert!(needs_person("login_required") && !needs_person("invalid_scope"));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(status in 0..1000_u16, location in ".{0,60}") {
            let _ = read(status, Some(&location), CALLBACK);
        }

        #[test]
        fn only_the_exact_address_leads_to_the_client(rest in "[a-z/.]{1,9}") {
            let location = format!("{CALLBACK}{rest}?error=login_required");
            prop_assert!(!matches!(read(302, Some(&location), CALLBACK), ToClient(_)));
        }
    }
}
