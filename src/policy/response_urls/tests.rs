use super::*;
use proptest::prelude::*;

const PUBLIC: [&str; 2] = ["campaign.example.com", "track.example.com"];

fn urls() -> ResponseUrls {
    let upstreams = [
        "http://10.0.0.1:8080",
        "http://inner.example.net",
        "https://secure.example.net",
        "http://[2001:db8::7]:8080",
        // The same name inside and outside.
        "http://campaign.example.com:8080",
    ];
    let upstreams = upstreams.map(|url| Url::parse(url).unwrap());
    ResponseUrls::new(&upstreams, PUBLIC, true)
}

fn sent(name: HeaderName, value: &str, client: &str) -> String {
    let mut fields =
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap())]);
    urls().rewrite(&mut fields, &HeaderValue::from_str(client).unwrap());
    String::from_utf8(fields[name].as_bytes().to_vec()).unwrap()
}

use http::HeaderName;

fn location(value: &str) -> String {
    sent(header::LOCATION, value, "campaign.example.com")
}

#[test]
fn a_url_of_an_upstream_is_rewritten_in_every_spelling() {
    for value in [
        "http://10.0.0.1:8080/x",
        "HTTP://10.0.0.1:8080/x",
        "https://10.0.0.1:8080/x",
        "//10.0.0.1:8080/x",
        "http:\\\\10.0.0.1:8080/x",
        "http:///10.0.0.1:8080/x",
        "http://user@10.0.0.1:8080/x",
        "http://a:b@c:d@10.0.0.1:8080/x",
        "http://10.0.0.1:08080/x",
        "http://0x0a.1:8080/x",
        "http://inner.example.net/x",
        "http://inner.example.net:/x",
        "http://inner.example.net:80/x",
        "http://INNER.example.NET./x",
        "http://inn%65r.example.net/x",
        "https://inner.example.net/x",
        "https://inner.example.net:443/x",
        "//inner.example.net/x",
        "https://secure.example.net/x",
        "https://secure.example.net:443/x",
        "http://secure.example.net/x",
        "http://[2001:db8::7]:8080/x",
        "http://[2001:0DB8:0:0:0:0:0:7]:8080/x",
        "http://campaign.example.com/x",
        "http://campaign.example.com:8080/x",
        "http://campaign.example.com:1/x",
        "https://campaign.example.com:8080/x",
    ] {
        assert_eq!(location(value), "https://campaign.example.com/x", "{value}");
    }
}

#[test]
fn path_query_and_fragment_are_unchanged() {
    for rest in ["", "/", "?a=b", "#c", "/%2F/../x?u=http://10.0.0.1:8080/#\u{e9}", "\\x"] {
        let value = format!("http://10.0.0.1:8080{rest}");
        assert_eq!(location(&value), format!("https://campaign.example.com{rest}"));
    }
}

#[test]
fn a_url_is_rewritten_to_the_origin_that_the_client_used() {
    for (value, client, expected) in [
        ("http://10.0.0.1:8080/x", "Campaign.example.com:8443", "https://Campaign.example.com:8443/x"),
        ("http://10.0.0.1:8080/x", "track.example.com", "https://track.example.com/x"),
        ("http://10.0.0.1:8080/x", "[::1]:8443", "https://[::1]:8443/x"),
        ("http://track.example.com:8080/x", "campaign.example.com", "https://track.example.com/x"),
        ("http://Track.example.com/x", "campaign.example.com:8443", "https://track.example.com:8443/x"),
        ("http://track.example.com/x", "track.example.com:8443", "https://track.example.com:8443/x"),
        ("http://proxy.example.com/x", "proxy.example.com", "https://proxy.example.com/x"),
    ] {
        assert_eq!(sent(header::LOCATION, value, client), expected);
    }
}

#[test]
fn other_urls_are_unchanged() {
    for value in [
        "http://shop.example.com/?u=http://10.0.0.1:8080/",
        "HTTP://10.0.0.1:8080@Shop.example.com",
        "http://shop.example.com\\@10.0.0.1:8080/",
        "http://shop.example.com#@10.0.0.1:8080/",
        "http://10.0.0.1/",
        "http://10.0.0.1:80800/",
        "http://10.0.0.1:8080x/",
        "http://10.0.0.1:8080:8080/",
        "http://10.0.0.11:8080/",
        "http://inner.example.net:8080/",
        "http://inner.example.net.evil.example/",
        "http://xinner.example.net/",
        "http://[2001:db8::8]:8080/",
        "https://campaign.example.com/x",
        "https://campaign.example.com:8443/x",
        "https://track.example.com/x",
        "http://sub.campaign.example.com/",
        "//campaign.example.com/x",
        "ftp://10.0.0.1:8080/",
        "javascript://10.0.0.1:8080/",
        "httpx://10.0.0.1:8080/",
        "http:10.0.0.1:8080/",
        "/http://10.0.0.1:8080/",
        "view/home",
        "http://",
        "//",
        "",
        "http://@/",
        "http://:8080/",
    ] {
        assert_eq!(location(value), value);
    }
}

