//! SOAP methods that may be called without a session.

use http::HeaderMap;
use url::form_urlencoded;

/// True when a call needs no session: the envelope's `method` is in `allowed`, there is at least one `SoapAction`, and each of them is in
/// `allowed`. A `SoapAction` is in the header (SOAP 1.1 §6.1.1; quoted or not) or in the query. Campaign may use either of them.
pub fn is_open(allowed: &[String], headers: &HeaderMap, query: Option<&str>, method: &str) -> bool {
    if !allowed.iter().any(|open| open == method) {
        return false;
    }
    let in_header = headers.get_all("soapaction").iter().map(|value| {
        let text = value.to_str().unwrap_or_default().trim();
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text) == method
    });
    let in_query = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter(|(name, _)| name.eq_ignore_ascii_case("soapaction"))
        .map(|(_, value)| value == method);
    let mut named = in_header.chain(in_query).peekable();
    named.peek().is_some() && named.all(|agrees| agrees)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME: &str = "xtk:session#GetServerTime";

    fn open(headers: &[&str], query: Option<&str>, method: &str) -> bool {
        let headers: HeaderMap =
            headers.iter().map(|value| ("soapaction".parse().unwrap(), value.parse().unwrap())).collect();
        is_open(&[TIME.to_owned()], &headers, query, method)
    }

    #[test]
    fn header_query_and_envelope_must_agree() {
        let quoted = format!("\"{TIME}\"");
        for (headers, query, method, expected) in [
            (&[TIME][..], None, TIME, true),
            (&[&quoted], None, TIME, true),
            (&[TIME], Some("soapAction=xtk%3Asession%23GetServerTime"), TIME, true),
            (&[], Some("a=b&soapAction=xtk:session%23GetServerTime"), TIME, true),
            (&[], None, TIME, false),
            (&[""], None, TIME, false),
            (&["xtk:session#GetOption"], None, TIME, false),
            (&[TIME], None, "xtk:session#GetOption", false),
            (&[TIME], None, "GetServerTime", false),
            (&["xtk:session|xtk:builder#GetServerTime"], None, TIME, false),
            (&["XTK:session#GetServerTime"], None, TIME, false),
            (&[TIME, TIME], None, TIME, true),
            (&[TIME, "xtk:session#GetOption"], None, TIME, false),
            (&[TIME], Some("soapaction=xtk:session%23GetOption"), TIME, false),
            (&[TIME], Some("SOAPACTION=xtk%253Asession%2523GetServerTime"), TIME, false),
        ] {
            assert_eq!(open(headers, query, method), expected, "{headers:?} {query:?} {method}");
        }
        assert!(!is_open(&[], &HeaderMap::new(), Some("soapAction=x"), "x"), "an empty list opens nothing");
    }

    proptest! {
        #[test]
        fn nothing_but_the_listed_method_is_open(
            header in "(xtk:session#)?(GetServerTime|GetOption|Logoff)", query in "(soapAction=)?(xtk%3Asession%23)?(GetServerTime|Logoff)",
            method in "(xtk:session#)?(GetServerTime|GetOption|Logoff)",
        ) {
            if open(&[&header], Some(&query), &method) {
                prop_assert_eq!((header.as_str(), method.as_str()), (TIME, TIME));
                prop_assert!(!query.contains("soapAction=") || query.ends_with("%23GetServerTime"));
            }
        }
    }
}
