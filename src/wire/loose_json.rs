//! Reads JSON values as IMS writes them: numbers and booleans may be in quotes.

use serde_json::Value;

/// A finite number, plain or in quotes.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// A boolean, plain or in quotes.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Text that is not empty. A number is converted to text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn quotes_change_nothing() {
        for value in [json!(86399), json!("86399"), json!(" 86399 "), json!("86399.0")] {
            assert_eq!(number(&value), Some(86399.0), "{value}");
        }
        for value in
            [json!("soon"), json!(""), json!("inf"), json!("NaN"), json!(true), json!([1]), json!(null)]
        {
            assert_eq!(number(&value), None, "{value}");
        }
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!("False"), Some(false)),
            (json!(1), None),
            (json!("yes"), None),
            (json!(null), None),
        ] {
            assert_eq!(boolean(&value), expected, "{value}");
        }
        assert_eq!(text(&json!(7)), Some("7".to_owned()));
        assert_eq!((text(&json!("")), text(&json!({}))), (None, None));
    }

    proptest! {
        #[test]
        fn a_quoted_integer_is_that_integer(number in any::<i32>()) {
            prop_assert_eq!(super::number(&json!(number.to_string())), super::number(&json!(number)));
        }
    }
}
