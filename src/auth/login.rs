//! The beginning of a login: a sealed transaction in a cookie, and the address at IMS.

use std::time::Duration;

use http::HeaderMap;

use super::Authenticator;
use super::identify::AuthRequest;
use crate::campaign::CampaignError;
use crate::crypto::random_text;
use crate::ims::ImsError;
use crate::policy::cookies;
use crate::policy::login::{
    LoginState, LoginTransaction, MAX_OPEN_BYTES, MAX_OPEN_LOGINS, MIN_OPEN_LOGINS, Prompt,
};
use crate::policy::logon_refusal::LogonRefusal;
use crate::policy::return_to::ReturnTo;
use crate::telemetry::SignIn;
use crate::telemetry::audit::Subject;
use crate::unix_time::UnixTime;

/// Where a person goes after the login.
#[derive(Clone, Debug, Default)]
pub struct Destination {
    /// The address.
    pub return_to: ReturnTo,
    /// True when a saved form is to be confirmed first.
    pub has_form: bool,
}

/// How a login begins.
#[derive(Clone, Debug, Default)]
pub struct BeginLogin {
    /// Where the person wants to go.
    pub to: Destination,
    /// How often the gateway has begun this login again by itself.
    pub attempt: u8,
    /// What IMS is asked to show.
    pub prompt: Prompt,
}

/// A login that has begun.
#[derive(Debug)]
pub struct LoginStart {
    /// The address at IMS that the browser is sent to.
    pub location: String,
    /// Name and value of the cookie that holds the transaction.
    pub cookie: (String, String),
    /// The cookies of older logins of this browser, to be removed.
    pub remove: Vec<String>,
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// IMS declined.
    Declined,
    /// The cookie of the login did not come back.
    CookieMissing,
    /// The login was begun again too often.
    TooManyAttempts,
    /// The callback is malformed.
    Malformed,
    /// The response of IMS cannot be used.
    AnswerInvalid,
    /// The response of IMS is readable, and failed a check.
    AnswerRefused,
    /// The clocks of IMS and of this machine differ too much.
    Clock,
    /// IMS does not answer, and may have said how long to wait.
    ImsUnavailable(Option<Duration>),
    /// Too many logins wait for IMS; one is possible after this time.
    Busy(Duration),
    /// Campaign opened no session for the person.
    CampaignRefused(LogonRefusal),
    /// Campaign does not answer.
    CampaignUnavailable,
    /// The gateway's own fault.
    Internal,
}

impl From<&ImsError> for LoginFailure {
    fn from(error: &ImsError) -> Self {
        match error {
            ImsError::Unavailable { retry_after, .. } => Self::ImsUnavailable(*retry_after),
            ImsError::Busy { retry_after } => Self::Busy(*retry_after),
            ImsError::Clock(_) => Self::Clock,
            ImsError::IdToken(_) | ImsError::OtherPerson { .. } => Self::AnswerRefused,
            ImsError::Refused { .. } | ImsError::Answer { .. } => Self::AnswerInvalid,
        }
    }
}

impl From<&CampaignError> for LoginFailure {
    fn from(error: &CampaignError) -> Self {
        match error {
            CampaignError::Refused { why, .. } => Self::CampaignRefused(*why),
            CampaignError::Unreachable { .. } | CampaignError::Answer { .. } => Self::CampaignUnavailable,
        }
    }
}

impl LoginFailure {
    /// The failure as it is counted.
    pub(super) fn metric(self) -> SignIn {
        match self {
            Self::Declined => SignIn::Declined,
            Self::CookieMissing => SignIn::CookieMissing,
            Self::TooManyAttempts => SignIn::TooManyAttempts,
            Self::Malformed => SignIn::Malformed,
            Self::AnswerInvalid => SignIn::AnswerInvalid,
            Self::AnswerRefused => SignIn::AnswerRefused,
            Self::Clock => SignIn::Clock,
            Self::ImsUnavailable(_) => SignIn::ImsUnavailable,
            Self::Busy(_) => SignIn::ImsBusy,
            Self::CampaignRefused(_) => SignIn::CampaignRefused,
            Self::CampaignUnavailable => SignIn::CampaignUnavailable,
            Self::Internal => SignIn::Internal,
        }
    }
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
            self.metrics.sign_in(failure.metric());
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
        let sealed = self.state.sealer.seal(&name, &transaction).map_err(|_| LoginFailure::Internal)?;
        Ok(LoginStart {
            location: authorization.url.to_string(),
            cookie: (name, sealed),
            remove: self.surplus_logins(request.headers),
        })
    }

    /// The open logins of one browser are bounded in number and bytes; these, the oldest, are to be removed. A cookie that cannot be
    /// opened may belong to another gateway on this host name: it stays, and reduces the bytes left for ours. Servers refuse a browser
    /// that sends too many bytes of cookies.
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

    /// Reports a login that IMS made impossible.
    pub(super) fn failed(&self, request: AuthRequest<'_>, error: &ImsError) -> LoginFailure {
        tracing::warn!(request = %request.id, %error, "login failed");
        let failure = LoginFailure::from(error);
        self.audit_failure(request, Subject::nobody(), failure, &error.to_string());
        failure
    }
}
