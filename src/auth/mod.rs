//! Identifies callers; signs people in, keeps their sessions current, and signs them out. It returns outcomes, which `web` turns into HTTP
//! responses.
//!
//! [`Services`] outlive every configuration: sessions, keys, background work. An [`Authenticator`] belongs to one configuration of one
//! Campaign instance.

mod audit;
mod authenticators;
mod backchannel_logout;
mod bearer;
mod bearer_refusal;
mod callback;
mod campaign_session;
mod cleanup;
mod client_held_session;
mod console_password;
mod group_recheck;
mod guesses;
mod identify;
mod instance_state;
mod last_user;
mod login;
mod login_failure;
mod login_outcome;
mod service_account;
mod service_accounts;
mod service_logon;
mod service_session;
mod session_end;
mod sign_out;
mod singleflight;
mod soap_ticket;
mod token_refresh;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::campaign::CampaignClient;
use crate::clock::Clock;
use crate::config::Instance;
use crate::crypto::{KeyPurpose, KeyRing, Sealer};
use crate::ims::ImsClient;
use crate::policy::access::RefusalReason;
use crate::policy::cookies::{self, CookieNames};
use crate::session::{Attempts, FormId, SavedForms, Sessions};
use crate::telemetry::audit::AuditLog;
use crate::telemetry::{ForeignTokenUses, InstanceMetrics, Metrics, RefusalCode};

pub use authenticators::Authenticators;
pub use backchannel_logout::BackchannelError;
pub use bearer::keep_service_accounts;
pub use bearer_refusal::BearerRefusal;
pub use campaign_session::{CampaignSessionState, ReopenReason, is_same_campaign_session};
pub use cleanup::{QUEUE, run_cleanup};
pub use console_password::{ConsoleLogon, ConsoleLogonOutcome};
pub use group_recheck::keep_checking;
pub use guesses::{Guesses, OperatorAttempt, PasswordResult};
pub use identify::{AuthRequest, Caller, IdentifyError, Purpose};
pub use instance_state::{InstanceState, InstanceStates};
pub use login::{BeginLogin, Destination, LoginStart};
pub use login_failure::LoginFailure;
pub use login_outcome::{FinishedLogin, LoginInterrupted, LoginOutcome, RefusedLogin};
pub use service_account::{ClientHeldSession, ServiceAccount};
pub use service_accounts::ServiceAccounts;
pub use service_logon::ServiceLogonError;
pub use service_session::ServiceSession;
pub use sign_out::Extent;
pub use soap_ticket::{NativeSession, PREFIX as TICKET_PREFIX, TicketOwner};

/// The background work of the process.
pub type Tasks = singleflight::Singleflight<token_refresh::Refresh>;

/// What outlives every configuration.
#[derive(Debug)]
pub struct Services {
    /// The live sessions of all instances.
    pub sessions: Sessions,
    /// Forms that wait for a login, for the state of each instance.
    pub saved_forms: SavedForms,
    /// The keys for values that browsers hold, for the state of each instance.
    pub sealer: Sealer,
    pub instances: InstanceStates,
    /// The login states whose codes this process has exchanged lately.
    pub attempts: Attempts,
    pub audit: AuditLog,
    pub foreign_tokens: ForeignTokenUses,
    /// Tasks that continue when a client disconnects.
    pub tasks: Tasks,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
}

/// Signs people in for one Campaign instance, as one configuration says.
#[derive(Debug)]
pub struct Authenticator {
    /// The instance and its external account.
    pub instance: Arc<Instance>,
    /// The relying party.
    pub ims: Arc<ImsClient>,
    /// Campaign's SOAP router.
    pub campaign: Arc<CampaignClient>,
    /// The names of the gateway's cookies.
    pub cookies: CookieNames,
    /// The gateway's origin, as in an `Origin` header.
    pub origin: String,
    /// Sessions that one person may have at a time; `None`: unlimited.
    pub max_per_user: Option<usize>,
    /// After this time, an unfinished login begins again.
    pub login_timeout: Duration,
    /// A session ends at the latest this long after the login.
    pub absolute_timeout: Duration,
    /// Counts what happens at this instance.
    pub metrics: InstanceMetrics,
    /// The state of this instance, which outlives the configuration.
    pub state: Arc<InstanceState>,
    /// The services of all instances, which outlive the configuration.
    pub services: Arc<Services>,
}

impl Services {
    /// Replaces the keys: the newest one encrypts sessions and cookie values, and all of them decrypt.
    pub fn use_keys(&self, keys: &KeyRing) {
        self.sessions.use_keys(keys);
        self.sealer.use_keys_of(&keys.sealer(KeyPurpose::LoginCookie));
    }
}

impl Authenticator {
    /// The forms saved for this browser, by their cookies.
    pub fn saved_form_ids(&self, headers: &HeaderMap) -> impl Iterator<Item = FormId> {
        cookies::pairs(headers)
            .filter(|(name, _)| name.starts_with(&self.cookies.saved_form_prefix))
            .filter_map(|(_, value)| FormId::parse(value))
            .take(MAX_FORM_IDS)
    }
}

/// The code of a refusal in the audit trail and in metrics.
fn refusal_code(reason: RefusalReason) -> RefusalCode {
    match reason {
        RefusalReason::OtherOrganization => RefusalCode::OtherOrganization,
        RefusalReason::NoGroup => RefusalCode::NoGroup,
        RefusalReason::TooManyGroups(_) => RefusalCode::TooManyGroups,
    }
}

/// Cookies of saved forms that are read: more than one person can have.
const MAX_FORM_IDS: usize = 16;
