use proptest::prelude::*;

use super::*;

const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";

fn envelope(header: &str, body: &str) -> String {
    format!("<E:Envelope xmlns:E='{SOAP11}'>{header}<E:Body>{body}</E:Body></E:Envelope>")
}

fn call(token: &str) -> String {
    format!(
        "<q:ExecuteQuery xmlns:q='urn:xtk:queryDef'>{token}<q:entity><x a='1'/></q:entity></q:ExecuteQuery>"
    )
}

fn read(text: &str) -> Result<Envelope, EnvelopeError> {
    Envelope::read(text.as_bytes(), true)
}

fn tokens(text: &str) -> Vec<(TokenKind, String)> {
    read(text).unwrap().tokens.into_iter().map(|place| (place.kind, place.value)).collect()
}

#[test]
fn method_and_token_are_found_in_every_form() {
    let session = |value: &str| vec![(TokenKind::Session, value.to_owned())];
    for (text, wanted) in [
        (envelope("", &call("<q:sessiontoken>___A</q:sessiontoken>")), "___A"),
        (
            envelope("", &call("<__sessiontoken xsi:type='xsd:string' xmlns:xsi='x'>___A</__sessiontoken>")),
            "___A",
        ),
        (envelope("", &call("<anything>a&amp;b</anything>")), "a&b"),
        (envelope("", &call("<t><![CDATA[admin/pw]]></t>")), "admin/pw"),
        (envelope("", &call("<t>___<!-- x -->A</t>")), "___A"),
        (envelope("", &call("<t/>")), ""),
        (envelope("<E:Header/>", &call("<t>___A</t>")).replace(SOAP11, SOAP12), "___A"),
        (
            format!(
                "\u{feff}<?xml version='1.0' encoding='UTF-8'?>\n{}",
                envelope("", &call("<t> ___A\n</t>"))
            ),
            "___A",
        ),
        (
            envelope(
                "",
                "<ExecuteQuery xmlns='urn:xtk:queryDef'><sessiontoken>___A</sessiontoken></ExecuteQuery>",
            ),
            "___A",
        ),
    ] {
        assert_eq!(read(&text).unwrap().method, "xtk:queryDef#ExecuteQuery", "{text}");
        assert_eq!(tokens(&text), session(wanted), "{text}");
    }
}

#[test]
fn tokens_in_the_header_are_found() {
    let header = "<E:Header><Cookie>a=1; __sessionToken=___C; b=2</Cookie><X-Security-Token>@S</X-Security-Token>\
        <SecurityHeader><sessiontoken>___H</sessiontoken><securityToken>@H</securityToken></SecurityHeader></E:Header>";
    let found = tokens(&envelope(header, &call("<t/>")));
    let wanted = [("___C", 0), ("@S", 1), ("___H", 0), ("@H", 1), ("", 0)];
    let kinds = [TokenKind::Session, TokenKind::Security];
    assert_eq!(found, wanted.map(|(value, kind)| (kinds[kind], value.to_owned())));
}

#[test]
fn a_logon_has_all_its_parameters() {
    let text = envelope(
        "",
        "<urn:Logon xmlns:urn='urn:xtk:session'><urn:sessiontoken/><a>m&#252;ller@x</a><b>p&lt;w</b>\
         <c><client build='9333'/></c></urn:Logon>",
    );
    let found = read(&text).unwrap();
    assert_eq!(found.method, LOGON);
    let parameter = |index| found.parameter(text.as_bytes(), index);
    assert_eq!([parameter(0), parameter(1), parameter(2), parameter(4)], ["", "müller@x", "p<w", ""]);
    assert_eq!(found.client_build, Some(9333));
}

#[test]
fn tokens_are_exchanged_in_their_places_only() {
    let text =
        envelope("<E:Header><Cookie>x=1; __sessiontoken=old; y</Cookie></E:Header>", &call("<t>old</t>"));
    let found = read(&text).unwrap();
    let exchanged = found.with_tokens(text.as_bytes(), &[(0, "new".to_owned()), (1, "a<b".to_owned())]);
    let wanted = text.replace("=old;", "=new;").replace("<t>old", "<t>a&lt;b");
    assert_eq!(String::from_utf8(exchanged).unwrap(), wanted);
}

