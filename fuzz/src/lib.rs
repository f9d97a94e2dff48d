//! What must hold for any bytes at all, one function for each reader of foreign bytes. The fuzzer calls them with bytes of
//! its own (`fuzz_targets/`), and the test run with everything in `seeds/` (`tests/it/fuzz_seeds.rs`).

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use imsgate::internal::{
    AccessPolicy, CanonicalPath, CookieNames, FlawedHead, Forwardable, ForwardedHeaders, FramingError,
    HeaderLines, Mask, Next, Progress, ResponseError, ResponseHead, ReturnTo, StrictHead, Verdict, escape,
    fault, group_list, is_withheld, logon_answer, parse_proxy_protocol, read_membership, write_cookies,
};
use percent_encoding::percent_decode_str;
use url::Url;

/// Says, by a panic, that something does not hold for these bytes.
pub type Target = fn(&[u8]);

/// A name for each target.
pub const TARGETS: [(&str, Target); 10] = [
    ("path", path),
    ("headers", headers),
    ("forwarded", forwarded),
    ("heads", heads),
    ("answer", answer),
    ("cookies", cookies),
    ("return_to", return_to),
    ("mask", mask),
    ("membership", membership),
    ("soap", soap),
];

/// A path that is taken has one reading, here and for whoever reads it as browsers do.
pub fn path(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else { return };
    let Ok(path) = CanonicalPath::parse(raw) else { return };
    let text = path.as_str();
    assert!(text.starts_with('/') && !text.contains("//"), "{raw:?} {text:?}");
    assert_eq!(path.is_unchanged(), text == raw, "{raw:?} {text:?}");
    assert!(text.bytes().all(|b| b > b' ' && b != 0x7f && !b"\\#".contains(&b)), "{text:?}");
    let decoded = percent_decode_str(text).decode_utf8().expect("UTF-8");
    assert!(!decoded.contains('\\') && !decoded.chars().any(|c| c.is_ascii_control()), "{text:?}");
    assert_eq!(decoded.matches('/').count(), text.matches('/').count(), "{text:?}");
    for segment in decoded.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        assert!(name != "." && name != "..", "{text:?}");
    }
    let again = CanonicalPath::parse(text).expect("its own canonical form");
    assert!(again.is_unchanged() && again.is_ambiguous() == path.is_ambiguous(), "{text:?}");
    // The WHATWG reading knows `%2e` as a dot.
    if !text.contains('?') {
        let url = Url::parse(&format!("http://host{text}")).expect("an address");
        assert_eq!(url.path().matches('/').count(), text.matches('/').count(), "{text:?} {url}");
    }
}

/// Nothing that only the gateway may say survives, in any spelling, nor anything that ends here.
pub fn headers(data: &[u8]) {
    let mut sent = HeaderMap::new();
    for (name, value) in fields(data) {
        sent.append(name, value);
    }
    let listed: Vec<HeaderName> = sent
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let forwardable = Forwardable::of(&sent);
    for name in sent.keys().filter(|name| forwardable.allows(name)) {
        let plain: String =
            name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        assert!(!plain.starts_with("x-ims-") || !IDENTITY.contains(&plain.as_str()), "{name}");
        assert!(!GATEWAYS_OWN.contains(&plain.as_str()), "{name}");
        assert!(plain != "x-security-token" || plain == name.as_str(), "{name}");
        assert!(!["host", "content-length", "transfer-encoding"].contains(&plain.as_str()), "{name}");
        let never = [header::CONTENT_TYPE, header::COOKIE];
        assert!(!listed.contains(name) || never.contains(name), "{name} was named in Connection");
    }

    let groups: Vec<String> = String::from_utf8_lossy(data).lines().map(str::to_owned).collect();
    let list = group_list(&groups);
    let list = list.to_str().expect("ASCII");
    let back: Vec<_> = list.split(',').map(|group| percent_decode_str(group).decode_utf8_lossy()).collect();
    assert!(groups.is_empty() || back == groups, "{groups:?} {list}");
}

