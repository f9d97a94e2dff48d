//! Checks the issuer of a discovery document.

use url::Url;

/// The document belongs to a provider that is not configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its issuer `{issuer}` does not belong to ims.server {server}; if the issuer is correct, add it to ims.id_token_issuers"
)]
pub struct ForeignIssuer {
    issuer: String,
    server: Url,
}

/// Checks that the issuer has the origin of one of `servers` (the first is `ims.server`) or equals one of `named`. With the document
/// of another provider, the gateway would accept that provider's tokens (OpenID Connect Discovery §4.3).
///
/// # Errors
/// [`ForeignIssuer`] for any other issuer.
pub fn check(issuer: &str, servers: [&Url; 2], named: &[String]) -> Result<(), ForeignIssuer> {
    let is_of_server = Url::parse(issuer).is_ok_and(|url| {
        let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        is_plain && url.password().is_none() && servers.iter().any(|server| url.origin() == server.origin())
    });
    if is_of_server || named.iter().any(|named| named == issuer) {
        return Ok(());
    }
    Err(ForeignIssuer { issuer: issuer.chars().take(200).collect(), server: servers[0].clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_belongs_to_a_server_or_is_configured() {
        let servers = ["https://ims.example.com/", "https://discovery.example.com/x"]
            .map(|url| Url::parse(url).unwrap());
        let named = ["https://other.example.com/ims".to_owned()];
        let is_good = |issuer: &str| check(issuer, servers.each_ref(), &named).is_ok();
        for good in [
            "https://ims.example.com",
            "https://IMS.example.com:443/ims",
            "https://discovery.example.com",
            "https://other.example.com/ims",
        ] {
            assert!(is_good(good), "{good}");
        }
        for foreign in [
            "",
            "ims.example.com",
            "http://ims.example.com",
            "https://ims.example.com:8443",
            "https://ims.example.com.evil.example",
            "https://ims.example.com@evil.example",
            "https://evil@ims.example.com",
            "https://:pw@ims.example.com",
            "https://ims.example.com/?x",
            "https://ims.example.com/#x",
            "https://other.example.com",
            "https://other.example.com/ims/",
        ] {
            assert!(!is_good(foreign), "{foreign}");
        }
    }
}
