//! The texts of all pages that say what happened and what to do next.

use super::next_step::NextStep;
use crate::policy::saved_form::NotSaved;

/// What such a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The path or the host of the request is malformed.
    BadAddress,
    /// Below `/ims/` there is no such page.
    NotFound,
    /// The path is closed to all clients.
    Closed,
    /// A rule of the configuration allows the address only to some groups or networks.
    RuleUnmet,
    /// The gateway does not serve this host name.
    UnknownHost,
    /// A page of another origin sent the request.
    ForeignOrigin,
    /// The request holds a session token of another session.
    ForeignToken,
    /// There are no console passwords here, or not for this person.
    NoConsolePassword,
    /// A SOAP envelope cannot be read reliably.
    BadEnvelope,
    /// The head of the request is too long.
    HeadTooLarge,
    /// The framing of the request is ambiguous.
    BadFraming,
    /// The method is not forwarded.
    Method,
    /// The session store does not answer.
    StoreUnavailable,
    /// The process is about to stop.
    Restarting,
    /// An operator has turned maintenance on.
    Maintenance,
    /// The same, and the form that was sent is saved.
    MaintenanceFormSaved,
    /// The same, and the form that was sent cannot be saved.
    MaintenanceFormNotSaved,
    /// IMS gives no new tokens for a live session at the moment.
    TokenExpired,
    /// A limit on connections or requests was reached.
    TooMany,
    BodyTooLarge,
    /// The body of the request did not arrive completely.
    BodyIncomplete,
    /// The gateway's own fault.
    Internal,
    /// Campaign does not answer a signed-in person.
    CampaignUnavailable,
    /// Campaign does not answer a request for a public path, perhaps from the reader of a mailing.
    PublicPageUnavailable,
    /// Campaign refused to open a session.
    CampaignRefused,
    /// Campaign does not know the person (XSV-350012).
    CampaignOperator,
    /// The security zone refuses the logon (XSV-350013).
    CampaignZone,
    /// Campaign does not accept the person's address (XSV-350014).
    CampaignAddress,
    /// Campaign is being restarted; the person is signed in.
    CampaignRestarting,
    /// Campaign opens no session for a signed-in person, or has ended it again within a minute.
    NoCampaignSession,
    /// Campaign's session had ended, and what was sent was not processed.
    NotProcessed,
    /// A page holds a security token that is not of this session.
    StalePage,
    /// IMS cannot be reached for a sign-in.
    ImsUnavailable,
    /// Too many sign-ins wait for IMS.
    SignInsBusy,
    /// IMS sent the browser back with an error, for instance `access_denied` (RFC 6749 §4.1.2.1).
    LoginDeclined,
    /// The code, the `id_token` or the profile did not pass validation.
    LoginInvalid,
    /// The browser did not send the cookie of the login.
    LoginCookieMissing,
    /// The browser was sent to IMS and back several times without a session at the end.
    LoginLoop,
    /// A token is from the future or already expired: one of the two clocks is wrong.
    LoginClock,
    /// A form that was sent without a session is not saved.
    FormNotSaved(NotSaved),
    /// The saved form belonged to another person.
    FormOfAnother,
    /// The saved form was sent before, discarded, or has expired.
    FormGone,
    /// Campaign could not be reached; the form is still saved.
    FormStillSaved,
    /// Campaign may have received the saved form, or not.
    FormUnknown,
}

impl Text {
    /// True when pages of our own origin may show it in a frame: a request in a frame may get it.
    pub(super) fn is_for_frames(self) -> bool {
        matches!(self, Self::Maintenance | Self::MaintenanceFormNotSaved)
    }

    /// The id of its message in `locales/`, and what a person does next.
    pub(super) fn message(self) -> (&'static str, NextStep) {
        use NextStep as N;
        match self {
            Self::BadAddress => ("bad-address", N::OpenCampaign),
            Self::NotFound => ("not-found", N::OpenCampaign),
            Self::Closed => ("closed", N::OpenCampaign),
            Self::RuleUnmet => ("rule-unmet", N::OpenCampaign),
            Self::UnknownHost => ("unknown-host", N::TryAgain),
            Self::ForeignOrigin => ("foreign-origin", N::OpenCampaign),
            Self::ForeignToken => ("foreign-token", N::OpenCampaign),
            Self::NoConsolePassword => ("no-console-password", N::YourSignIn),
            Self::BadEnvelope => ("bad-envelope", N::OpenCampaign),
            Self::HeadTooLarge => ("head-too-large", N::TryAgain),
            Self::BadFraming => ("bad-framing", N::OpenCampaign),
            Self::Method => ("method", N::OpenCampaign),
            Self::StoreUnavailable => ("store-unavailable", N::TryAgain),
            Self::Restarting => ("restarting", N::TryAgain),
            Self::Maintenance => ("maintenance", N::TryAgain),
            Self::MaintenanceFormSaved => ("maintenance-form", N::TryAgain),
            Self::MaintenanceFormNotSaved => ("maintenance-form-lost", N::OpenCampaign),
            Self::TokenExpired => ("token-expired", N::TryAgain),
            Self::TooMany => ("too-many", N::TryAgain),
            Self::BodyTooLarge => ("body-too-large", N::OpenCampaign),
            Self::BodyIncomplete => ("body-incomplete", N::OpenCampaign),
            Self::Internal => ("internal", N::TryAgain),
            Self::CampaignUnavailable => ("campaign-unavailable", N::TryAgain),
            Self::PublicPageUnavailable => ("public-page-unavailable", N::TryAgain),
            Self::CampaignRefused => ("campaign-refused", N::SignInAgain),
            Self::CampaignOperator => ("campaign-operator", N::OtherAccount),
            Self::CampaignZone => ("campaign-zone", N::SignInAgain),
            Self::CampaignAddress => ("campaign-address", N::SignInAgain),
            Self::CampaignRestarting => ("campaign-restarting", N::TryAgain),
            Self::NoCampaignSession => ("no-campaign-session", N::TryAgain),
            Self::NotProcessed => ("not-processed", N::OpenCampaign),
            Self::StalePage => ("stale-page", N::TryAgain),
            Self::ImsUnavailable => ("ims-unavailable", N::TryAgain),
            Self::SignInsBusy => ("sign-ins-busy", N::TryAgain),
            Self::LoginDeclined => ("login-declined", N::SignInAgain),
            Self::LoginInvalid => ("login-invalid", N::SignInAgain),
            Self::LoginCookieMissing => ("login-cookie", N::SignInAgain),
            Self::LoginLoop => ("login-loop", N::SignInAgain),
            Self::LoginClock => ("login-clock", N::SignInAgain),
            Self::FormOfAnother => ("form-of-another", N::Continue),
            Self::FormGone => ("form-gone", N::OpenCampaign),
            Self::FormStillSaved => ("form-still-saved", N::TryAgain),
            Self::FormUnknown => ("form-unknown", N::BackToPage),
            Self::FormNotSaved(why) => (not_saved(why), N::SignIn),
        }
    }
}

fn not_saved(why: NotSaved) -> &'static str {
    match why {
        NotSaved::NotSignedIn => "form-not-signed-in",
        NotSaved::OtherOrigin => "form-other-origin",
        NotSaved::TooLarge => "form-too-large",
        NotSaved::Unsupported => "form-unsupported",
        NotSaved::Full | NotSaved::Store => "form-not-saved",
    }
}
