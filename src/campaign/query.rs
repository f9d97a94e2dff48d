//! Queries over SOAP, read only: records of a schema (`xtk:queryDef#ExecuteQuery`), the attributes that a schema declares, and
//! what a session says about the server.

use std::collections::BTreeSet;

pub use super::soap::{bearer_token_logon, logoff};
use super::soap::{envelope, escape, walk};

/// The body of `xtk:queryDef#ExecuteQuery` for these attributes of every record of a schema.
pub fn query(schema: &str, attributes: &[&str]) -> String {
    let nodes = attributes.iter().map(|name| format!(r#"<node expr="@{}"/>"#, escape(name)));
    let nodes = nodes.collect::<Vec<_>>().concat();
    envelope(&format!(
        r#"<urn:ExecuteQuery xmlns:urn="urn:xtk:queryDef"><urn:sessiontoken/><urn:entity><queryDef schema="{}" operation="select" lineCount="{MOST_RECORDS}"><select>{nodes}</select></queryDef></urn:entity></urn:ExecuteQuery>"#,
        escape(schema)
    ))
}

/// The body of `xtk:session#GetEntityIfMoreRecent` for a schema.
pub fn schema_request(schema: &str) -> String {
    envelope(&format!(
        r#"<urn:GetEntityIfMoreRecent xmlns:urn="urn:xtk:session"><urn:sessiontoken/><urn:pk>xtk:schema|{}</urn:pk><urn:md5/><urn:mustExist>false</urn:mustExist></urn:GetEntityIfMoreRecent>"#,
        escape(schema)
    ))
}

/// The body of `xtk:session#GetUserInfo`.
pub fn user_info() -> String {
    envelope(r#"<urn:GetUserInfo xmlns:urn="urn:xtk:session"><urn:sessiontoken/></urn:GetUserInfo>"#)
}

/// The values of these attributes, for each element of this name. A missing attribute is empty.
///
/// # Errors
/// When the response is not XML.
pub fn records(body: &[u8], element: &str, attributes: &[&str]) -> Result<Vec<Vec<String>>, String> {
    let mut found = Vec::new();
    walk(body, |name, _, attribute| {
        if name == element {
            found.push(attributes.iter().map(|name| attribute(name).unwrap_or_default()).collect());
        }
    })?;
    Ok(found)
}

/// The names of the attributes that a schema declares.
///
/// # Errors
/// When the response is not XML.
pub fn declared_attributes(body: &[u8]) -> Result<BTreeSet<String>, String> {
    let names = records(body, "attribute", &["name"])?;
    Ok(names.into_iter().flatten().filter(|name| !name.is_empty()).collect())
}

/// What a session says about the server, from the response of a logon or of `GetUserInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    pub build: Option<String>,
    /// The oldest build of the client console that the server accepts.
    pub min_console_build: Option<u32>,
    /// The installed packages, `namespace:name`.
    pub packages: BTreeSet<String>,
}

/// Reads the facts; all empty if the response is not XML.
pub fn server_facts(body: &[u8]) -> ServerFacts {
    let mut facts = ServerFacts::default();
    let _ = walk(body, |name, _, attribute| match name {
        "serverInfo" => {
            facts.build = attribute("buildNumber");
            facts.min_console_build = attribute("minClientBuildNumber").and_then(|build| build.parse().ok());
        }
        "installed-package" => {
            let part = |name| attribute(name).unwrap_or_default();
            facts.packages.insert(format!("{}:{}", part("namespace"), part("name")));
        }
        _ => {}
    });
    facts
}

/// More groups or accounts than an instance has.
const MOST_RECORDS: u32 = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_attributes_are_read_under_any_prefix() {
        let body = b"<S:Envelope xmlns:S='x'><S:Body><R><pdomOutput><group-collection><group name='delivery' label='A &amp; B'/>\
            <group name='content'/></group-collection></pdomOutput></R></S:Body></S:Envelope>";
        let text = |text: &str| text.to_owned();
        assert_eq!(
            records(body, "group", &["name", "label"]).unwrap(),
            [[text("delivery"), text("A & B")], [text("content"), text("")]]
        );
        let schema = b"<schema><element name='extAccount'><attribute name='imsOrgId'/><attribute name='name'/></element></schema>";
        assert_eq!(
            declared_attributes(schema).unwrap().into_iter().collect::<Vec<_>>(),
            ["imsOrgId", "name"]
        );
    }

    #[test]
    fn the_facts_of_a_server_are_read_from_its_session() {
        let facts = server_facts(
            b"<sessionInfo><serverInfo buildNumber='9368' minClientBuildNumber='9300'/><userInfo>\
              <installed-package name='campaign' namespace='nms'/></userInfo></sessionInfo>",
        );
        assert_eq!((facts.build.as_deref(), facts.min_console_build), (Some("9368"), Some(9300)));
        assert!(facts.packages.contains("nms:campaign"));
        assert_eq!(server_facts(b"not xml <"), ServerFacts::default());
    }

    #[test]
    fn names_are_escaped() {
        assert!(query("a\"b", &["<x>"]).contains("schema=\"a&quot;b\""));
    }
}
