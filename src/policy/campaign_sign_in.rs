//! Campaign's own addresses for signing in and out, which the gateway answers itself. A body sent to the sign-in page may hold a password.

use secrecy::SecretString;
use url::form_urlencoded;

use super::path::{is_plain, may_have_dot};
use super::public::may_hold;
use super::readings::Readings;
use super::return_to::ReturnTo;

/// Campaign's sign-in page.
pub const LOGON: &str = "/nl/jsp/logon.jsp";
/// Campaign's entry for Adobe ID.
const IMS_LOGIN: &str = "/nms/imslogin.jssp";
/// Campaign's home page, where a person goes without a target.
const HOME: &str = "/view/home";

/// True when a program behind the gateway may read `path` as one of Campaign's two sign-in addresses, in any letter case.
pub fn is_sign_in(path: &str) -> bool {
    // Both addresses have a dot.
    if !may_have_dot(path) {
        return false;
    }
    if is_plain(path) {
        return is_sign_in_reading(path.as_bytes());
    }
    may_hold(path, &[b"logon.jsp", b"imslogin.jssp"]) && Readings::of(path).any(is_sign_in_reading)
}

/// True for one of the addresses, with or without path info.
fn is_sign_in_reading(reading: &[u8]) -> bool {
    [LOGON, IMS_LOGIN].iter().any(|page| {
        let beginning = reading.get(..page.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(page.as_bytes()))
            && reading.get(page.len()).is_none_or(|next| *next == b'/')
    })
}

/// True when a redirect of Campaign leads to a sign-in page of `host`: Campaign has no valid session for the request.
pub fn leads_to_sign_in(location: &[u8], host: &[u8]) -> bool {
    let Ok(location) = std::str::from_utf8(location) else { return false };
    let path = match location.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
            if !authority.as_bytes().eq_ignore_ascii_case(host) {
                return false;
            }
            &rest[authority.len()..]
        }
        _ => location,
    };
    is_sign_in(path.split(['?', '#']).next().unwrap_or_default())
}

/// What a request for a sign-in address asks for. Login, password and tokens are not read.
#[derive(Debug, PartialEq, Eq)]
pub struct SignInRequest {
    /// Where to go after the sign-in.
    pub target: ReturnTo,
    /// The response is the bare security token, for the page that opened this window.
    pub popup: bool,
}

impl SignInRequest {
    /// Reads the query and the form of a request. A target that is not an address of this gateway, or a sign-in address itself, becomes
    /// the home page.
    pub fn read(query: &str, form: &[u8]) -> Self {
        let (mut target, mut popup) = (None, false);
        for (name, value) in form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form)) {
            match &*name {
                "target" if target.is_none() => target = Some(value),
                "popup" => popup |= !matches!(&*value, "" | "0" | "false"),
                _ => {}
            }
        }
        let target = target.and_then(|target| ReturnTo::parse(&target));
        let target = target.filter(|target| {
            let path = target.as_str().split(['?', '#']).next().unwrap_or_default();
            path != "/" && !is_sign_in(path)
        });
        Self { target: target.unwrap_or_else(|| ReturnTo::parse_or_root(HOME)), popup }
    }

    /// The address of the same request, without anything that is secret.
    pub fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("target", self.target.as_str());
        if self.popup {
            query.append_pair("popup", "1");
        }
        format!("{LOGON}?{}", query.finish())
    }
}

/// Where a sign-in leads that was asked for at this address: there, or to the target of a sign-in address.
pub fn target_of(address: &str) -> ReturnTo {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    if is_sign_in(path) {
        return SignInRequest::read(query, b"").target;
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", address).finish();
    SignInRequest::read(&query, b"").target
}

/// Login and password in a form for Campaign's sign-in page. `None` when the form may be anything else than a sign-in with them: for another
/// path, a repeated field, or a field that the page would read first, such as `tokenLogon`.
pub fn credentials_of(path: &str, query: &str, form: &[u8]) -> Option<(String, SecretString)> {
    if path != LOGON || form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name != "target") {
        return None;
    }
    let (mut login, mut password, mut seen) = (None, None, Vec::new());
    for (name, value) in form_urlencoded::parse(form) {
        if !FORM_FIELDS.contains(&&*name) || seen.contains(&name) {
            return None;
        }
        match &*name {
            "login" => login = Some(value.into_owned()),
            "password" => password = Some(value.into_owned().into()),
            _ => {}
        }
        seen.push(name);
    }
    login.filter(|login| !login.is_empty()).zip(password)
}

/// The fields of a sign-in with a login and a password.
const FORM_FIELDS: [&str; 6] = ["target", "login", "password", "action", "rememberMe", "popup"];