#[test]
fn what_two_programs_may_read_differently_is_refused() {
    let refused = |text: &str| matches!(read(text), Err(EnvelopeError::Refused(_)));
    let plain = envelope("", &call("<t/>"));
    assert!(refused(&format!("<!DOCTYPE x [<!ENTITY a 'b'>]>{plain}")));
    assert!(refused(&envelope("", &call("<t>&own;</t>"))));
    assert!(refused(&format!("--x\r\nContent-Type: text/xml\r\n\r\n{plain}\r\n--x--")));
    assert!(refused(
        &plain
            .replace("</E:Envelope>", "<E:Header><Cookie>__sessiontoken=x</Cookie></E:Header></E:Envelope>")
    ));
    assert!(refused(&plain.replace("</E:Envelope>", "<E:Body><b/></E:Body></E:Envelope>")));
    assert!(refused(&envelope("", &format!("{}{}", call("<t/>"), call("<t>admin/pw</t>")))));
    assert!(refused(&envelope(
        &format!("<E:Header>{}{}</E:Header>", "<a>".repeat(40), "</a>".repeat(40)),
        "<b/>"
    )));
    assert!(refused(&format!("<?xml version='1.0' encoding='UTF-16'?>{plain}")));
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(matches!(Envelope::read(&utf16, true), Err(EnvelopeError::Refused(_))));
}

#[test]
fn what_is_no_envelope_is_told_apart() {
    for text in
        ["", "hello", "<html/>", "{}", "<Envelope>", "<Envelope><Header/></Envelope>", "--x\r\n\r\ndata"]
    {
        assert_eq!(read(text), Err(EnvelopeError::NotSoap), "{text}");
    }
}

#[test]
fn a_body_that_is_no_xml_is_told_apart_by_its_beginning() {
    assert_eq!(Envelope::read(b"0123456789", false), Err(EnvelopeError::NotSoap));
    assert_eq!(Envelope::read(&[0; 100], false), Err(EnvelopeError::NotSoap));
    for wide in [&b"\0<\0E"[..], b"<\0E\0", b"\0\0\0<", b"<\0\0\0", b" <E>\0"] {
        assert!(matches!(Envelope::read(wide, true), Err(EnvelopeError::Refused(_))), "{wide:?}");
    }
    assert_eq!(Envelope::read(b" \r\n", false), Err(EnvelopeError::Incomplete));
}

#[test]
fn a_large_envelope_is_decided_by_its_beginning() {
    let text = envelope("", &call("<t>___A</t>"));
    let decided = text.find("</t>").unwrap() + "</t>".len();
    assert_eq!(Envelope::read(&text.as_bytes()[..decided], false).unwrap().tokens[0].value, "___A");
    assert_eq!(Envelope::read(&text.as_bytes()[..decided - 1], false), Err(EnvelopeError::Incomplete));
}

proptest! {
    #[test]
    fn more_bytes_never_change_the_beginning(cut in 0_usize..500, token in "[a-zA-Z_/<&]{0,12}") {
        let token = quick_xml::escape::escape(&token).into_owned();
        let text = envelope("<E:Header><a>b</a></E:Header>", &call(&format!("<t>{token}</t>")));
        let part = Envelope::read(&text.as_bytes()[..cut.min(text.len())], false);
        prop_assert!(part == Err(EnvelopeError::Incomplete) || part == read(&text), "{:?}", part);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[<>/a-zA-Z&;!\\[\\]='\" ]{0,200}", complete: bool) {
        for bytes in [&bytes, text.as_bytes()] {
            if let Ok(found) = Envelope::read(bytes, complete) {
                for place in &found.tokens {
                    let _ = &bytes[place.span.clone()];
                }
            }
        }
    }
}
