//! The signed assertion that Campaign gets.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::support::Browser;

/// The claims of an assertion, verified as Campaign would.
pub async fn claims(browser: &Browser, assertion: &str) -> Value {
    let keys: JwkSet = serde_json::from_value(browser.get_json("/ims/jwks.json").await.json()).unwrap();
    let kid = jsonwebtoken::decode_header(assertion).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["campaign"]);
    // The gateway's clock may have been moved. Tests check the times themselves.
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(assertion, &key, &validation).unwrap().claims
}
