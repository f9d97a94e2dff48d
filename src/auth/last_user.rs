//! The sealed cookie value that names the last person signed in at a browser.

use http::HeaderMap;

use super::Authenticator;
use crate::policy::cookies;
use crate::policy::last_user::{GRACE, LastUser};
use crate::policy::login::Prompt;
use crate::session::LiveSession;
use crate::unix_time::UnixTime;

impl Authenticator {
    /// The cookie value that names the owner of this session. `None` when it cannot be sealed: then the next login asks the person.
    pub fn seal_last_user(&self, session: &LiveSession) -> Option<String> {
        let data = &session.data;
        let last_user = LastUser {
            user: data.identity.user.clone(),
            until: data.created.plus(self.absolute_timeout).plus(GRACE),
            security_token: data.campaign.as_ref().map(|session| session.security_token.clone()),
        };
        self.state.sealer.seal(&self.cookies.last_user, &last_user).ok()
    }

    /// Who was signed in at this browser lately.
    pub fn last_user(&self, headers: &HeaderMap, now: UnixTime) -> Option<LastUser> {
        let (_, sealed) = cookies::pairs(headers).find(|(name, _)| *name == self.cookies.last_user)?;
        let last_user = self.state.sealer.open::<LastUser>(&self.cookies.last_user, sealed)?;
        (now < last_user.until).then_some(last_user)
    }

    /// True when the browser sends a value that this gateway has sealed, even an expired one.
    pub fn has_own_last_user(&self, headers: &HeaderMap) -> bool {
        self.last_user(headers, UnixTime::MIN).is_some()
    }

    /// The `prompt` for IMS: no page if a person was signed in at this browser lately.
    pub fn login_prompt(&self, headers: &HeaderMap, now: UnixTime) -> Prompt {
        if self.last_user(headers, now).is_some() { Prompt::Silent } else { Prompt::AsUsual }
    }
}
