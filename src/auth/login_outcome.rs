//! The results of a login.

use std::sync::Arc;

use super::login::{Destination, LoginStart};
use super::login_failure::LoginFailure;
use super::refusal_code;
use crate::ims::Profile;
use crate::policy::access::Refusal;
use crate::session::{LiveSession, StoreError};
use crate::telemetry::SignIn;

/// The result of a callback.
#[derive(Debug)]
pub struct FinishedLogin {
    /// What happens next.
    pub outcome: LoginOutcome,
    /// The cookie of the login, to be removed; `None` when this gateway did not seal it.
    pub cookie: Option<String>,
}

/// What happens after a callback.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The person has a new session.
    SignedIn(Arc<LiveSession>, Destination),
    /// The person has a new session without a Campaign session: Campaign is being restarted.
    CampaignRestarting(Arc<LiveSession>, Destination),
    /// The browser has a live session already.
    AlreadySignedIn(Destination),
    /// The login begins again.
    Restart(LoginStart),
    /// The person is known and has no access.
    Refused(Box<RefusedLogin>),
    /// Nobody is signed in.
    Failed(LoginFailure, Destination),
}

/// A person without access.
#[derive(Debug)]
pub struct RefusedLogin {
    /// Who signed in at IMS.
    pub person: Profile,
    /// Why there is no access.
    pub refusal: Refusal,
    /// Where the person wanted to go.
    pub to: Destination,
}

/// The session store does not answer. The browser continues the login when it reloads the address of the callback.
#[derive(Debug)]
pub struct LoginInterrupted {
    pub error: StoreError,
    /// Name and value of the cookie to continue with; `None` to keep the browser's cookie.
    pub cookie: Option<(String, String)>,
}

impl FinishedLogin {
    pub(super) fn metric(&self) -> SignIn {
        match &self.outcome {
            LoginOutcome::SignedIn(..) => SignIn::SignedIn,
            LoginOutcome::CampaignRestarting(..) => SignIn::CampaignRestarting,
            LoginOutcome::AlreadySignedIn(_) => SignIn::AlreadySignedIn,
            LoginOutcome::Restart(_) => SignIn::BegunAgain,
            LoginOutcome::Refused(refused) => SignIn::Refused(refusal_code(refused.refusal.reason)),
            LoginOutcome::Failed(failure, _) => SignIn::Failed(failure.code),
        }
    }
}

impl From<StoreError> for LoginInterrupted {
    fn from(error: StoreError) -> Self {
        Self { error, cookie: None }
    }
}