const IDENTITY: [&str; 4] = ["x-ims-user", "x-ims-email", "x-ims-organization", "x-ims-assertion"];
const GATEWAYS_OWN: [&str; 14] = [
    "x-campaign-groups",
    "authorization",
    "x-session-token",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "traceparent",
    "x-request-id",
    "upgrade",
    "connection",
];

/// An answer read in one piece is what it is read in two; nothing of it is lost, and its body's end is one.
pub fn answer(data: &[u8]) {
    let read = |cut: usize| {
        let (first, second) = data.split_at(cut.min(data.len()));
        let mut bytes = Bytes::copy_from_slice(first);
        let mut rest = Some(second);
        let mut more = |bytes: &mut Bytes| {
            let second = rest.take()?;
            *bytes = [bytes.as_ref(), second].concat().into();
            Some(())
        };
        let answer = loop {
            match ResponseHead::parse(&mut bytes, false) {
                Err(error) => return Err(error),
                Ok(Some(answer)) => break answer,
                Ok(None) => more(&mut bytes).ok_or(ResponseError::Incomplete)?,
            }
        };
        let (mut framing, mut body) = (answer.framing, Vec::new());
        loop {
            match framing.next(&mut bytes)? {
                Next::Frame(frame) => body.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Next::End => break,
                Next::More => match more(&mut bytes) {
                    Some(()) => {}
                    None => framing.close()?,
                },
            }
        }
        more(&mut bytes);
        assert!(framing.is_over());
        Ok((answer.status, answer.fields, body, bytes))
    };
    let whole = read(usize::MAX);
    if let Ok((_, fields, body, rest)) = &whole {
        assert!(fields.get_all(header::CONTENT_LENGTH).iter().count() <= 1);
        let both =
            fields.contains_key(header::CONTENT_LENGTH) && fields.contains_key(header::TRANSFER_ENCODING);
        assert!(!both && body.len() + rest.len() <= data.len());
    }
    let cut = data.first().map_or(0, |first| usize::from(*first) * data.len() / 256);
    assert_eq!(read(cut).is_ok(), whole.is_ok());
    if let (Ok(once), Ok(twice)) = (whole, read(cut)) {
        assert_eq!(once, twice);
    }
}

/// A balancer's header is read to its end and not a byte further; what a trusted proxy says has its shape or counts for
/// nothing.
pub fn forwarded(data: &[u8]) {
    let mut read = 0;
    let address: Option<Option<SocketAddr>> = loop {
        match parse_proxy_protocol(&data[..read]) {
            Ok(Progress::Done(address)) => break Some(address),
            Ok(Progress::More(more)) => {
                assert!(more > 0);
                read += more;
                assert!(read <= 16 + 2048, "{read} bytes are asked for");
                if read > data.len() {
                    break None;
                }
            }
            Err(_) => break None,
        }
    };
    if address.is_some() {
        let line = data[0] == b'P';
        assert!(!line || data[..read].ends_with(b"\r\n"), "{read}");
        assert!(line || read == 16 + usize::from(u16::from_be_bytes([data[14], data[15]])), "{read}");
    }
    let sent: HeaderMap = fields(data).collect();
    let told = ForwardedHeaders::read(&sent);
    assert!(told.proto.is_none_or(|proto| proto == "https" || proto == "http"));
    if let Some(host) = told.host {
        assert!(
            Url::parse(&format!("http://{}/", host.to_str().expect("ASCII")))
                .is_ok_and(|url| url.path() == "/")
                || host.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(b))
        );
    }
    if let Some((parent, _)) = told.trace {
        assert!(parent.len() == 55 && parent.as_bytes().is_ascii());
    }
}