/// True when a page of Campaign signs the person out: `/view/home?disconnect=true`.
pub fn is_disconnect(path: &str, query: Option<&str>) -> bool {
    path == HOME
        && query.is_some_and(|query| {
            form_urlencoded::parse(query.as_bytes())
                .any(|(name, value)| name == "disconnect" && value == "true")
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn login_of(path: &str, query: &str, form: &[u8]) -> Option<String> {
        credentials_of(path, query, form).map(|(login, _)| login)
    }

    #[test]
    fn only_a_plain_sign_in_form_names_a_login() {
        let form = b"target=%2Fview%2Fhome&login=monitoring&password=x&action=submit";
        assert_eq!(login_of(LOGON, "target=/view/home", form).as_deref(), Some("monitoring"));
        for (path, query, form) in [
            ("/nl/jsp/Logon.jsp", "", &form[..]),
            (LOGON, "tokenLogon=ey", form),
            (LOGON, "login=admin", form),
            (LOGON, "", b"login=monitoring&password=x&tokenLogon=ey"),
            (LOGON, "", b"login=monitoring&login=admin&password=x"),
            (LOGON, "", b"login=monitoring&password=x&__sessiontoken=admin/x"),
            (LOGON, "", b"login=monitoring"),
            (LOGON, "", b"password=x"),
            (LOGON, "", b""),
        ] {
            assert_eq!(login_of(path, query, form), None, "{path} {query} {}", String::from_utf8_lossy(form));
        }
    }

    #[test]
    fn sign_in_addresses_are_found_in_every_reading() {
        for path in [
            "/nl/jsp/logon.jsp",
            "/nms/imslogin.jssp",
            "/NL/JSP/Logon.JSP",
            "/nl/jsp/logon.jsp/x",
            "/nl/jsp/logon.jsp;jsessionid=1",
            "/nl/jsp/logon%2ejsp",
            "/nl/jsp/logon.jsp%3fx",
            "/nl/%6asp/%6cogon.jsp",
            "/nl/jsp/logon.jsp%00",
            "/nms/imslogin.jssp%20",
        ] {
            assert!(is_sign_in(path), "{path}");
        }
        for path in [
            "/",
            "/nl/jsp/logon.jspx",
            "/nl/jsp/soaprouter.jsp",
            "/x/nl/jsp/logon.jsp",
            "/view/home",
            "/caf%C3%A9",
        ] {
            assert!(!is_sign_in(path), "{path}");
        }
    }

    #[test]
    fn a_redirect_to_a_sign_in_page_of_this_host_is_recognised() {
        let host = b"campaign.example.com:8443";
        for location in [
            "/nl/jsp/logon.jsp?target=%2Fview%2Fhome",
            "https://campaign.example.com:8443/nl/jsp/logon.jsp?target=x",
            "http://Campaign.example.com:8443/nms/imslogin.jssp",
        ] {
            assert!(leads_to_sign_in(location.as_bytes(), host), "{location}");
        }
        for location in [
            "/view/home?next=/nl/jsp/logon.jsp",
            "https://other.example.com/nl/jsp/logon.jsp",
            "https://campaign.example.com/nl/jsp/logon.jsp",
            "//other.example.com/nl/jsp/logon.jsp",
            "",
        ] {
            assert!(!leads_to_sign_in(location.as_bytes(), host), "{location}");
        }
    }

    #[test]
    fn only_target_and_popup_are_read() {
        let read = |query: &str, form: &str| {
            let request = SignInRequest::read(query, form.as_bytes());
            (request.target.as_str().to_owned(), request.popup)
        };
        let home = || "/view/home".to_owned();
        assert_eq!(read("target=%2Fview%2Fx%3Fa%3D1&ims=1", ""), ("/view/x?a=1".to_owned(), false));
        assert_eq!(
            read("popup=true", "target=%2Fnl%2Fjsp%2Fx&login=a&password=b"),
            ("/nl/jsp/x".to_owned(), true)
        );
        for target in [
            "",
            "/",
            "https://evil.example/",
            "//evil.example/",
            "/ims/logout",
            "/nl/jsp/logon.jsp?target=/x",
        ] {
            let query: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("target", target).finish();
            assert_eq!(read(&query, "popup="), (home(), false), "{target}");
        }
        let request = SignInRequest::read("popup=1&target=/view/x&tokenLogon=ey", b"password=b");
        assert_eq!(request.address(), "/nl/jsp/logon.jsp?target=%2Fview%2Fx&popup=1");
    }

    #[test]
    fn a_sign_in_leads_to_the_page_that_was_asked_for() {
        for (address, target) in [
            ("/view/x?a=1&b=2", "/view/x?a=1&b=2"),
            ("/", "/view/home"),
            ("/nl/jsp/logon.jsp?target=%2Fview%2Fx", "/view/x"),
            ("/nl/jsp/logon.jsp", "/view/home"),
            ("//evil.example/", "/view/home"),
            ("https://evil.example/", "/view/home"),
        ] {
            assert_eq!(target_of(address).as_str(), target, "{address}");
        }
    }

    #[test]
    fn signing_out_in_campaign_is_recognised() {
        assert!(is_disconnect("/view/home", Some("a=1&disconnect=true")));
        for (path, query) in [
            ("/view/home", Some("disconnect=false")),
            ("/view/home", None),
            ("/view/homes", Some("disconnect=true")),
            ("/view/home", Some("q=disconnect=true")),
        ] {
            assert!(!is_disconnect(path, query), "{path} {query:?}");
        }
    }

    proptest! {
        #[test]
        fn a_target_never_leaves_this_gateway(target in ".{0,60}", prefix in "[/\\\\a-z:@.]{0,6}") {
            let target = format!("{prefix}{target}");
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", &target).finish();
            let base = url::Url::parse("https://campaign.example.com/").unwrap();
            let read = SignInRequest::read(&query, b"");
            prop_assert_eq!(base.join(read.target.as_str()).unwrap().origin(), base.origin());
            prop_assert!(!is_sign_in(read.target.as_str().split(['?', '#']).next().unwrap()));
        }
    }
}
