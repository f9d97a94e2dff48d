//! Checks a single value, for the questions of `imsgate init`.

use toml::Value;

use super::check;
use super::schema;
use super::value_error::ValueError;

/// Checks a text as the value of one key, without the rest of the configuration. Returns the value for the file.
///
/// # Errors
/// What is wrong, and how to fix it. Never quotes a secret.
pub fn check_answer(path: &str, text: &str) -> Result<Value, (String, String)> {
    let parts = |wrong: ValueError| (wrong.message, wrong.fix);
    let Some(key) = schema::key(path) else {
        return Err((format!("{path} is no key"), String::new()));
    };
    let value = check::from_environment(key, text).map_err(parts)?;
    match check::check(key, &value) {
        Ok(_) => Ok(value),
        Err(mistakes) => {
            let first = mistakes.into_iter().next().map(|(_, wrong)| parts(wrong));
            Err(first.unwrap_or_else(|| ("cannot be used".to_owned(), String::new())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_checked_as_the_file_is() {
        assert!(check_answer("ims.callback_server", "https://campaign.example.com").is_ok());
        assert_eq!(check_answer("listen.http_redirect", "0.0.0.0:80").unwrap(), Value::from("0.0.0.0:80"));
        for (path, text) in [
            ("ims.callback_server", "http://campaign.example.com"),
            ("ims.organization_id", "acme"),
            ("ims.association_mask", "Campaign - (.*"),
            ("campaign.session", "bearer_logon"),
            ("campaign.upstream", "10.0.0.1:8080"),
            ("ims.no_such_key", "x"),
        ] {
            let (message, _) = check_answer(path, text).unwrap_err();
            assert!(!message.is_empty(), "{path}");
        }
    }
}
