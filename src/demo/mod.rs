//! Simulators of Adobe IMS and Adobe Campaign on loopback, for `imsgate demo` and for tests.
//!
//! They use the documented message formats over real sockets. They check what the real servers check: registered redirect URIs,
//! PKCE, one-time codes, client authentication, session and security tokens. Tests inject faults through [`ims::ImsFaults`] and
//! [`campaign::CampaignFaults`]. The simulators use no code of the gateway except the clock, so that they do not repeat its mistakes.

mod banner;
pub mod campaign;
mod certificate;
mod client;
pub mod faults;
mod html;
pub mod ims;
mod listening;
pub mod people;
mod random;
mod switches;
mod wire;

pub use banner::{BannerAddresses, banner};
pub use certificate::certificate;
pub use switches::OutagePage;

/// The organisation of the demo's external account.
pub const ORGANIZATION_ID: &str = "4E3D60F754C8E5D0A4C98A21@AdobeOrg";
/// The tenant of the demo; the association mask is `Campaign - acme - (.*)`.
pub const TENANT: &str = "acme";
/// The client identifier of the demo's external account.
pub const CLIENT_ID: &str = "Campaign1";
/// The scopes that Adobe provisions for a Campaign client, as in the newest external account.
pub const SCOPES: &[&str] = &[
    "openid",
    "AdobeID",
    "avatar",
    "audiencemanager_api",
    "read_organizations",
    "session",
    "additional_info.projectedProductContext",
    "additional_info.roles",
    "offline_access",
    "campaign_sdk",
];