#[test]
fn a_refresh_keeps_its_time_and_quotes() {
    for (value, expected) in [
        ("5; url=http://10.0.0.1:8080/x", "5; url=https://campaign.example.com/x"),
        ("0;URL=http://10.0.0.1:8080/x?a=b;c", "0;URL=https://campaign.example.com/x?a=b;c"),
        ("5, http://10.0.0.1:8080/", "5, https://campaign.example.com/"),
        ("1.5 url = \"http://10.0.0.1:8080/\"; x", "1.5 url = \"https://campaign.example.com/\"; x"),
        ("5;'http://10.0.0.1:8080/", "5;'https://campaign.example.com/"),
        (".5;http://10.0.0.1:8080/", ".5;https://campaign.example.com/"),
    ] {
        assert_eq!(sent(header::REFRESH, value, "campaign.example.com"), expected);
    }
    for value in [
        "",
        "5",
        "5;",
        "5; url=",
        "5x; url=http://10.0.0.1:8080/",
        "url=http://10.0.0.1:8080/",
        "5; url=http://shop.example.com/",
        "5; url=/x?http://10.0.0.1:8080/",
        "5; urlx=http://10.0.0.1:8080/",
    ] {
        assert_eq!(sent(header::REFRESH, value, "campaign.example.com"), value);
    }
}

#[test]
fn only_domains_of_internal_hosts_are_removed() {
    let inner =
        |domain: &str| urls().is_inner_domain(domain, &HeaderValue::from_static("campaign.example.com:8443"));
    for domain in [
        "inner.example.net",
        ".Inner.Example.NET",
        "inner.example.net.",
        "example.net",
        "10.0.0.1",
        "[2001:db8::7]",
    ] {
        assert!(inner(domain), "{domain}");
    }
    for domain in [
        "campaign.example.com",
        ".example.com",
        "shop.example",
        "ner.example.net",
        "0.0.1",
        "",
        ".",
        "10.0.0.2",
    ] {
        assert!(!inner(domain), "{domain}");
    }
}

#[test]
fn without_rewriting_nothing_changes() {
    let urls = ResponseUrls::new(&[Url::parse("http://10.0.0.1:8080").unwrap()], PUBLIC, false);
    let sent = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static("http://10.0.0.1:8080/x"))]);
    let mut fields = sent.clone();
    urls.rewrite(&mut fields, &HeaderValue::from_static("campaign.example.com"));
    assert_eq!(fields, sent);
}

/// Pieces that confuse URL parsers, in any order.
fn tricky() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "http:",
        "https:",
        "HTTP:",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "8080",
        "80",
        "443",
        "10.0.0.1",
        "inner.example.net",
        "campaign.example.com",
        "shop.example.com",
        "[2001:db8::7]",
        ".",
        "%",
        "%40",
        "%2f",
        "?",
        "#",
        "x",
        "user",
        " ",
    ]);
    proptest::collection::vec(pieces, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Rewriting changes the destination of a browser (modelled by the `url` crate) only for hosts of the gateway and of upstreams.
    #[test]
    fn only_urls_of_own_hosts_change_their_destination(value in tricky()) {
        let page = Url::parse("https://campaign.example.com/a/b").unwrap();
        let after = location(&value);
        match page.join(&value) {
            Ok(target) if !matches!(target.scheme(), "http" | "https") => prop_assert_eq!(after, value),
            Ok(target) => {
                let host = target.host().unwrap().to_owned();
                let ours = PUBLIC.iter().any(|public| Host::parse(public).unwrap() == host)
                    || urls().upstreams.iter().any(|upstream| upstream.host == host);
                let led = page.join(&after).unwrap();
                if after == value {
                    // Nothing to hide from: only spellings that no program writes pass.
                    let port = target.port_or_known_default().unwrap();
                    let plain = value.starts_with("http://") && !value[7..].starts_with(['/', '\\']);
                    let is_upstream = urls().upstreams.iter().any(|u| u.host == host && u.port == port);
                    prop_assert!(!(plain && (is_upstream || host.to_string() == PUBLIC[0])), "{} stays", value);
                } else {
                    prop_assert!(ours, "{} became {}", value, after);
                    prop_assert_eq!(led.origin(), page.origin());
                    prop_assert_eq!(led.path(), target.path());
                    prop_assert_eq!(led.query(), target.query());
                    prop_assert_eq!(led.fragment(), target.fragment());
                }
            }
            // No URL to a browser: whatever we make of it leads to us.
            Err(_) => prop_assert!(after == value || after.starts_with("https://campaign.example.com"), "{}", after),
        }
    }
}