/// It does not matter how the bytes come, and nothing is found that is not there.
pub fn heads(data: &[u8]) {
    let whole = StrictHead::new(64 * 1024).read(data);
    let mut by_one = StrictHead::new(64 * 1024);
    let piecewise = data.chunks(1).find_map(|byte| by_one.read(byte));
    let mut by_seven = StrictHead::new(64 * 1024);
    let sevens = data.chunks(7).find_map(|bytes| by_seven.read(bytes));
    // A line may be given up for its length one piece sooner.
    if data.len() < 32 * 1024 {
        assert_eq!((piecewise, sevens), (whole, whole));
    }
    let Some(FlawedHead { head, why }) = whole else { return };
    assert!(head > 0);
    let holds = |text: &[u8]| data.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text));
    match why {
        // A CR right before it may be the last byte of a body.
        FramingError::BareLineFeed => assert!(data.contains(&b'\n')),
        FramingError::Fragment => assert!(data.contains(&b'#')),
        FramingError::TwoFramings => assert!(holds(b"content-length:") && holds(b"transfer-encoding:")),
        other => panic!("{other}"),
    }
}

/// No cookie of the gateway or of Campaign's session passes, and every other one does, to the byte.
pub fn cookies(data: &[u8]) {
    let mut sent = HeaderMap::new();
    for line in data.split(|b| *b == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            assert_eq!(is_withheld(&value), is_withheld(&value.clone()));
            sent.append(header::COOKIE, value);
        }
    }
    let before: Vec<Vec<u8>> = pairs(&sent);
    let session = CookieNames::new(None).session_cookie(&sent).map(str::to_owned);
    for campaign in [None, Some(HeaderValue::from_static("__sessiontoken=ours"))] {
        let mut lines = HeaderLines::default();
        write_cookies(&mut lines, &sent, campaign.as_ref());
        let mut kept = HeaderMap::new();
        let text = lines.as_bytes();
        if !text.is_empty() {
            let value = text.strip_prefix(b"cookie: ").and_then(|text| text.strip_suffix(b"\r\n"));
            let value = HeaderValue::from_bytes(value.expect("a cookie field")).expect("one line");
            kept.insert(header::COOKIE, value);
        }
        assert_eq!(CookieNames::new(None).session_cookie(&kept), None);
        let mut after = pairs(&kept);
        if campaign.is_some() {
            assert_eq!(after.pop().as_deref(), Some(&b"__sessiontoken=ours"[..]));
        }
        let foreign = |pair: &&Vec<u8>| {
            let text = pair.to_ascii_lowercase();
            let holds = |name: &[u8]| text.windows(name.len()).any(|window| window == name);
            !holds(b"__host-imsgate") && !holds(b"__sessiontoken")
        };
        assert!(after.iter().all(|pair| foreign(&pair)));
        assert_eq!(after.iter().collect::<Vec<_>>(), before.iter().filter(foreign).collect::<Vec<_>>());
    }
    if let Some(session) = session {
        assert!(
            before
                .iter()
                .any(|pair| pair.starts_with(b"__Host-imsgate") && pair.ends_with(session.as_bytes()))
        );
    }
}

/// A return address stays on the gateway's origin, as a browser reads it.
pub fn return_to(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else { return };
    let Some(address) = ReturnTo::parse(raw) else {
        assert_eq!(ReturnTo::parse_or_root(raw).as_str(), "/");
        return;
    };
    let again = ReturnTo::parse(address.as_str());
    assert_eq!(
        again.as_ref().map(ReturnTo::as_str),
        Some(address.as_str()),
        "encoded once, it stays as it is"
    );
    if raw.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>".contains(&b)) {
        assert_eq!(address.as_str(), raw);
    }
    assert!(HeaderValue::from_str(address.as_str()).is_ok_and(|value| value.to_str().is_ok()));
    let raw = address.as_str();
    let base = Url::parse("https://campaign.example.com:8443/ims/callback").expect("an address");
    let url = base.join(raw).expect("an address");
    assert_eq!(url.origin(), base.origin(), "{raw:?}");
    assert!(url.username().is_empty(), "{raw:?}");
    let own = url.path() == "/ims" || url.path().starts_with("/ims/");
    assert!(!own || url.path() == "/ims/me", "{raw:?}");
}

