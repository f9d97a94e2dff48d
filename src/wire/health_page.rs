//! Campaign's anonymous health page: `<redir status='OK' date='…' build='9236' sourceIP='…' host='…' instance='…'/>`.
//!
//! The redirection module of the web server writes it; Tomcat's own port has no such page. Without `allowDebug` it has only status,
//! date and sourceIP.

/// The attributes of the page. What the page leaves out is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthPage {
    /// `OK`, or another word.
    pub status: String,
    /// The build number.
    pub build: Option<String>,
    /// The version, such as `8.5.1`.
    pub version: Option<String>,
    /// The instance that Campaign chose by the host.
    pub instance: Option<String>,
    /// The client address that Campaign believes.
    pub source_ip: Option<String>,
    /// The `Host` that Campaign received.
    pub host: Option<String>,
}

impl HealthPage {
    /// Reads a page; `None` if it is another one. Values lose characters that no such value has.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body).replace('"', "'");
        let (_, element) = text.split_once("<redir")?;
        let (element, _) = element.split_once('>')?;
        let attribute = |name: &str| {
            let (_, rest) = element.split_once(&format!(" {name}='"))?;
            let (value, _) = rest.split_once('\'')?;
            let value: String = value.chars().filter(|c| is_usual(*c)).take(LONGEST).collect();
            Some(value).filter(|value| !value.is_empty())
        };
        Some(Self {
            status: attribute("status")?,
            build: attribute("build"),
            version: attribute("version"),
            instance: attribute("instance"),
            source_ip: attribute("sourceIP"),
            host: attribute("host"),
        })
    }

    /// True if the server says that it works.
    pub fn is_ok(&self) -> bool {
        self.status.eq_ignore_ascii_case("ok")
    }
}

fn is_usual(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._:-[]".contains(c)
}

/// Longer values are cut.
const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_attributes_are_read_in_either_kind_of_quotes() {
        let page = HealthPage::parse(
            b"<?xml version='1.0'?>\n<redir status='OK' date='2026-01-01 00:00' version=\"8.5.1\" build='9368' sha1='x' instance='acme' \
              sourceIP='192.0.2.1' host='campaign.example.com:8443' localHost='app1'/>",
        )
        .unwrap();
        assert!(page.is_ok());
        assert_eq!(page.version.as_deref(), Some("8.5.1"));
        assert_eq!(page.build.as_deref(), Some("9368"));
        assert_eq!(page.instance.as_deref(), Some("acme"));
        assert_eq!(page.source_ip.as_deref(), Some("192.0.2.1"));
        assert_eq!(page.host.as_deref(), Some("campaign.example.com:8443"));
        let short = HealthPage::parse(b"<redir status='OK' date='x' sourceIP='::1'/>").unwrap();
        assert_eq!((short.source_ip.as_deref(), short.host, short.instance), (Some("::1"), None, None));
        assert_eq!(HealthPage::parse(b"<html><body>redir status='OK'</body></html>"), None);
        assert!(!HealthPage::parse(b"<redir status='KO'/>").unwrap().is_ok());
    }

    proptest! {
        #[test]
        fn any_page_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "<redir [a-zA-Z='\"> /]{0,60}") {
            let _ = (HealthPage::parse(&body), HealthPage::parse(text.as_bytes()));
        }
    }
}
