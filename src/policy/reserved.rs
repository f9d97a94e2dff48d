//! Names of fields that no client may send to Campaign, in families.
//!
//! A family is a prefix or a suffix of words. Any number of any separators may be between the words: CGI-like servers convert every
//! character except letters and digits to `_` (RFC 3875 §4.1.18), so `X_Ims.User` and `X-Ims-User` become one variable.

mod families;

use families::{prefixes, suffixes, x_prefixes};

/// True for a name that only the gateway may send, in any spelling that a lenient server accepts.
///
/// For nearly all names, the two letters at each end already exclude all families.
pub fn is_reserved(name: &str) -> bool {
    let name = name.as_bytes();
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return true };
    // No ordinary name begins or ends with a separator. A server that drops the separator would read another name.
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return true;
    }
    (has_reserved_prefix(name) || has_reserved_suffix(name, last))
        && !EXACT.iter().any(|exact| name == exact.as_bytes())
}

/// Builds a table of the letters next to the outermost letter of each family.
macro_rules! pairs {
    ($families:ident, |$family:ident| $beside:expr) => {{
        let mut pairs = [0; 128];
        let (mut index, mut letter) = (0, 0);
        while index < pairs.len() {
            let families = $families(letter);
            let mut next = 0;
            while next < families.len() {
                let $family = families[next].as_bytes();
                pairs[index] |= bit($beside);
                next += 1;
            }
            letter += 1;
            index += 1;
        }
        pairs
    }};
}

/// Names within a family that are allowed, because Campaign, the gateway, browsers or their libraries use them. Only this spelling is
/// allowed: a server may read another spelling as the same field with another value.
const EXACT: [&str; 10] = [
    "x-security-token",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "access-control-request-method",
    "sec-fetch-user",
    "x-csrf-token",
    "x-xsrf-token",
    "x-user-agent",
];

fn has_reserved_prefix(name: &[u8]) -> bool {
    let (words, pairs, families): (_, _, fn(u8) -> &'static [&'static str]) = match name {
        [b'x' | b'X', separator, ..] if !separator.is_ascii_alphanumeric() => {
            (without_separators(&name[1..]), &X_PREFIX_PAIRS, x_prefixes)
        }
        _ => (name, &PREFIX_PAIRS, prefixes),
    };
    let [first, next, ..] = *words else { return false };
    is_pair(pairs, first, next)
        && families(first.to_ascii_lowercase()).iter().any(|family| begins_with(words, family))
}

fn has_reserved_suffix(name: &[u8], last: u8) -> bool {
    is_pair(&SUFFIX_PAIRS, last, name[name.len().saturating_sub(2)])
        && suffixes(last.to_ascii_lowercase()).iter().any(|family| ends_with(name, family))
}

/// For each outermost letter of a name, the letters next to it in any family, as bits.
type Pairs = [u64; 128];

static PREFIX_PAIRS: Pairs = pairs!(prefixes, |family| family[1]);
static X_PREFIX_PAIRS: Pairs = pairs!(x_prefixes, |family| family[1]);
static SUFFIX_PAIRS: Pairs = pairs!(suffixes, |family| family[family.len() - 2]);

/// True when some family may have these two outer letters. A false positive only costs a comparison.
fn is_pair(pairs: &Pairs, outer: u8, inner: u8) -> bool {
    pairs[usize::from(outer.to_ascii_lowercase() & 127)] & bit(inner.to_ascii_lowercase()) != 0
}

const fn bit(letter: u8) -> u64 {
    1 << (letter & 63)
}

fn begins_with(mut name: &[u8], family: &str) -> bool {
    for (index, wanted) in family.bytes().enumerate() {
        let Some((&byte, rest)) = name.split_first() else {
            // `Remote` alone belongs to the family `remote-`.
            return wanted == b'-' && index + 1 == family.len();
        };
        name = rest;
        if wanted == b'-' {
            if byte.is_ascii_alphanumeric() {
                return false;
            }
            name = without_separators(name);
        } else if byte.to_ascii_lowercase() != wanted {
            return false;
        }
    }
    true
}

