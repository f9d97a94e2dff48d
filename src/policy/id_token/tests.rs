use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn good() -> Value {
    json!({"iss": "https://ims", "aud": "Campaign1", "sub": "A", "iat": NOW, "exp": NOW + 60, "auth_time": NOW - 5,
           "nonce": "n", "at_hash": "h"})
}

fn judged(claims: &str) -> Result<IdToken, InvalidIdToken> {
    let issuers = ["https://ims".to_owned()];
    let expected = Expected {
        issuers: &issuers,
        client_id: "Campaign1",
        now: UnixTime(NOW),
        skew: Duration::from_mins(1),
    };
    read(claims.as_bytes(), &expected)
}

fn with(name: &str, value: &Value) -> Result<IdToken, InvalidIdToken> {
    let mut claims = good();
    claims[name] = value.clone();
    judged(&claims.to_string())
}

#[test]
fn numbers_may_be_in_quotes() {
    let plain = judged(&good().to_string()).unwrap();
    for (name, value) in [
        ("iat", json!(NOW.to_string())),
        ("exp", json!((NOW + 60).to_string())),
        ("auth_time", json!((NOW - 5).to_string())),
        ("nbf", json!(NOW.to_string())),
        ("nbf", json!(null)),
        ("azp", json!(null)),
        ("aud", json!(["Campaign1"])),
        ("sid", json!({"a": 1})),
        ("name", json!(7)),
        ("email", json!([])),
    ] {
        assert_eq!(with(name, &value).as_ref(), Ok(&plain), "{name}: {value}");
    }
}

#[test]
fn every_used_claim_is_checked() {
    for (name, value, flaw) in [
        ("iss", json!(null), InvalidIdToken::Unreadable("iss")),
        ("iss", json!("https://ims/"), InvalidIdToken::Issuer("https://ims/".to_owned())),
        ("aud", json!(7), InvalidIdToken::Audience),
        ("aud", json!([]), InvalidIdToken::Audience),
        ("aud", json!(["Campaign1", 7]), InvalidIdToken::Audience),
        ("aud", json!(["Campaign1", "Campaign2"]), InvalidIdToken::Audience),
        ("azp", json!("Campaign2"), InvalidIdToken::AuthorizedParty("Campaign2".to_owned())),
        ("azp", json!(["Campaign1"]), InvalidIdToken::AuthorizedParty(String::new())),
        ("exp", json!((NOW - 60).to_string()), InvalidIdToken::Expired),
        ("exp", json!(NOW - 60), InvalidIdToken::Expired),
        ("exp", json!(1e300), InvalidIdToken::Unreadable("exp")),
        ("exp", json!("inf"), InvalidIdToken::Unreadable("exp")),
        ("exp", json!(true), InvalidIdToken::Unreadable("exp")),
        ("iat", json!((NOW + 61).to_string()), InvalidIdToken::NotYet("iat")),
        ("iat", json!([]), InvalidIdToken::Unreadable("iat")),
        ("nbf", json!((NOW + 61).to_string()), InvalidIdToken::NotYet("nbf")),
        ("nbf", json!("soon"), InvalidIdToken::Unreadable("nbf")),
        ("sub", json!(7), InvalidIdToken::Unreadable("sub")),
        ("sub", json!(""), InvalidIdToken::Unreadable("sub")),
        ("nonce", json!(7), InvalidIdToken::Unreadable("nonce")),
        ("at_hash", json!({}), InvalidIdToken::Unreadable("at_hash")),
    ] {
        assert_eq!(with(name, &value), Err(flaw), "{name}: {value}");
    }
    let token = judged(&good().to_string()).unwrap();
    assert_eq!((token.check_nonce("n"), token.check_nonce("m")), (Ok(()), Err(InvalidIdToken::Nonce)));
    assert_eq!(with("nonce", &json!(null)).unwrap().check_nonce(""), Err(InvalidIdToken::Nonce));
    let twice = good().to_string().replacen('{', r#"{"sub":"B","#, 1);
    assert_eq!(judged(&twice), Err(InvalidIdToken::Unreadable("claims")), "a claim twice");
}

#[test]
fn the_header_is_checked() {
    let key = |text: &str| Ok(Some(text.to_owned()));
    for (header, expected) in [
        (json!({"alg": "RS256", "kid": "k", "typ": "JWT", "x5t": 7}), key("k")),
        (json!({"alg": "RS256", "kid": "", "typ": "application/jose"}), key("")),
        (json!({"alg": "RS256", "kid": 7}), key("7")),
        (json!({"alg": "RS256", "kid": null}), Ok(None)),
        (json!({"alg": "RS256"}), Ok(None)),
        (json!({"alg": "RS256", "kid": []}), Err(InvalidIdToken::Unreadable("kid"))),
        (json!({"alg": "none"}), Err(InvalidIdToken::Algorithm)),
        (json!({"alg": "rs256"}), Err(InvalidIdToken::Algorithm)),
        (json!({"alg": ["RS256"]}), Err(InvalidIdToken::Algorithm)),
        (json!({}), Err(InvalidIdToken::Algorithm)),
        (json!({"alg": "RS256", "typ": "at+jwt"}), Err(InvalidIdToken::Header("typ"))),
        (json!({"alg": "RS256", "typ": "logout+jwt"}), Err(InvalidIdToken::Header("typ"))),
        (json!({"alg": "RS256", "typ": 7}), Err(InvalidIdToken::Header("typ"))),
        (json!({"alg": "RS256", "cty": "JWT"}), Err(InvalidIdToken::Header("cty"))),
        (json!({"alg": "RS256", "crit": ["b64"]}), Err(InvalidIdToken::Header("crit"))),
        (json!("RS256"), Err(InvalidIdToken::Unreadable("header"))),
    ] {
        assert_eq!(key_id(header.to_string().as_bytes()), expected, "{header}");
    }
    let twice = br#"{"alg":"none","alg":"RS256"}"#;
    assert_eq!(key_id(twice), Err(InvalidIdToken::Unreadable("header")));
}

/// Any JSON value of limited depth.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::collection::vec(any::<char>(), 0..8)
            .prop_map(|text| Value::from(text.iter().collect::<String>())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = prop::sample::select(vec!["sub", "iss", "a", "exp"]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn unused_claims_change_nothing(
        name in prop::sample::select(vec![
            "amr", "acr", "address", "updated_at", "locale", "zoneinfo", "gender", "birthdate", "picture", "profile",
            "website", "phone_number", "phone_number_verified", "preferred_username", "c_hash", "jti", "events", "x",
        ]),
        value in json_value(),
    ) {
        prop_assert_eq!(with(name, &value), judged(&good().to_string()));
    }

    #[test]
    fn an_invalid_optional_claim_does_not_prevent_a_sign_in(
        name in prop::sample::select(vec!["auth_time", "sid", "name", "email", "email_verified", "emailVerified"]),
        value in json_value(),
    ) {
        prop_assert_eq!(with(name, &value).map(|token| token.subject), Ok("A".to_owned()));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let expected = Expected { issuers: &[], client_id: "c", now: UnixTime(NOW), skew: Duration::from_mins(1) };
        prop_assert!(read(&bytes, &expected).is_err());
        let _ = key_id(&bytes).is_ok();
    }
}
