//! Why a login fails: a code, and what the page needs beside it.

use std::time::Duration;

use crate::campaign::CampaignError;
use crate::ims::ImsError;
use crate::policy::logon_refusal::LogonRefusal;
use crate::telemetry::LoginFailureCode;

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginFailure {
    pub code: LoginFailureCode,
    /// When another login may succeed, if IMS or the limit of calls to IMS says so.
    pub retry_after: Option<Duration>,
    /// Why Campaign refused the person.
    pub logon_refusal: Option<LogonRefusal>,
}

impl From<LoginFailureCode> for LoginFailure {
    fn from(code: LoginFailureCode) -> Self {
        Self { code, retry_after: None, logon_refusal: None }
    }
}

impl From<&ImsError> for LoginFailure {
    fn from(error: &ImsError) -> Self {
        let (code, retry_after) = match error {
            ImsError::Unavailable { retry_after, .. } => (LoginFailureCode::ImsUnavailable, *retry_after),
            ImsError::Busy { retry_after } => (LoginFailureCode::ImsBusy, Some(*retry_after)),
            ImsError::Clock(_) => (LoginFailureCode::Clock, None),
            ImsError::IdToken(_) | ImsError::OtherPerson { .. } => (LoginFailureCode::ImsAnswerRefused, None),
            ImsError::Refused { .. } | ImsError::Answer { .. } => (LoginFailureCode::ImsAnswerInvalid, None),
        };
        Self { retry_after, ..code.into() }
    }
}

impl From<&CampaignError> for LoginFailure {
    fn from(error: &CampaignError) -> Self {
        match error {
            CampaignError::Refused { why, .. } => {
                Self { logon_refusal: Some(*why), ..LoginFailureCode::CampaignRefused.into() }
            }
            CampaignError::Unreachable { .. } | CampaignError::Answer { .. } => {
                LoginFailureCode::CampaignUnavailable.into()
            }
        }
    }
}
