//! Signing keys in memory, and compact JWS (RFC 7515 §7.1).

use std::io;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::faults::Signing;
use crate::demo::random::{bytes, hex, lock};

/// An RSA key of 2048 bits and its key id.
pub(super) struct SimulatorKey {
    kid: String,
    pair: KeyPair,
}

impl SimulatorKey {
    fn generate() -> io::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| io::Error::other("no RSA key"))?;
        // The format of IMS's key ids. The random part makes the keys of each simulator different.
        Ok(Self { kid: format!("ims_demo-key-{}", hex(&bytes::<4>())), pair })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs header and claims with RS256.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> io::Result<String> {
        let input = signing_input(header, claims);
        let signature = self.rs256(&input)?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    pub(super) fn public_key_pem(&self) -> String {
        let der: Option<PublicKeyX509Der<'_>> = self.pair.public_key().as_der().ok();
        let base64 = STANDARD.encode(der.as_deref().map_or(&[][..], AsRef::as_ref));
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in base64.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }

    fn rs256(&self, input: &str) -> io::Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| io::Error::other("no signature"))?;
        Ok(signature)
    }

    /// RFC 7517 §4, RFC 7518 §6.3.1.
    fn jwk(&self) -> Value {
        let key = self.pair.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(key.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(key.exponent().big_endian_without_leading_zero()),
        })
    }
}

/// The current key and, after a rotation, the previous key.
pub(super) struct SimulatorKeys(Mutex<Vec<Arc<SimulatorKey>>>);

impl SimulatorKeys {
    pub(super) fn generate() -> io::Result<Self> {
        Ok(Self(Mutex::new(vec![Arc::new(SimulatorKey::generate()?)])))
    }

    pub(super) fn current(&self) -> Arc<SimulatorKey> {
        Arc::clone(&lock(&self.0)[0])
    }

    pub(super) fn rotate(&self) -> io::Result<()> {
        let key = Arc::new(SimulatorKey::generate()?);
        let mut keys = lock(&self.0);
        keys.insert(0, key);
        keys.truncate(2);
        Ok(())
    }

    pub(super) fn jwks(&self) -> Value {
        let keys: Vec<Value> = lock(&self.0).iter().map(|key| key.jwk()).collect();
        json!({ "keys": keys })
    }

    /// Signs in the given way, valid or not.
    pub(super) fn sign_as(
        &self,
        signing: &Signing,
        header: &mut Value,
        claims: &Value,
    ) -> io::Result<String> {
        let key = self.current();
        match signing {
            Signing::Honest => key.sign(header, claims),
            Signing::None => {
                header["alg"] = "none".into();
                Ok(format!("{}.", signing_input(header, claims)))
            }
            Signing::Hs256(secret) => {
                header["alg"] = "HS256".into();
                let input = signing_input(header, claims);
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
                Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag)))
            }
            Signing::OtherKey => SimulatorKey::generate()?.sign(header, claims),
            Signing::UnknownKid => {
                header["kid"] = format!("unknown-{}", hex(&bytes::<8>())).into();
                key.sign(header, claims)
            }
            Signing::NoKid => {
                if let Some(fields) = header.as_object_mut() {
                    fields.remove("kid");
                }
                key.sign(header, claims)
            }
            Signing::Broken => {
                let input = signing_input(header, claims);
                let mut signature = key.rs256(&input)?;
                signature[100] ^= 1;
                Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
            }
        }
    }
}

fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    #[test]
    fn another_library_verifies_the_signature_with_the_published_key() {
        let keys = SimulatorKeys::generate().unwrap();
        let header = json!({ "alg": "RS256", "kid": keys.current().kid() });
        let token = keys.current().sign(&header, &json!({ "sub": "s", "exp": 4_000_000_000_u64 })).unwrap();
        let jwks = keys.jwks();
        let text = |name: &str| jwks["keys"][0][name].as_str().unwrap().to_owned();
        let key = DecodingKey::from_rsa_components(&text("n"), &text("e")).unwrap();
        let validation = Validation::new(jsonwebtoken::Algorithm::RS256);
        assert!(jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok());
        let broken = keys
            .sign_as(&Signing::Broken, &mut header.clone(), &json!({ "exp": 4_000_000_000_u64 }))
            .unwrap();
        assert!(jsonwebtoken::decode::<Value>(&broken, &key, &validation).is_err());
    }
}
