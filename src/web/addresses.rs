//! The addresses of the gateway that other parts link to.

use crate::auth::Destination;
use crate::policy::return_to::ReturnTo;

pub const LOGIN: &str = "/ims/login";
/// Where IMS sends the browser back to.
pub const CALLBACK: &str = "/ims/callback";
/// Where a person confirms saved forms.
pub const RESUME: &str = "/ims/resume";
/// Where a person signs out.
pub const LOGOUT: &str = "/ims/logout";
/// The page after signing out.
pub const SIGNED_OUT: &str = "/ims/signed-out";
pub const ME: &str = "/ims/me";
/// Makes a password for the client console.
pub const CONSOLE_PASSWORD: &str = "/ims/me/console-password";

/// The address that begins a login for this return address.
pub fn login_address(return_to: &ReturnTo) -> String {
    with_return_to(LOGIN, return_to)
}

/// The same during an emergency, when the person chose to sign in at IMS.
pub fn login_with_adobe(return_to: &ReturnTo) -> String {
    format!("{}&with=adobe", login_address(return_to))
}

/// The address that confirms saved forms, for a person who wants to go to `return_to`.
pub fn resume_address(return_to: &ReturnTo) -> String {
    with_return_to(RESUME, return_to)
}

/// Where a person goes after the login.
pub fn after_login(to: &Destination) -> String {
    if to.has_form { resume_address(&to.return_to) } else { to.return_to.as_str().to_owned() }
}

fn with_return_to(path: &str, return_to: &ReturnTo) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", return_to.as_str())
        .finish();
    format!("{path}?{query}")
}
