//! Records that queries read: external accounts, operator groups, and their schemas.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::CampaignOptions;
use crate::demo::{CLIENT_ID, ORGANIZATION_ID, TENANT};

/// An external account of the type Adobe Experience Cloud, field by field as on its form.
#[derive(Clone, Debug)]
pub struct ExternalAccount {
    /// Internal name.
    pub name: String,
    /// Whether it is enabled.
    pub active: bool,
    /// IMS server.
    pub ims_server: String,
    /// IMS scope.
    pub scope: String,
    /// IMS client identifier.
    pub client_id: String,
    /// IMS organization ID.
    pub organization_id: String,
    /// Association mask.
    pub mask: String,
    /// Callback server.
    pub callback_server: String,
    /// Tenant.
    pub tenant: String,
    /// Experience Cloud server.
    pub server: String,
}

impl Default for ExternalAccount {
    fn default() -> Self {
        Self {
            name: "Adobe_Marketing_Cloud".to_owned(),
            active: true,
            ims_server: "https://ims-na1.adobelogin.com".to_owned(),
            scope: "openid,AdobeID,read_organizations,session,additional_info.projectedProductContext"
                .to_owned(),
            client_id: CLIENT_ID.to_owned(),
            organization_id: ORGANIZATION_ID.to_owned(),
            mask: format!("Campaign - {TENANT} - (.*)"),
            callback_server: "https://localhost:8443".to_owned(),
            tenant: TENANT.to_owned(),
            server: "https://marketing.adobe.com".to_owned(),
        }
    }
}

impl ExternalAccount {
    /// Attributes as the schema `nms:extAccount` names them.
    fn attributes(&self) -> [(&'static str, &str); 12] {
        [
            ("name", &self.name),
            ("label", "Adobe Experience Cloud (MAC)"),
            ("active", if self.active { "1" } else { "0" }),
            ("imsServer", &self.ims_server),
            ("userScope", &self.scope),
            ("clientId", &self.client_id),
            ("imsOrgId", &self.organization_id),
            ("imsRightsMask", &self.mask),
            ("callbackServer", &self.callback_server),
            ("tenant", &self.tenant),
            ("server", &self.server),
            ("type", "13"),
        ]
    }
}

/// The operator groups of a new instance.
pub(super) fn built_in_groups() -> Vec<String> {
    [
        "admin",
        "delivery",
        "operation",
        "content",
        "report",
        "workflow",
        "workflowSupervisor",
        "central",
        "local",
        "offer",
        "messagecenter",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The result of `ExecuteQuery` for a schema; `None` for a schema without records here.
pub(super) fn query(options: &CampaignOptions, schema: &str) -> Option<String> {
    let mut xml = String::new();
    match schema {
        "nms:extAccount" => {
            // An account of another type, as every instance has.
            xml.push_str("<extAccount name=\"bounce\" label=\"Bounce mails\" active=\"1\" type=\"0\"/>");
            for account in &options.external_accounts {
                xml.push_str("<extAccount");
                for (name, value) in account.attributes() {
                    let _ = write!(xml, " {name}=\"{}\"", escape(value));
                }
                xml.push_str("/>");
            }
            Some(output("extAccount", &xml))
        }
        "xtk:group" => {
            for name in &options.groups {
                let name = escape(name.as_str());
                let _ = write!(xml, "<group name=\"{name}\" label=\"{name}\"/>");
            }
            Some(output("group", &xml))
        }
        _ => None,
    }
}

fn output(element: &str, xml: &str) -> String {
    format!(
        "<pdomOutput xsi:type='ns:Element' SOAP-ENV:encodingStyle='http://xml.apache.org/xml-soap/literalxml'>\
         <{element}-collection>{xml}</{element}-collection></pdomOutput>"
    )
}

/// A schema with its attributes; without the integration package, external accounts have no fields of IMS.
pub(super) fn schema(options: &CampaignOptions, key: &str) -> Option<String> {
    let (name, attributes): (&str, Vec<&str>) = match key {
        "xtk:schema|nms:extAccount" => {
            let all = ExternalAccount::default();
            let names = all.attributes().map(|(name, _)| name);
            let is_there = |name: &&str| options.integration_package || !IMS_FIELDS.contains(name);
            ("extAccount", names.into_iter().filter(is_there).collect())
        }
        "xtk:schema|xtk:group" => ("group", vec!["name", "label"]),
        _ => return None,
    };
    let attributes = attributes.iter().map(|name| format!("<attribute name=\"{name}\" type=\"string\"/>"));
    let attributes = attributes.collect::<Vec<_>>().concat();
    Some(format!("<schema name=\"{name}\"><element name=\"{name}\">{attributes}</element></schema>"))
}

const IMS_FIELDS: [&str; 6] =
    ["imsServer", "userScope", "imsOrgId", "imsRightsMask", "callbackServer", "clientId"];