fn ends_with(mut name: &[u8], family: &str) -> bool {
    for wanted in family.bytes().rev() {
        let Some((&byte, rest)) = name.split_last() else { return false };
        name = rest;
        if wanted == b'-' {
            if byte.is_ascii_alphanumeric() {
                return false;
            }
            while let [rest @ .., b] = name
                && !b.is_ascii_alphanumeric()
            {
                name = rest;
            }
        } else if byte.to_ascii_lowercase() != wanted {
            return false;
        }
    }
    name.last().is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

fn without_separators(mut name: &[u8]) -> &[u8] {
    while let [b, rest @ ..] = name
        && !b.is_ascii_alphanumeric()
    {
        name = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_the_gateway_or_a_proxy_sets_are_reserved() {
        for name in RESERVED.split_ascii_whitespace() {
            assert!(is_reserved(name), "{name}");
            assert!(
                is_reserved(&name.to_ascii_lowercase()) && is_reserved(&name.to_ascii_uppercase()),
                "{name}"
            );
        }
    }

    #[test]
    fn ordinary_names_of_browsers_and_campaign_clients_are_allowed() {
        for name in ORDINARY.split_ascii_whitespace() {
            assert!(!is_reserved(&name.to_ascii_lowercase()), "{name}");
        }
    }

    #[test]
    fn allowed_names_of_a_family_are_allowed_in_one_spelling_only() {
        for name in EXACT {
            assert!(!is_reserved(name), "{name}");
            assert!(is_reserved(&name.replace('-', "_")), "{name}");
            assert!(is_reserved(&name.replace('-', "--")), "{name}");
        }
        for name in
            ["x-security-token", "content-length", "content-type", "content-encoding", "transfer-encoding"]
        {
            assert!(is_reserved(&format!("{name}-2")), "{name}");
        }
    }

    #[test]
    fn a_name_with_a_separator_at_either_end_is_reserved() {
        for name in ["_accept", "accept_", "-cookie", "cookie.", "host~", "$wssc", "_", ""] {
            assert!(is_reserved(name), "{name}");
        }
    }

    /// Any spelling of a family: other separators for each `-`, any case.
    fn spelled(family: &'static str) -> impl Strategy<Value = String> {
        let separators = proptest::collection::vec("[-_.!~+^|*'`#$%&]{1,3}", family.len());
        (separators, any::<u64>()).prop_map(move |(separators, upper)| {
            let letter = |(index, letter): (usize, char)| match letter {
                '-' => separators[index].clone(),
                letter if upper >> (index % 64) & 1 == 1 => letter.to_ascii_uppercase().to_string(),
                letter => letter.to_string(),
            };
            family.char_indices().map(letter).collect()
        })
    }

    fn prefix() -> impl Strategy<Value = String> {
        let plain = (b'a'..=b'z').flat_map(prefixes).copied();
        let with_x = (b'a'..=b'z').flat_map(x_prefixes).map(|family| &*format!("x-{family}").leak());
        proptest::sample::select(plain.chain(with_x).collect::<Vec<_>>()).prop_flat_map(spelled)
    }

    fn suffix() -> impl Strategy<Value = String> {
        let all: Vec<_> = (b'0'..=b'z').flat_map(suffixes).copied().collect();
        proptest::sample::select(all).prop_flat_map(spelled)
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_reserved_prefix_passes(family in prefix(), rest in "([a-z0-9]([a-z0-9_.-]{0,10}[a-z0-9])?)?") {
            let name = format!("{family}{rest}");
            prop_assert!(is_reserved(&name) || EXACT.contains(&&*name), "{name}");
        }

        #[test]
        fn no_spelling_of_a_reserved_suffix_passes(start in "[a-z0-9]{0,8}", separator in "[-_.!~]{1,2}", family in suffix()) {
            let name = if start.is_empty() { family } else { format!("{start}{separator}{family}") };
            prop_assert!(is_reserved(&name) || EXACT.contains(&&*name), "{name}");
        }
    }

    const RESERVED: &str = "
        X-Ims-User X-Ims-Email X-Ims-Organization X-Ims-Assertion X-Ims-Groups X-Ims-Auth-Secret X_IMS_USER x.ims.user X--Ims-User
        X-Campaign-Groups X-Campaign-Login X-Gw-Ims-User-Id Authorization Authorization-2 Auth-User Auth_Type
        X-Session-Token X-Security-Zone X_Security_Token NLSSLURL nlSslUrl NL_SSL_URL NL-Zone X-Nl-Zone
        X-Request-Id traceparent tracestate
        Forwarded Forwarded-For X-Forwarded X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Port X-Forwarded-Server
        X-Forwarded-Uri X-Forwarded-Prefix X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username
        X-Forwarded-Access-Token X-Forwarded-Client-Cert X-Forwarded-Ssl X-Forwarded-Scheme X-Forwarded-By X-Forwarder-For X-Forward-For
        X-Client-IP X-Client_IP Client-IP True-Client-IP CF-Connecting-IP CF-Connecting-IPv6 X-Real-IP X-Real-Proto X-Remote-IP X-Remote-Addr
        X-Remote-User Remote-User REMOTE_USER Remote-Addr Remote-Groups Remote-Email Remote-Name X-Originating-IP X-Cluster-Client-IP
        Fastly-Client-IP Fastly-SSL X-Azure-ClientIP X-Azure-SocketIP WL-Proxy-Client-IP WL-Proxy-SSL Proxy-Client-IP HTTP-Client-IP
        Ali-CDN-Real-IP X-ProxyUser-Ip X-Envoy-External-Address X-Appengine-User-Ip Fly-Client-IP Incap-Client-IP X-ClientIP
        Proxy Proxy-Host Proxy-Authorization X-Proxy-User X-Proxy-Url
        X-Auth-Request-User X-Auth-Request-Email X-Auth-User X-Auth-Token X-Authenticated-User X-Authenticated-Userid X-Authentik-Username
        X-WebAuth-User X-Vouch-User X-Pomerium-Jwt-Assertion X-Goog-Authenticated-User-Email X-Goog-IAP-JWT-Assertion X-Amzn-Oidc-Data
        X-MS-Client-Principal-Name X-MS-Token-AAD-Id-Token X-Consumer-Username X-Credential-Identifier X-Userinfo X-User X-User-Id
        X-Username X-User-Email X-User-Roles X-Principal X-Jwt-Assertion X-Access-Token X-Id-Token Cf-Access-Jwt-Assertion
        Cf-Access-Authenticated-User-Email OIDC_CLAIM_sub OIDC_access_token Mellon-Uid Shib-Session-ID SM_USER iv-user iv-groups
        OAM_REMOTE_USER Logon-User Unmapped-Remote-User Tailscale-User-Login
        Ssl-Client-Cert SSL_CLIENT_VERIFY SSLClientCert X-SSL-Client-Cert X-SSL-Client-S-DN X-Client-Cert X-Client-Verify X-Client-DN
        Client-Cert Client-Cert-Chain X-ARR-ClientCert X-ARR-SSL X-Amzn-Mtls-Clientcert X-TLS-Client-Verified
        Front-End-Https X-Https HTTPS X-Scheme X-Url-Scheme X-Proto X-Protocol CloudFront-Forwarded-Proto
        X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-Method X-Tunnel-Method X-Http-Path-Override X-HTTP-Host-Override
        X-Original-URL X-Original-Uri X-Original-Host X-Original-Method X-Original-Forwarded-For X-Rewrite-URL X-Override-URL
        X-Host Forwarded-Host X-Backend-Host Path-Info PATH_INFO Script-Name X-Script-Name Request-Uri X-Request-Url X-Accel-Mapping
        Base-Url Http-Url Uri Url X-Custom-IP-Authorization X-Http-DestinationURL X-Ip-Trail X-Authentication X-AuthUser Impersonate-User
        X-Impersonate-Group X-True-IP Real-Ip X-Original-Remote-Addr X-Forwarded-For-Original Proxy-Url X-Proxy-Url
        X-Sendfile-Type X-Waws-Unencoded-Url Cookie2 Content_Length Content.Type Transfer_Encoding
        X-User-Login X-User-Token X-User-Info X-Usergroup X-User-Principal-Name User-Login User-Token User-Info User-Name X-Login X-Login-Name
        Login Logon X-Logon X-Logon-Id X-Operator X-Operator-Name Operator X-Account X-Account-Id Account Account-Name X-Uid Uid X-Gid X-Upn
        X-Group X-Group-Name Group X-Role X-Role-Name Role-Name X-Token X-Token-Type Token X-Identity-Token Identity X-Identity-Name
        Session-Token Id-Token Access-Token X-Bearer X-Bearer-Token Jwt X-Jwt OAuth-Token Credentials X-Credentials X-Subject X-Sub
        X-Impersonate X-Impersonated-By Impersonate X-On-Behalf-Of On-Behalf-Of X-Act-As X-Run-As X-Is-Admin X-Superuser X-Claims
        X-Permissions X-Secure X-Is-Secure Is-Https X-Is-Https Server-Name X-Server-Name Server-Port Server-Protocol X-Port X-Client-Port
        X-Peer X-Peer-Address Peer-Address X-Source-Address Sec-Remote-User Sec-User-Email Sec-X-Ims-User Sec_Fetch_User
        X-Verb X-Http-Verb X-Action-Method Method X-Requested-Method Override-Method X-Request-Method
        X_Csrf_Token X-Csrf--Token X_User_Agent";

    const ORDINARY: &str = "
        Accept Accept-Charset Accept-Encoding Accept-Language Access-Control-Request-Headers Access-Control-Request-Method
        Cache-Control Connection Content-Disposition Content-Encoding Content-Language Content-Length Content-Location Content-MD5
        Content-Range Content-Type Cookie DNT Date Depth Destination Device-Memory Early-Data Expect From HTTP2-Settings
        If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Event-ID Max-Forwards Origin Overwrite
        Ping-From Ping-To Pragma Prefer Priority Purpose RTT Range Referer Save-Data Service-Worker Sec-CH-UA Sec-CH-UA-Mobile
        Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Sec-GPC Sec-Purpose Sec-WebSocket-Key
        Sec-WebSocket-Version Sec-WebSocket-Protocol Sec-WebSocket-Extensions TE Timeout Trailer UA-CPU Upgrade Upgrade-Insecure-Requests
        User-Agent Via Want-Digest Warning
        SOAPAction X-Security-Token X-Query-Source X-Requested-With X-CSRF-Token X-XSRF-Token X-Prototype-Version X-Purpose X-Moz
        ACC-SDK-Version ACC-SDK-Auth ACC-SDK-Client-App ACC-SDK-Call-Internal ACC-SDK-Call-RetryCount X-API-Key
        X-User-Agent X-Wap-Profile X-ATT-DeviceId X-UIDH X-Device-Id X-Session-Id X-Correlation-Id X-B3-TraceId X-Amzn-Trace-Id
        X-App-Version X-Platform X-Custom HX-Current-URL HX-Request Translate MIME-Version Content-Transfer-Encoding X-Zip X-Tooltip
        Author Urlx X-Ipx Smart-Client Cfg Nlang Remotely Xims Httpx Autht X-Imsx X-Authx X-Methodology";
}
