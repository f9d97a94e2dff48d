//! Parsers of texts: durations, URLs, addresses, scopes, organisation IDs.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use super::value_error::ValueError;

/// `500ms`, `30s`, `10m`, `12h`, `1d`, or several in a row as in `1h30m`; at most a year.
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    let wrong = |message: &str| {
        ValueError::new(
            message,
            "write a number with its unit (ms, s, m, h, d), such as \"30m\" or \"1h30m\"",
        )
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("is empty, not a duration"));
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong("is not a duration"))?;
        let milliseconds = match &rest[digits..digits + letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err(wrong("is a number without a unit")),
            _ => return Err(wrong("is not a duration")),
        };
        total = number
            .checked_mul(milliseconds)
            .and_then(|more| total.checked_add(Duration::from_millis(more)))
            .filter(|&total| total <= LONGEST)
            .ok_or_else(|| ValueError::new("is longer than a year", "write a shorter duration"))?;
        rest = rest[digits + letters..].trim_start();
    }
    Ok(total)
}

/// The same as text, in whole units.
pub(super) fn write(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut part = |(unit, milliseconds)| {
        let count = rest / milliseconds;
        rest %= milliseconds;
        if count > 0 { format!("{count}{unit}") } else { String::new() }
    };
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)].map(&mut part).concat()
}

/// An https address, or an http one on loopback; no user, query or fragment.
pub(super) fn server(text: &str) -> Result<Url, ValueError> {
    let url = web_address(text)?;
    match url.scheme() {
        "https" => Ok(url),
        _ if is_loopback(&url) => Ok(url),
        _ => Err(ValueError::new(
            "must be https: with http, secrets and tokens cross the network readable; http is for loopback addresses only",
            "write https://…",
        )),
    }
}

/// An origin: http or https, without path.
pub(super) fn origin(text: &str) -> Result<Url, ValueError> {
    let url = web_address(text)?;
    if url.path() == "/" {
        Ok(url)
    } else {
        Err(ValueError::new(
            "must be an origin, without a path",
            format!("write {}", url.origin().ascii_serialization()),
        ))
    }
}

/// The origin of a web application, as browsers write it in `Origin` (RFC 6454 §6.2): https, or http on loopback.
pub(super) fn web_origin(text: &str) -> Result<String, ValueError> {
    server(text)?;
    origin(text).map(|url| url.origin().ascii_serialization())
}

/// The public origin of the gateway.
pub(super) fn callback_server(text: &str) -> Result<Url, ValueError> {
    let url = origin(text)?;
    if url.scheme() == "https" {
        return Ok(url);
    }
    Err(ValueError::new(
        "must be https: IMS accepts no http callback and sends the browser to the client's default redirect URI instead",
        "write https://… and register that address with /ims/callback at Adobe",
    ))
}

/// True for `localhost`, 127.0.0.0/8 and `::1`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn web_address(text: &str) -> Result<Url, ValueError> {
    let example = "write an address such as https://host.example.com";
    // The URL standard silently drops or replaces these.
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(ValueError::new("contains a space, a control character or a backslash", example));
    }
    let url =
        Url::parse(text).map_err(|error| ValueError::new(format!("is not a URL ({error})"), example))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(ValueError::new("is neither an http nor an https address", example));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ValueError::new(
            "must not contain a user or a password",
            "remove everything before the `@`, and the `@`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ValueError::new(
            "must not have a query or a fragment",
            "remove everything from `?` or `#` on",
        ));
    }
    Ok(url)
}

/// The scopes of a sign-in, separated by commas or spaces, without duplicates.
pub(super) fn scopes(text: &str) -> Result<Vec<String>, ValueError> {
    let scopes = scope_list(text)?;
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    if !has("openid") {
        return Err(ValueError::new(
            "lacks `openid`: without it IMS returns no id_token",
            "add openid to the list",
        ));
    }
    if !has(READ_ORGANIZATIONS) && !has(PRODUCT_CONTEXT) {
        return Err(ValueError::new(
            "names no source of groups, so nobody could sign in",
            format!(
                "add {READ_ORGANIZATIONS} or {PRODUCT_CONTEXT}, whichever Adobe provisioned for the client"
            ),
        ));
    }
    Ok(scopes)
}

/// Scopes, separated by commas or spaces, without duplicates.
pub(super) fn scope_list(text: &str) -> Result<Vec<String>, ValueError> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|scope| !scope.is_empty()) {
        // RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E
        if let Some(c) = scope.chars().find(|c| !matches!(c, '!' | '#'..='[' | ']'..='~')) {
            return Err(ValueError::new(
                format!("contains {c:?}, which no scope may contain"),
                "remove the character",
            ));
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

/// `<ident>@<authority>`.
pub(super) fn organization_id(text: &str) -> Result<&str, ValueError> {
    let fix = "copy the IMS organisation ID from the external account or the Admin Console, such as 0123456789ABCDEF01234567@AdobeOrg";
    let Some((ident, authority)) = text.split_once('@') else {
        return Err(ValueError::new("is not an IMS organisation ID: it has no `@`", fix));
    };
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_word(ident) || !is_word(authority) {
        return Err(ValueError::new(
            "is not an IMS organisation ID: letters and digits, `@`, `AdobeOrg`",
            fix,
        ));
    }
    Ok(text)
}

/// True for an organisation ID with as many hexadecimal digits as Adobe's have.
pub(super) fn is_adobe_organization(id: &str) -> bool {
    let ident = id.split('@').next().unwrap_or_default();
    (22..=24).contains(&ident.len()) && ident.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A host name or address without port, in lower case.
pub(super) fn host(text: &str) -> Result<String, ValueError> {
    let host = Host::parse(text).map_err(|error| {
        ValueError::new(
            format!("is not a host name ({error})"),
            "write only the name, without https://, port or path",
        )
    })?;
    Ok(host.to_string())
}

/// An IP address and a port.
pub(super) fn socket(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| {
        ValueError::new(
            "is not an address with a port",
            "write an IP address and a port, such as \"0.0.0.0:443\" or \"[::]:443\"",
        )
    })
}

/// A network, or a single address as the smallest one.
pub(super) fn network(text: &str) -> Result<IpNet, ValueError> {
    let single = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address)).ok();
    text.parse().ok().or_else(single).ok_or_else(|| {
        ValueError::new("is not a network", "write it as CIDR, such as \"10.0.0.0/8\", or as one address")
    })
}

