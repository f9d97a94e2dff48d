//! Selects the e-mail address that identifies a person.
//!
//! IMS sends the address in up to three responses (userinfo, profile, `id_token`). Each may say whether the address was verified
//! (`email_verified`, OpenID Connect Core §5.1). Anyone can enter any address at IMS: until it is verified, it may belong to
//! another person.

use serde_json::Value;

/// The e-mail address in one response of IMS. The default: no address and no flag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailClaim {
    address: Option<String>,
    is_unverified: bool,
}

impl EmailClaim {
    /// Takes the address and its flags: `email_verified`, and `emailVerified` as the profile spells it. An empty address counts as
    /// absent.
    pub fn new(address: Option<String>, flags: [&Value; 2]) -> Self {
        let address = address.filter(|address| !address.is_empty());
        Self { address, is_unverified: flags.into_iter().any(is_negative) }
    }
}

/// The e-mail address that identifies a person: the first one in `claims`. `None` if any claim says that the address is not
/// verified, because the flag is about the person's address, not about one response.
pub fn identity_email<'a>(claims: impl IntoIterator<Item = &'a EmailClaim> + Clone) -> Option<String> {
    if is_unverified(claims.clone()) {
        return None;
    }
    claims.into_iter().find_map(|claim| claim.address.clone())
}

/// True when any claim says that the address is not verified.
pub fn is_unverified<'a>(claims: impl IntoIterator<Item = &'a EmailClaim>) -> bool {
    claims.into_iter().any(|claim| claim.is_unverified)
}

/// A missing flag is not negative, because IMS does not always send one. A flag that is present must be true: as a boolean, as
/// text in any letter case, or as the number 1.
fn is_negative(flag: &Value) -> bool {
    match flag {
        Value::Null => false,
        Value::Bool(verified) => !verified,
        Value::String(text) => !matches!(text.trim(), "1") && !text.trim().eq_ignore_ascii_case("true"),
        Value::Number(number) => number.as_f64() != Some(1.0),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn claim(claims: &Value) -> EmailClaim {
        let address = claims["email"].as_str().map(str::to_owned);
        EmailClaim::new(address, [&claims["email_verified"], &claims["emailVerified"]])
    }

    #[test]
    fn a_missing_flag_counts_as_verified_and_any_other_must_be_true() {
        for verified in
            [json!(null), json!(true), json!("true"), json!("True"), json!(" TRUE "), json!(1), json!("1")]
        {
            let claim = claim(&json!({ "email": "a@x", "email_verified": verified }));
            assert_eq!(identity_email([&claim]).as_deref(), Some("a@x"), "{verified}");
        }
        for unverified in [
            json!(false),
            json!("false"),
            json!("FALSE"),
            json!(0),
            json!("0"),
            json!("no"),
            json!(""),
            json!([]),
            json!({}),
        ] {
            for name in ["email_verified", "emailVerified"] {
                let claim = claim(&json!({ "email": "a@x", name: unverified }));
                assert_eq!(identity_email([&claim]), None, "{name}: {unverified}");
            }
        }
        assert_eq!(identity_email([&claim(&json!({ "email": "a@x" }))]).as_deref(), Some("a@x"));
    }

    #[test]
    fn an_address_that_is_not_text_counts_as_absent() {
        let claims =
            [json!({}), json!({"email": ""}), json!({"email": 5}), json!({"email": ["a@x"]}), json!(null)];
        assert_eq!(identity_email(claims.map(|claims| claim(&claims)).each_ref()), None);
    }

    proptest! {
        #[test]
        fn one_negative_flag_is_enough_at_any_position(
            places in proptest::collection::vec((any::<bool>(), 0..3_u8), 1..4),
        ) {
            let claims: Vec<_> = places
                .iter()
                .map(|(has_address, flag)| {
                    let address = has_address.then(|| "a@x".to_owned());
                    let flag = [json!(null), json!(true), json!("false")][usize::from(*flag)].clone();
                    EmailClaim::new(address, [&flag, &Value::Null])
                })
                .collect();
            let denied = places.iter().any(|(_, flag)| *flag == 2);
            let given = places.iter().any(|(has_address, _)| *has_address);
            prop_assert_eq!(identity_email(&claims).is_some(), given && !denied);
        }
    }
}
