//! The simulator over real sockets, as a relying party sees it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, header};
use serde_json::Value;
use url::Url;

use super::{ImsOptions, ImsSimulator};
use crate::clock::Clock;
use crate::demo::client::SimulatorClient;

mod sign_in;
mod tokens;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "https://localhost:8443/ims/callback";
const SCOPES: &str =
    "openid,AdobeID,read_organizations session additional_info.projectedProductContext,offline_access";

struct World {
    sim: ImsSimulator,
    client: SimulatorClient,
}

impl World {
    async fn start() -> Self {
        let options = ImsOptions { clock: Clock::movable(), ..ImsOptions::default() };
        Self { sim: ImsSimulator::start(options).await.unwrap(), client: SimulatorClient::new() }
    }

    fn query(changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("client_id", "Campaign1"),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", SCOPES),
            ("state", "st&te"),
            ("nonce", "n-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        pairs.extend(changes);
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    async fn authorize(&self, changes: &[(&str, &str)], headers: &[(&str, &str)]) -> Response<Bytes> {
        let url = format!("{}/ims/authorize/v2?{}", self.sim.url(), Self::query(changes));
        self.client.get(&url, headers).await.unwrap()
    }

    async fn sign_in(&self, username: &str) -> Response<Bytes> {
        let form = [("request", Self::query(&[])), ("username", username.to_owned())];
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.client.post_form(&self.sim.sign_in_url(), &[], &form).await.unwrap()
    }

    async fn code(&self, username: &str) -> String {
        parameter(&self.sign_in(username).await, "code").unwrap()
    }

    async fn token(&self, form: &[(&str, &str)]) -> Response<Bytes> {
        let mut form = form.to_vec();
        form.extend([("client_id", "Campaign1"), ("client_secret", "demo-client-secret")]);
        self.client.post_form(&format!("{}/ims/token/v3", self.sim.url()), &[], &form).await.unwrap()
    }

    async fn exchange(&self, code: &str, verifier: &str) -> Response<Bytes> {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ])
        .await
    }

    async fn tokens(&self, username: &str) -> Value {
        json(&self.exchange(&self.code(username).await, VERIFIER).await)
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        self.client.get(&format!("{}{path}", self.sim.url()), &[]).await.unwrap()
    }

    async fn with_token(&self, path: &str, token: &Value) -> Response<Bytes> {
        let authorization = format!("Bearer {}", token.as_str().unwrap());
        let url = format!("{}{path}", self.sim.url());
        self.client.get(&url, &[("authorization", &authorization)]).await.unwrap()
    }
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn location(response: &Response<Bytes>) -> String {
    response.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

fn parameter(response: &Response<Bytes>, name: &str) -> Option<String> {
    let url = Url::parse(&location(response)).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
