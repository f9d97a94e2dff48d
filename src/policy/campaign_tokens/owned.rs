//! The tokens of one caller.

use secrecy::{ExposeSecret as _, SecretString};

use super::{TokenAction, TokenKind};

/// The two tokens of a Campaign session, or of a ticket.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// Value of the cookie `__sessiontoken`.
    pub session: SecretString,
    /// Value of the header `X-Security-Token`.
    pub security: SecretString,
}

impl TokenPair {
    pub fn text(&self, kind: TokenKind) -> &str {
        match kind {
            TokenKind::Session => self.session.expose_secret(),
            TokenKind::Security => self.security.expose_secret(),
        }
    }
}

/// The tokens that a caller may use.
#[derive(Clone, Copy, Debug)]
pub struct OwnTokens<'a> {
    /// The tokens of the current Campaign session, if there is one.
    pub current: Option<&'a TokenPair>,
    /// The tokens of earlier Campaign sessions, which open pages still hold, and those of the gateway's ticket.
    pub earlier: &'a [TokenPair],
}

impl OwnTokens<'_> {
    /// Judges a value. `Refuse` means that it is not one of these tokens.
    pub fn judge(&self, kind: TokenKind, value: &str) -> TokenAction {
        let token = |pair: &TokenPair| value == pair.text(kind);
        if value.is_empty() || self.current.is_some_and(token) {
            return TokenAction::Keep;
        }
        if self.earlier.iter().any(token) {
            return TokenAction::Replace(self.current_text(kind).to_owned());
        }
        match kind {
            TokenKind::Session => TokenAction::Refuse,
            TokenKind::Security => TokenAction::Keep,
        }
    }

    /// The current token. Empty without a Campaign session: then Campaign identifies the caller in another way.
    pub fn current_text(&self, kind: TokenKind) -> &str {
        self.current.map_or("", |pair| pair.text(kind))
    }

    /// True for a security token that Campaign will refuse: it is neither empty nor that of the current session.
    pub fn is_wrong_security_token(&self, value: &str) -> bool {
        !value.is_empty() && self.current.is_some_and(|pair| value != pair.security.expose_secret())
    }
}

/// The native account that a value names: `login/password`, or a login alone. `None` for a token. Never holds the password.
///
/// `_ims_/user/serviceToken` names the account `_ims_`.
pub fn account_of(value: &str) -> Option<&str> {
    if value.is_empty() || value.starts_with("___") {
        return None;
    }
    let login = value.split('/').next().unwrap_or_default();
    (!login.is_empty() && login.len() <= MAX_LOGIN).then_some(login)
}

/// Longest login that is reported.
const MAX_LOGIN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_tokens_are_kept_earlier_ones_exchanged_and_others_refused() {
        let pair =
            |session: &str, security: &str| TokenPair { session: session.into(), security: security.into() };
        let (current, earlier) =
            (pair("___now", "@now"), [pair("___old", "@old"), pair("___older", "@older")]);
        let own = OwnTokens { current: Some(&current), earlier: &earlier };
        let session = |value| own.judge(TokenKind::Session, value);
        let security = |value| own.judge(TokenKind::Security, value);
        assert_eq!(
            [session(""), session("___now"), security("@now"), security("")],
            [const { TokenAction::Keep }; 4]
        );
        assert_eq!(session("___older"), TokenAction::Replace("___now".to_owned()));
        assert_eq!(security("@old"), TokenAction::Replace("@now".to_owned()));
        for foreign in ["___other", "admin/password", "monitoring", "_ims_/user/token", "@now", "___NOW", " "]
        {
            assert_eq!(session(foreign), TokenAction::Refuse, "{foreign}");
        }
        assert_eq!(security("@other"), TokenAction::Keep, "Campaign refuses it itself");
        assert!(own.is_wrong_security_token("@other") && own.is_wrong_security_token("@old"));
        assert!(!own.is_wrong_security_token("@now") && !own.is_wrong_security_token(""));
        let none = OwnTokens { current: None, earlier: &earlier };
        assert_eq!(none.judge(TokenKind::Session, "___old"), TokenAction::Replace(String::new()));
        assert_eq!(none.judge(TokenKind::Session, "___now"), TokenAction::Refuse);
    }

    #[test]
    fn an_account_is_named_without_its_password() {
        assert_eq!(account_of("admin/secret/x"), Some("admin"));
        assert_eq!(account_of("monitoring"), Some("monitoring"));
        assert_eq!(account_of("_ims_/user/token"), Some("_ims_"));
        assert_eq!(account_of("mc/"), Some("mc"));
        for token in ["", "___C8B4A541", "/x"] {
            assert_eq!(account_of(token), None, "{token}");
        }
        assert_eq!(account_of(&"x".repeat(MAX_LOGIN)).map(str::len), Some(MAX_LOGIN));
        assert_eq!(account_of(&"x".repeat(MAX_LOGIN + 1)), None, "too long to be a login");
    }
}