/// Permissions as `chmod` takes them.
pub(super) fn mode(text: &str) -> Result<u32, ValueError> {
    let wrong = || ValueError::new("is not an octal mode", "write octal permissions such as \"0660\"");
    let octal = matches!(text.len(), 3 | 4) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777);
    mode.ok_or_else(wrong)
}

/// A SOAP method as the header `SoapAction` names it: `xtk:session#GetServerTime`.
pub(super) fn soap_method(text: &str) -> Result<&str, ValueError> {
    let is_word = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    let parts = text.split_once('#').and_then(|(schema, method)| Some((schema.split_once(':')?, method)));
    if parts.is_some_and(|((namespace, name), method)| is_word(namespace) && is_word(name) && is_word(method))
    {
        return Ok(text);
    }
    Err(ValueError::new("is not a SOAP method", "write schema#Method, such as \"xtk:session#GetServerTime\""))
}

/// A text that is not empty and neither begins nor ends with a space.
pub(super) fn name(text: &str) -> Result<&str, ValueError> {
    if text.trim().is_empty() {
        return Err(ValueError::new("is empty", "write the value of the external account"));
    }
    if text.trim() != text || text.contains(char::is_control) {
        return Err(ValueError::new(
            "begins or ends with a space, or contains a control character",
            "remove it",
        ));
    }
    Ok(text)
}

/// The name of an instance: it stands in metrics, log lines and sealed values.
pub(super) fn instance_name(text: &str) -> Result<&str, ValueError> {
    let is_good = text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let wrong = || {
        ValueError::new(
            "must be 1 to 64 letters, digits, `-` and `_`",
            "write a short name such as \"acme-stage\"",
        )
    };
    if is_good { Ok(text) } else { Err(wrong()) }
}

/// Scope for the organisations of a person and their groups.
pub(super) const READ_ORGANIZATIONS: &str = "read_organizations";
/// Scope for the product profiles of a person.
pub(super) const PRODUCT_CONTEXT: &str = "additional_info.projectedProductContext";
/// Longer durations are mistakes, and far below what a clock can add.
const LONGEST: Duration = Duration::from_hours(8784);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, seconds) in
            [("10s", 10), ("30m", 1800), ("12h", 43_200), ("1d", 86_400), ("1h30m", 5400), ("0s", 0)]
        {
            assert_eq!(duration(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        for text in ["12h", "1h30m", "1d500ms"] {
            assert_eq!(write(duration(text).unwrap()), text);
        }
        for text in
            ["", " ", "30", "30x", "m", "-1s", "1.5h", "30µs", "99999999999999999999s", "400d", "30 ", "1h30"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn http_is_for_loopback_only() {
        for good in ["https://ims.example.com", "http://127.0.0.2:1", "http://[::1]:1", "http://localhost:9"]
        {
            assert!(server(good).is_ok(), "{good}");
        }
        for bad in [
            "http://ims.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "ims.example.com",
            "ftp://localhost",
            "https://user@ims.example.com",
            "https://ims.example.com?x",
            "https://ims.example.com#x",
            "https://ims.exam\tple.com",
            "https:\\\\ims.example.com",
            "",
        ] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_callback_server_is_an_https_origin() {
        assert!(callback_server("https://campaign.example.com").is_ok());
        assert!(callback_server("https://campaign.example.com:8443/").is_ok());
        for bad in ["http://campaign.example.com", "http://localhost:8443", "https://campaign.example.com/x"]
        {
            assert!(callback_server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn scopes_are_separated_by_commas_or_spaces() {
        assert_eq!(
            scopes("openid, AdobeID read_organizations,,openid").unwrap(),
            ["openid", "AdobeID", "read_organizations"]
        );
        assert!(scopes("openid additional_info.projectedProductContext").is_ok());
        assert!(scopes("read_organizations").unwrap_err().message.contains("openid"));
        assert!(scopes("openid,session").unwrap_err().fix.contains("read_organizations"));
        assert!(scopes("openid,read_organizations,\"x\"").is_err());
    }

    #[test]
    fn organisation_ids_are_recognised() {
        for (id, is_adobes) in
            [("4E3D60F754C8E5D0A4C98A2@AdobeOrg", true), ("2345B0EA551D747@AdobeOrg", false)]
        {
            assert_eq!(organization_id(id), Ok(id));
            assert_eq!(is_adobe_organization(id), is_adobes);
        }
        for bad in [
            "",
            "@",
            "x@",
            "@AdobeOrg",
            "4E3D60F754C8E5D0A4C98A2",
            "a@b@c",
            " 4E3D@AdobeOrg",
            "4E3D@AdobeOrg ",
        ] {
            assert!(organization_id(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = (duration(&text), server(&text), origin(&text), callback_server(&text), scopes(&text));
            let _ = (organization_id(&text), host(&text));
        }
    }
}
