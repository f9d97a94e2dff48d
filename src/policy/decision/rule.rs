//! The rules by which a request is decided, in words.

use std::fmt;

use serde::Serialize;

use crate::policy::path::PathError;
use crate::wire::framing::FramingError;

/// What happens to a request that is sent without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Campaign gets it: anybody may send it.
    Public,
    /// Campaign gets it from people who are signed in. Others sign in first.
    SignedIn,
    /// Campaign gets it from the native account that it names.
    Account,
    /// The gateway answers it itself.
    Gateway,
    /// Nobody gets it, signed in or not.
    Closed,
    /// It is refused, whoever sends it.
    Refused,
}

impl Access {
    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed-in",
            Self::Account => "account",
            Self::Gateway => "gateway",
            Self::Closed => "closed",
            Self::Refused => "refused",
        }
    }
}

/// The rule that decides, without what belongs to one request only. `'r` is the lifetime of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind<'r> {
    /// Status 405.
    Method,
    /// Status 400: no request line, or a target that is no address.
    Target,
    /// Status 400 or 431.
    Framing(FramingError),
    /// Status 400.
    Path(PathError),
    /// Status 400: no host, or a malformed one.
    Host,
    /// Status 421.
    UnknownHost,
    /// An address below `/ims/`.
    Gateway,
    /// A sign-in address of Campaign.
    SignInPage,
    /// A path that is closed to all clients.
    Denied,
    /// This pattern makes the path public.
    Public(&'r str),
    /// Nobody signs in at this instance, and the path is not public.
    NobodySignsIn,
    NoPattern,
    /// The pattern matches the path, but not each of its readings.
    Reading(&'r str),
    /// The pattern matches, but the path has parameters, or is encoded twice.
    Ambiguous(&'r str),
    /// The pattern matches, but the path has too many readings.
    TooManyReadings(&'r str),
    /// The query holds a session token of Campaign.
    SessionToken,
    /// The query holds a login of Campaign that no native account of the configuration has.
    ForeignLogin,
    /// The query holds the login of a native account.
    NativeLogin,
    /// A `[[campaign.rule]]` with this path allows only other networks.
    OtherNetwork(&'r str),
    /// A `[[campaign.rule]]` with this path asks for a group, so the path is not public.
    NeedsGroup(&'r str),
    /// The same for the login of a native account, which has no groups.
    AccountHasNoGroup(&'r str),
}

/// The rule that decides about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidingRule<'r> {
    pub kind: RuleKind<'r>,
    /// What the rule found in this request: a reading of its path, a login.
    pub detail: Option<String>,
}

impl RuleKind<'_> {
    pub fn access(self) -> Access {
        match self {
            Self::Public(_) => Access::Public,
            Self::NoPattern
            | Self::Reading(_)
            | Self::Ambiguous(_)
            | Self::TooManyReadings(_)
            | Self::NeedsGroup(_)
            | Self::SessionToken => Access::SignedIn,
            Self::NativeLogin => Access::Account,
            Self::Gateway | Self::SignInPage => Access::Gateway,
            Self::Denied | Self::NobodySignsIn => Access::Closed,
            Self::Method
            | Self::Target
            | Self::Framing(_)
            | Self::Path(_)
            | Self::Host
            | Self::UnknownHost
            | Self::OtherNetwork(_)
            | Self::AccountHasNoGroup(_)
            | Self::ForeignLogin => Access::Refused,
        }
    }

    fn write(self, detail: Option<&str>, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => to.write_str("this method is not forwarded: status 405"),
            Self::Target => to.write_str("the request line or its address is not valid: status 400"),
            Self::Framing(error @ FramingError::TooLong) => write!(to, "{error}: status 431"),
            Self::Framing(error) => write!(to, "{error}: status 400"),
            Self::Path(error) => write!(to, "{error}: status 400"),
            Self::Host => to.write_str("the request names no host, or a malformed one: status 400"),
            Self::UnknownHost => {
                to.write_str("neither ims.callback_server nor campaign.hosts names this host: status 421")
            }
            Self::Gateway => to.write_str("addresses below /ims/ belong to the gateway"),
            Self::SignInPage => to.write_str(
                "the gateway answers Campaign's sign-in addresses (/nl/jsp/logon.jsp, /nms/imslogin.jssp)",
            ),
            Self::Denied => {
                to.write_str("*ooconv.jsp* and /res/*.jsp* are always denied")?;
                detail.map_or(Ok(()), |reading| write!(to, ", and some program may read `{reading}`"))
            }
            Self::Public(pattern) => write!(to, "`{pattern}` of campaign.public_paths matches"),
            Self::NobodySignsIn => to.write_str(
                "this instance has no `ims`, so nobody signs in, and the path is not public: status 403, or 404 below /ims/",
            ),
            Self::NoPattern => to.write_str("no pattern of campaign.public_paths matches"),
            Self::Reading(pattern) => {
                let reading = detail.map_or("another path".to_owned(), |reading| format!("`{reading}`"));
                write!(
                    to,
                    "`{pattern}` of campaign.public_paths matches, but some program may read {reading}, which no pattern matches"
                )
            }
            Self::Ambiguous(pattern) => write!(
                to,
                "`{pattern}` of campaign.public_paths matches, but the path has parameters or is encoded twice"
            ),
            Self::TooManyReadings(pattern) => write!(
                to,
                "`{pattern}` of campaign.public_paths matches, but programs may read the path in too many ways"
            ),
            Self::SessionToken => to.write_str(
                "the query holds a session token, so only the person whose session it is may send it; others get status 403",
            ),
            Self::ForeignLogin => match detail {
                Some(login) => write!(
                    to,
                    "the query holds the login `{login}`, which no [[campaign.native_account]] allows here: status 403"
                ),
                None => to.write_str(
                    "the query holds a login of Campaign that no [[campaign.native_account]] allows here: status 403",
                ),
            },
            Self::NativeLogin => match detail {
                Some(login) => write!(to, "the query holds the login `{login}` of [[campaign.native_account]]"),
                None => to.write_str("the query holds the login of a [[campaign.native_account]]"),
            },
            Self::OtherNetwork(path) => write!(
                to,
                "the [[campaign.rule]] about `{path}` does not allow this client address: status 403"
            ),
            Self::NeedsGroup(path) => write!(
                to,
                "the [[campaign.rule]] about `{path}` asks for a group, so a path that would be public needs a sign-in"
            ),
            Self::AccountHasNoGroup(path) => write!(
                to,
                "the [[campaign.rule]] about `{path}` asks for a group, which a [[campaign.native_account]] does not have: status 403"
            ),
        }
    }
}

impl fmt::Display for RuleKind<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(None, to)
    }
}

impl fmt::Display for DecidingRule<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.write(self.detail.as_deref(), to)
    }
}

impl<'r> From<RuleKind<'r>> for DecidingRule<'r> {
    fn from(kind: RuleKind<'r>) -> Self {
        Self { kind, detail: None }
    }
}
