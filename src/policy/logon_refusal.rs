//! Why Campaign opens no session, by the text of its fault.

/// What a fault of a logon means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogonRefusal {
    /// XSV-350012: Campaign knows no operator for this person, or does not accept the token.
    Operator,
    /// XSV-350013: the security zone does not allow this logon.
    Zone,
    /// XSV-350014: the client address is in no security zone.
    Address,
    /// Campaign is being restarted.
    Restarting,
    /// Another fault.
    Other,
}

impl LogonRefusal {
    /// The meaning of the text of a fault.
    pub fn of(fault: &str) -> Self {
        let codes = [
            ("XSV-350012", Self::Operator),
            ("XSV-350013", Self::Zone),
            ("XSV-350014", Self::Address),
            ("Empty return for method", Self::Restarting),
        ];
        codes.into_iter().find(|(code, _)| fault.contains(code)).map_or(Self::Other, |(_, meaning)| meaning)
    }

    /// What an administrator can do, for the log and the audit trail. Begins with a separator; empty when nothing is known.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Operator => {
                "; Campaign has no active operator for this person, or does not accept tokens of ims.client_id"
            }
            Self::Zone => {
                "; the security zone of the client address in serverConf.xml refuses it: see allowHTTP there and campaign.secure_header here"
            }
            Self::Address => {
                "; add the address of this gateway to proxy= of the subNetwork elements in serverConf.xml, also of the one named \"all\""
            }
            Self::Restarting => "; Campaign is being restarted",
            Self::Other => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        for (fault, meaning) in [
            ("XSV-350012 Invalid login or password. Connection denied.", LogonRefusal::Operator),
            ("XSV-350013 refused", LogonRefusal::Zone),
            (
                "XSV-350014 The '203.0.113.7' IP address via which you are accessing the server is not accepted.",
                LogonRefusal::Address,
            ),
            ("Empty return for method 'Logon' of service 'xtk:session'", LogonRefusal::Restarting),
            ("SOP-330006 no such method", LogonRefusal::Other),
            ("", LogonRefusal::Other),
        ] {
            assert_eq!(LogonRefusal::of(fault), meaning, "{fault}");
        }
        assert!(LogonRefusal::Address.advice().contains("proxy="));
        assert!(LogonRefusal::Other.advice().is_empty());
    }
}
