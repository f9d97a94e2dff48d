//! The results of Campaign's methods, as XML for the response element.

use quick_xml::escape::escape;

use super::CampaignState;
use super::sessions::OpenSession;

/// The result of `Logon` and `BearerTokenLogon`.
pub(super) fn logon(campaign: &CampaignState, session: &OpenSession) -> String {
    format!(
        "<pstrSessionToken xsi:type='xsd:string'>{}</pstrSessionToken>\
         <pSessionInfo xsi:type='ns:Element' SOAP-ENV:encodingStyle='http://xml.apache.org/xml-soap/literalxml'>\
         {}</pSessionInfo><pstrSecurityToken xsi:type='xsd:string'>{}</pstrSecurityToken>",
        session.session_token,
        session_info(campaign, &session.login),
        session.security_token,
    )
}

/// The result of `GetUserInfo`.
pub(super) fn user_info(campaign: &CampaignState, login: &str) -> String {
    format!(
        "<pUserInfo xsi:type='ns:Element' SOAP-ENV:encodingStyle='http://xml.apache.org/xml-soap/literalxml'>{}\
         </pUserInfo>",
        session_info(campaign, login)
    )
}

/// The time of the server, which anybody may ask for.
pub(super) fn server_time(campaign: &CampaignState) -> String {
    let now = campaign.options.clock.now().rfc3339().unwrap_or_default();
    format!("<ptsServerTime xsi:type='xsd:dateTime'>{now}</ptsServerTime>")
}

/// Value and data type (6: string) of an option. An unknown option is empty with type 0.
pub(super) fn option(name: &str) -> String {
    let (value, kind) = match name {
        "XtkDatabaseId" => ("uFE80000000000000F1FA913DD7CC7C480041161C", 6),
        "NmsServer_LastPostUpgrade" => ("9219", 6),
        _ => ("", 0),
    };
    format!(
        "<pstrValue xsi:type='xsd:string'>{value}</pstrValue><pbtType xsi:type='xsd:byte'>{kind}</pbtType>"
    )
}

/// The schema `xtk:schema|<name>` with its methods. Clients read the parameters from it.
pub(super) fn entity(key: &str) -> Option<String> {
    let schema = match key {
        "xtk:schema|xtk:session" => SESSION_SCHEMA,
        "xtk:schema|xtk:queryDef" => QUERY_SCHEMA,
        _ => return None,
    };
    Some(document(schema))
}

/// A document as result.
pub(super) fn document(xml: &str) -> String {
    format!(
        "<pdomDoc xsi:type='ns:Element' SOAP-ENV:encodingStyle='http://xml.apache.org/xml-soap/literalxml'>{xml}</pdomDoc>"
    )
}

fn session_info(campaign: &CampaignState, login: &str) -> String {
    let login = escape(login);
    let timeout = campaign.options.session_timeout.as_secs();
    let (min_build, instance) = (campaign.options.min_client_build, escape(&campaign.options.instance));
    let no_console = campaign.options.no_console;
    format!(
        "<sessionInfo><serverInfo advisedClientBuildNumber=\"0\" allowSQL=\"false\" buildNumber=\"9219\" \
         commitId=\"a1b2c3d\" defaultNameSpace=\"cus\" instanceName=\"{instance}\" majNumber=\"6\" \
         minClientBuildNumber=\"{min_build}\" minNumber=\"7\" minNumberTechnical=\"0\" releaseName=\"20.3\" \
         securityTimeOut=\"{timeout}\" serverDate=\"2024-01-01 00:00:00.000Z\" sessionTimeOut=\"{timeout}\" useVault=\"false\"/>\
         <userInfo datakitInDatabase=\"true\" homeDir=\"\" instanceLocale=\"en\" locale=\"en\" login=\"{login}\" \
         loginCS=\"{login}\" loginId=\"1059\" noConsoleCnx=\"{no_console}\" orgUnitId=\"0\" theme=\"\" timezone=\"Europe/Paris\">\
         <login-group id=\"1060\"/><login-right right=\"admin\"/><installed-package name=\"campaign\" namespace=\"nms\"/>\
         </userInfo></sessionInfo>"
    )
}

/// Reports no changed entities.
pub(super) const DIRTY_CACHE_ENTITIES: &str = "<pdomDirtyEntities xsi:type='ns:Element' \
     SOAP-ENV:encodingStyle='http://xml.apache.org/xml-soap/literalxml'><cache/></pdomDirtyEntities>";

/// The result of every query.
pub(super) const RECIPIENTS: &str = "<pdomOutput xsi:type='ns:Element' \
     SOAP-ENV:encodingStyle='http://xml.apache.org/xml-soap/literalxml'><recipient-collection>\
     <recipient email=\"first@example.com\" id=\"1\"/><recipient email=\"second@example.com\" id=\"2\"/>\
     </recipient-collection></pdomOutput>";

const SESSION_SCHEMA: &str = "<schema entitySchema=\"xtk:schema\" implements=\"xtk:persist\" label=\"Session\" \
     name=\"session\" namespace=\"xtk\"><methods>\
     <method name=\"GetOption\" static=\"true\"><parameters><param name=\"name\" type=\"string\"/>\
     <param inout=\"out\" name=\"value\" type=\"string\"/><param inout=\"out\" name=\"type\" type=\"byte\"/></parameters></method>\
     <method name=\"GetUserInfo\" static=\"true\"><parameters><param inout=\"out\" name=\"userInfo\" type=\"DOMDocument\"/>\
     </parameters></method><method name=\"Logoff\" static=\"true\"/></methods></schema>";

const QUERY_SCHEMA: &str = "<schema entitySchema=\"xtk:schema\" label=\"Queries\" name=\"queryDef\" namespace=\"xtk\">\
     <methods><method const=\"true\" name=\"ExecuteQuery\"><parameters>\
     <param inout=\"out\" name=\"output\" type=\"DOMDocument\"/></parameters></method></methods></schema>";
