//! A login after IMS and before the callback.

use http::StatusCode;

use super::{Answer, Browser, World};

/// A login of alice: IMS has issued a code, and the browser has not opened the callback yet.
pub struct OpenLogin {
    pub code: String,
    pub state: String,
}

impl OpenLogin {
    /// Opens an address and goes through IMS, up to the redirect back.
    pub async fn begin(browser: &Browser, address: &str) -> Self {
        let to_ims = browser.get(address).await;
        let to_callback = browser.at_ims(&to_ims, "alice").await;
        let parameter = |name: &str| to_callback.parameter(name).unwrap();
        Self { code: parameter("code"), state: parameter("state") }
    }

    /// Where IMS sends the browser.
    pub fn callback(&self) -> String {
        format!("/ims/callback?code={}&state={}", self.code, self.state)
    }

    /// Name of the cookie that binds the login to the browser.
    pub fn cookie(&self) -> String {
        format!("__Host-imsgate-login-{}", self.state)
    }
}

impl World {
    /// The browser is sent to IMS for another attempt, without a session.
    pub fn assert_begins_again(&self, answer: &Answer) {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        let authorize = format!("{}/ims/authorize/v2?", self.ims.url());
        assert!(answer.location().starts_with(&authorize), "{}", answer.location());
        assert_eq!(answer.session_cookie(), None);
    }
}
