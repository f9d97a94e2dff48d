//! The beginning of a login: a sealed transaction in a cookie, and the address at IMS.

use http::HeaderMap;

use super::Authenticator;
use super::identify::AuthRequest;
use super::login_failure::LoginFailure;
use crate::crypto::random_text;
use crate::ims::ImsError;
use crate::policy::cookies;
use crate::policy::login::{
    LoginState, LoginTransaction, MAX_OPEN_BYTES, MAX_OPEN_LOGINS, MIN_OPEN_LOGINS, Prompt,
};
use crate::policy::return_to::ReturnTo;
use crate::telemetry::audit::Subject;
use crate::telemetry::{LoginFailureCode, SignIn};
use crate::unix_time::UnixTime;

/// Where a person goes after the login.
#[derive(Clone, Debug, Default)]
pub struct Destination {
    pub return_to: ReturnTo,
    /// True when a saved form is to be confirmed first.
    pub has_form: bool,
}

#[derive(Clone, Debug, Default)]
pub struct BeginLogin {
    /// Where the person wants to go.
    pub to: Destination,
    /// How often the gateway has restarted this login.
    pub attempt: u8,
    /// What IMS is asked to show.
    pub prompt: Prompt,
}

#[derive(Debug)]
pub struct LoginStart {
    /// The address at IMS that the browser is sent to.
    pub location: String,
    /// Name and value of the cookie that holds the transaction.
    pub cookie: (String, String),
    /// The cookies of older logins of this browser, to be removed.
    pub remove: Vec<String>,
}

impl Authenticator {
    /// Begins a login, and counts a failure to do so.
    ///
    /// # Errors
    /// When IMS cannot be asked.
    pub async fn begin_login(
        &self,
        request: AuthRequest<'_>,
        begin: BeginLogin,
    ) -> Result<LoginStart, LoginFailure> {
        let started = self.start_login(request, begin).await;
        if let Err(failure) = started {
            self.metrics.sign_in(SignIn::Failed(failure.code));
        }
        started
    }

    /// Begins a login. The caller counts a failure.
    pub(super) async fn start_login(
        &self,
        request: AuthRequest<'_>,
        begin: BeginLogin,
    ) -> Result<LoginStart, LoginFailure> {
        let state = LoginState::new(begin.attempt, &random_text::<16>());
        let authorization = match self.ims.authorize(state.as_str(), begin.prompt).await {
            Ok(authorization) => authorization,
            Err(error) => return Err(self.failed(request, &error)),
        };
        // When the store does not answer, the callback notices.
        let present = self.live_session(request).await.ok().flatten();
        let transaction = LoginTransaction {
            nonce: authorization.nonce,
            verifier: authorization.verifier,
            return_to: begin.to.return_to,
            began: request.now,
            replaces: present.map(|session| session.sid.clone()),
            silent: begin.prompt == Prompt::Silent,
            resumes: begin.to.has_form,
            interrupted: false,
        };
        let name = state.cookie_name(&self.cookies);
        let sealed = self.state.sealer.seal(&name, &transaction).map_err(|_| LoginFailureCode::Internal)?;
        Ok(LoginStart {
            location: authorization.url.to_string(),
            cookie: (name, sealed),
            remove: self.surplus_logins(request.headers),
        })
    }

    /// The oldest open logins that exceed the limit of number or bytes; their cookies are to be removed. A cookie that cannot be opened may
    /// belong to another gateway on this host name: it stays, and reduces the bytes for this gateway. The limit exists because servers
    /// refuse requests with too many bytes of cookies.
    fn surplus_logins(&self, headers: &HeaderMap) -> Vec<String> {
        let (mut open, mut bytes): (Vec<(UnixTime, &str, usize)>, usize) = (Vec::new(), 0);
        for (name, value) in
            cookies::pairs(headers).filter(|(name, _)| name.starts_with(&self.cookies.login_prefix))
        {
            match self.state.sealer.open::<LoginTransaction>(name, value) {
                Some(transaction) => open.push((transaction.began, name, name.len() + value.len())),
                None => bytes += name.len() + value.len(),
            }
        }
        open.sort_unstable_by(|one, other| other.cmp(one));
        let mut surplus = Vec::new();
        for (index, (_, name, length)) in open.into_iter().enumerate() {
            bytes += length;
            let is_over = index + 1 >= MAX_OPEN_LOGINS || bytes > MAX_OPEN_BYTES;
            if is_over && index + 1 >= MIN_OPEN_LOGINS {
                surplus.push(name.to_owned());
            }
        }
        surplus
    }

    /// Logs and audits a login that failed because of IMS.
    pub(super) fn failed(&self, request: AuthRequest<'_>, error: &ImsError) -> LoginFailure {
        tracing::warn!(request = %request.id, %error, "login failed");
        let failure = LoginFailure::from(error);
        self.audit_failure(request, Subject::nobody(), failure, &error.to_string());
        failure
    }
}
