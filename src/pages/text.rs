//! The texts of all pages that say what happened and what to do next.

mod campaign;
mod words;

use self::words::{WAIT, words};
use crate::policy::saved_form::NotSaved;
pub use words::Words;

/// What such a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The path or the host of the request is malformed.
    BadAddress,
    /// Below `/ims/` there is no such page.
    NotFound,
    /// The path is closed to everybody.
    Closed,
    /// The gateway does not serve this host name.
    UnknownHost,
    /// A page of another origin sent the request.
    ForeignOrigin,
    /// The request holds a session token that is not of its session.
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
    /// IMS gives no new tokens for a live session at the moment.
    TokenExpired,
    /// A limit on connections or requests was reached.
    TooMany,
    /// The body of the request is too large.
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

const COME_BACK: &str = "Wait a moment, then try again. You will come back to the page you wanted.";

impl Text {
    /// The words in English.
    #[expect(clippy::too_many_lines, reason = "a table: one row for each text")]
    pub fn words(self) -> Words {
        match self {
            Self::BadAddress => words(
                "This address cannot be opened",
                &[
                    "The address is damaged or holds characters that are not allowed. If you copied it, check that it is \
                   complete. If you followed a link, tell the person who sent it.",
                ],
                "",
            ),
            Self::NotFound => words(
                "There is no page here",
                &["The address may be mistyped, or the page may have moved."],
                "",
            ),
            Self::Closed => words(
                "This address is closed",
                &[
                    "Nobody can open this address, whatever their rights. Signing in again does not change that.",
                ],
                "",
            ),
            Self::UnknownHost => words(
                "Wrong address",
                &[
                    "Campaign is not served under this host name. Check the first part of the address, up to the first \
                   single slash.",
                ],
                "",
            ),
            Self::ForeignOrigin => words(
                "This request came from another site",
                &[
                    "A page of another site tried to change something here in your name. Nothing was changed. If you \
                   meant to do this, please open this site and do it there.",
                ],
                "",
            ),
            Self::ForeignToken => words(
                "This request carries another sign-in",
                &[
                    "The address or the form holds a session token, or a name with a password, that does not belong to \
                   your sign-in here. Nothing was changed. Open the page again from the start, without that part.",
                ],
                "",
            ),
            Self::NoConsolePassword => words(
                "No password for the client console",
                &[
                    "Your administrator has turned these passwords off, or Adobe sent no e-mail address for you.",
                ],
                "Back to your sign-in",
            ),
            Self::BadEnvelope => words(
                "This call cannot be understood",
                &["The program you use sent a SOAP envelope that this site does not forward."],
                "",
            ),
            Self::HeadTooLarge => words(
                "Your browser sent too much",
                &[
                    "The address or the cookies for this site are too long. Deleting the cookies of this site helps.",
                ],
                "",
            ),
            Self::BadFraming => words(
                "This request cannot be understood",
                &["The program you use sent a request in a form that this site does not forward."],
                "",
            ),
            Self::Method => words(
                "This kind of request is not possible here",
                &["The program you use sent a request that this site does not forward."],
                "",
            ),
            Self::StoreUnavailable => words(
                "Sign-in is not available at the moment",
                &[
                    "We cannot look up your session right now. You have not been signed out. Please try again in a \
                   moment.",
                ],
                "",
            ),
            Self::Restarting => words(
                "This site is being restarted",
                &["It will be back in a moment. Please try again then."],
                "",
            ),
            Self::TokenExpired => words(
                "Adobe does not answer at the moment",
                &[
                    "Your sign-in has to be renewed at Adobe, which does not work right now. You have not been signed \
                   out. Please try again in a moment.",
                ],
                "",
            ),
            Self::TooMany => words(
                "Too many requests at the moment",
                &[
                    "This site has reached its limit of connections or requests, from your network or in all. Please \
                   try again in a moment.",
                ],
                "",
            ),
            Self::BodyTooLarge => words(
                "Your upload is too large",
                &["What you sent is larger than this site accepts, so nothing was saved."],
                "",
            ),
            Self::BodyIncomplete => words(
                "Your upload did not arrive",
                &["The connection broke or was too slow before everything was sent. Please try again."],
                "",
            ),
            Self::Internal => words(
                "Something went wrong here",
                &[
                    "The sign-in service made a mistake. It is not your fault, and it has been logged. Try again in a \
                   minute.",
                ],
                "",
            ),
            Self::CampaignUnavailable => words(
                "Campaign is not answering",
                &["The Campaign server is busy or being restarted. You are still signed in.", WAIT],
                "Try again",
            ),
            Self::PublicPageUnavailable => words(
                "This page is not available right now",
                &["The server is busy or being restarted.", WAIT],
                "Try again",
            ),
            Self::CampaignRefused => campaign::REFUSED,
            Self::CampaignOperator => campaign::OPERATOR,
            Self::CampaignZone => campaign::ZONE,
            Self::CampaignAddress => campaign::ADDRESS,
            Self::CampaignRestarting => campaign::RESTARTING,
            Self::NoCampaignSession => campaign::NO_SESSION,
            Self::NotProcessed => campaign::NOT_PROCESSED,
            Self::StalePage => campaign::STALE_PAGE,
            Self::ImsUnavailable => words(
                "Adobe sign-in is not available",
                &[
                    "We cannot reach Adobe’s sign-in service right now, so nobody can be signed in. Your account is \
                   fine.",
                    COME_BACK,
                ],
                "Try again",
            ),
            Self::SignInsBusy => words(
                "Many people are signing in",
                &[
                    "More people are signing in right now than this site can serve at once. Your account is fine.",
                    COME_BACK,
                ],
                "Try again",
            ),
            Self::LoginDeclined => words(
                "Adobe did not sign you in",
                &[
                    "Adobe ended the sign-in before it was complete. That happens when you cancel it, or when your \
                   organisation does not let this account sign in.",
                    "Try again with the Adobe account that you use for Campaign.",
                ],
                "Sign in again",
            ),
            Self::LoginInvalid => words(
                "We could not confirm your sign-in",
                &[
                    "Adobe’s answer did not pass our checks, so we did not let it through. Your password and your \
                   account are not the cause.",
                    "Try again once.",
                ],
                "Sign in again",
            ),
            Self::LoginCookieMissing => words(
                "Your browser did not keep the sign-in cookie",
                &[
                    "To sign you in safely, this site sets a cookie before it sends you to Adobe. Your browser did not \
                   send that cookie back.",
                    "Allow cookies for this site. Finish the sign-in in the same browser and the same kind of window \
                   (normal or private) that you started it in.",
                ],
                "Sign in again",
            ),
            Self::LoginLoop => words(
                "The sign-in keeps starting over",
                &[
                    "Your browser has been sent to Adobe and back several times without getting in, so we stopped.",
                    "Allow cookies for this site, close its other tabs, and sign in again.",
                ],
                "Sign in again",
            ),
            Self::LoginClock => words(
                "The clocks do not agree",
                &[
                    "Your sign-in carries a time that is too far from the time on this server, so we cannot accept it.",
                    "You cannot fix this yourself: an administrator has to check the server’s clock.",
                ],
                "Sign in again",
            ),
            Self::FormOfAnother => words(
                "Nothing was sent",
                &[
                    "Somebody else was signed in when this was entered. It is not sent in your name and is not kept any \
                   longer.",
                ],
                "Go on",
            ),
            Self::FormGone => words(
                "This was sent already, or is not kept any more",
                &[
                    "What you entered is sent once only, and kept for a limited time. It was not sent again now.",
                    "Look in Campaign whether it is there before you enter it again.",
                ],
                "Open Campaign",
            ),
            Self::FormStillSaved => words(
                "Campaign is not answering",
                &[
                    "The Campaign server is busy or being restarted. What you entered was not sent and is still kept.",
                    WAIT,
                ],
                "Try again",
            ),
            Self::FormUnknown => words(
                "We do not know whether Campaign has received it",
                &[
                    "Campaign broke off before it answered. What you had sent is not kept any more, so that it cannot \
                   arrive twice.",
                    "Look in Campaign whether it is there before you enter it again.",
                ],
                "Back to the page",
            ),
            Self::FormNotSaved(why) => words("What you entered was not sent", not_saved(why), "Sign in"),
        }
    }
}

fn not_saved(why: NotSaved) -> &'static [&'static str] {
    const COPY: &str = "Your browser may still have what you typed: go back one page and copy it. Then sign in and send \
                        it again.";
    match why {
        NotSaved::NotSignedIn => &["You are not signed in, so what you sent went nowhere.", COPY],
        NotSaved::OtherOrigin => {
            &["You are not signed in, and what you sent came from another site, so it went nowhere.", COPY]
        }
        NotSaved::TooLarge => &[
            "Your session had ended when you sent this. It is larger than 1 MB, too large to be kept for you.",
            COPY,
        ],
        NotSaved::Unsupported => &[
            "Your session had ended when you sent this, and it is of a kind that cannot be kept for you.",
            COPY,
        ],
        NotSaved::Full | NotSaved::Store => {
            &["Your session had ended when you sent this, and it cannot be kept for you at the moment.", COPY]
        }
    }
}
