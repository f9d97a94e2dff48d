//! The cookie that tells who was signed in here.

use http::HeaderMap;

use super::cookie;
use super::shared::Shared;
use crate::clock::UnixTime;
use crate::policy::cookies;
use crate::policy::last_user::{GRACE, LastUser};
use crate::policy::login::Prompt;
use crate::session::Auth;

/// Notes in the browser who signed in.
pub fn set(shared: &Shared, headers: &mut HeaderMap, auth: &Auth) {
    let data = &auth.data;
    let was = LastUser {
        user: data.identity.user.clone(),
        until: data.created.plus(shared.absolute_timeout).plus(GRACE).0,
        security_token: data.campaign.as_ref().map(|session| session.security_token.clone()),
    };
    // Without it, coming back is less gentle; that is all.
    if let Ok(sealed) = shared.sealer.seal(&shared.cookies.was, &was) {
        cookie::set_was(headers, &shared.cookies, &sealed);
    }
}

/// Who was signed in at this browser lately.
pub fn read(shared: &Shared, headers: &HeaderMap, now: UnixTime) -> Option<LastUser> {
    let (_, sealed) = cookies::pairs(headers).find(|(name, _)| *name == shared.cookies.was)?;
    shared.sealer.open::<LastUser>(&shared.cookies.was, sealed).filter(|was| now.0 < was.until)
}

/// True when this gateway has sealed what the browser sends, however long ago.
pub fn is_ours(shared: &Shared, headers: &HeaderMap) -> bool {
    read(shared, headers, UnixTime(i64::MIN)).is_some()
}

/// How to ask IMS: without a page where somebody was signed in.
pub fn prompt(shared: &Shared, headers: &HeaderMap, now: UnixTime) -> Prompt {
    if read(shared, headers, now).is_some() { Prompt::Silent } else { Prompt::AsUsual }
}
