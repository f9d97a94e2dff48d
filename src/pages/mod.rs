//! The pages that people see: compiled templates, escaped, without scripts or foreign resources.
//!
//! Each page has one constructor. It takes borrowed, plain data and returns a `Page`. The response has headers that forbid caching,
//! framing, scripts and referrers. What a page says is in `locales/`, in each [`Language`].

mod brand;
mod console_password;
mod context;
mod emergency;
pub(crate) mod format;
mod framed;
mod language;
mod markup;
mod me;
mod messages;
mod next_step;
mod page;
mod problem;
mod refused;
#[cfg(any(test, feature = "demo"))]
pub mod samples;
mod saved_form;
mod sign_out;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod times;

pub use self::brand::{LOGO, Logo, PageBrand, STYLE};
pub use self::console_password::{NewConsolePassword, console_password};
pub use self::context::PageContext;
pub use self::emergency::{EmergencyNotice, EmergencySignIn, emergency_sign_in};
pub use self::framed::framed;
pub use self::language::Language;
pub use self::markup::Markup;
pub use self::me::{Me, OwnSession, me};
pub use self::problem::Problem;
pub use self::refused::{NoAccess, refused};
pub use self::saved_form::{ConfirmForms, Waiting, confirm_forms};
pub use self::sign_out::{confirm_sign_out, signed_out};
pub use self::text::Text;
pub use self::times::{exact as exact_time, relative as relative_time};