/// The first line is a mask, the others are names.
pub fn mask(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let Ok(mask) = Mask::parse(lines.next().unwrap_or_default()) else { return };
    for name in lines {
        let group = mask.group(name);
        if let Some(group) = group {
            assert!(!group.is_empty() && group.trim() == group, "{name:?} {group:?}");
            assert!(name.contains(group), "{name:?} {group:?}");
            assert!(!mask.is_prefix() || *name == format!("{}{group}", mask.as_str()), "{name:?} {group:?}");
        }
        match mask.explain(name) {
            Verdict::Group(explained) => assert_eq!(Some(explained), group),
            Verdict::NearMiss(why) => assert!(group.is_none() && !why.is_empty()),
            Verdict::Unrelated => assert_eq!(group, None),
        }
    }
}

/// The first line is what IMS says of the organisations, the rest of the profile: only the configured organisation counts.
pub fn membership(data: &[u8]) {
    let (organizations, profile) = match data.iter().position(|b| *b == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &b"{}"[..]),
    };
    let Ok(membership) = read_membership(organizations, profile) else { return };
    let mask = Mask::parse("Campaign - acme - (.*)").expect("a mask");
    let configured = "4E3D60F754C8E5D0A4C98A2@AdobeOrg";
    for product_context in [None, Some("dma_campaign_classic")] {
        let policy = AccessPolicy {
            organization_id: configured,
            mask: &mask,
            product_context,
            groups_bytes: usize::MAX,
        };
        let Ok(granted) = policy.decide(&membership) else { continue };
        assert!(!granted.groups.is_empty());
        let own = membership
            .organizations
            .iter()
            .flatten()
            .filter(|organization| organization.id.eq_ignore_ascii_case(configured));
        let by_organization = own.flat_map(|organization| organization.groups.iter().flatten());
        let products = membership.products.iter().flatten();
        let by_product = products
            .filter(|product| {
                product.owner.as_ref().is_some_and(|owner| owner.eq_ignore_ascii_case(configured))
            })
            .flat_map(|product| &product.names);
        let names: Vec<&String> = by_organization.chain(by_product).collect();
        for group in &granted.groups {
            assert!(names.iter().any(|name| mask.group(name) == Some(group)), "{group:?} of {names:?}");
        }
    }
}

/// What goes into headers cannot leave its place, and a fault fits on a line.
pub fn soap(data: &[u8]) {
    use secrecy::ExposeSecret as _;
    if let Ok(answer) = logon_answer(data) {
        for token in [&answer.session_token, &answer.security_token] {
            let token = token.expose_secret();
            assert!(!token.is_empty() && HeaderValue::from_str(token).is_ok());
            assert!(!token.contains([';', ',', ' ']), "{token:?}");
        }
    }
    if let Some(fault) = fault(data) {
        assert!(fault.chars().count() <= 200 && !fault.chars().any(char::is_control), "{fault:?}");
    }
    let text = String::from_utf8_lossy(data);
    let token = text.trim();
    if !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic() && b != b';' && b != b',') {
        let written = escape(token);
        let answer = format!(
            "<a><pstrSessionToken>{written}</pstrSessionToken><x:pstrSecurityToken>{written}</x:pstrSecurityToken></a>"
        );
        let read = logon_answer(answer.as_bytes()).expect("an answer");
        assert_eq!((read.session_token.expose_secret(), read.security_token.expose_secret()), (token, token));
    }
}

/// `name: value` on each line; what is no field is left out.
fn fields(data: &[u8]) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    data.split(|b| *b == b'\n').filter_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    })
}

fn pairs(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let fields = headers.get_all(header::COOKIE).iter();
    let pairs = fields.flat_map(|field| field.as_bytes().split(|b| *b == b';'));
    pairs.map(|pair| pair.trim_ascii().to_vec()).filter(|pair| !pair.is_empty()).collect()
}
