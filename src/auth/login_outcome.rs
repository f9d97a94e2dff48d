//! What a login ends with.

use std::sync::Arc;

use super::login::{Destination, LoginFailure, LoginStart};
use crate::ims::Profile;
use crate::policy::access::{Refusal, RefusalReason};
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

/// The session store does not answer. A browser that loads the address of the callback again continues from here.
#[derive(Debug)]
pub struct LoginInterrupted {
    /// What happened.
    pub error: StoreError,
    /// Name and value of the cookie to continue with; `None`: the one that the browser has.
    pub cookie: Option<(String, String)>,
}

impl FinishedLogin {
    /// The result as it is counted.
    pub(super) fn metric(&self) -> SignIn {
        match &self.outcome {
            LoginOutcome::SignedIn(..) => SignIn::SignedIn,
            LoginOutcome::CampaignRestarting(..) => SignIn::CampaignRestarting,
            LoginOutcome::AlreadySignedIn(_) => SignIn::AlreadySignedIn,
            LoginOutcome::Restart(_) => SignIn::BegunAgain,
            LoginOutcome::Refused(refused) => match refused.refusal.reason {
                RefusalReason::OtherOrganization => SignIn::OtherOrganization,
                RefusalReason::NoGroup => SignIn::NoGroup,
                RefusalReason::TooManyGroups(_) => SignIn::TooManyGroups,
            },
            LoginOutcome::Failed(failure, _) => failure.metric(),
        }
    }
}

impl From<StoreError> for LoginInterrupted {
    fn from(error: StoreError) -> Self {
        Self { error, cookie: None }
    }
}
