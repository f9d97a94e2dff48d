//! A technical account, known to IMS and to the gateway.

use imsgate::config::{AccountSession, TechnicalAccount};
use imsgate::demo::ims::TechnicalClient;
use imsgate::demo::{ORGANIZATION_ID, TENANT};
use imsgate::internal::PublicPaths;

use super::request::RawRequest;
use super::{Builder, World};

/// The account's client ID.
pub const CLIENT: &str = "report-robot";
/// The account's IMS user id.
pub const USER: &str = "1B2F0A7C5E9D48A60A49400F@techacct.adobe.com";

/// An account with the group `delivery`, for every network and path, in mode `bearer`.
pub fn account(client_id: &str) -> TechnicalAccount {
    TechnicalAccount {
        client_id: client_id.to_owned(),
        organization_id: ORGANIZATION_ID.to_owned(),
        groups: Some(vec!["delivery".to_owned()]),
        networks: Vec::new(),
        paths: PublicPaths::default(),
        session: AccountSession::Bearer,
        client_secret: None,
        scopes: Vec::new(),
    }
}

/// A world with this account and another client at IMS that the gateway does not know, to be configured further.
pub fn with_account(change: impl FnOnce(&mut TechnicalAccount) + 'static) -> Builder {
    World::builder()
        .ims(|ims| {
            ims.technical_clients = vec![
                TechnicalClient::new(CLIENT, ORGANIZATION_ID, TENANT, &["report", "workflow"]),
                TechnicalClient::new("stranger", ORGANIZATION_ID, TENANT, &["admin"]),
            ];
        })
        .instance(|instance| {
            let mut account = account(CLIENT);
            change(&mut account);
            instance.campaign.technical_accounts = vec![account];
        })
}

/// A token of the account.
pub fn token(world: &World) -> String {
    world.ims.technical_token(CLIENT).unwrap()
}

/// A logon by which a client opens a Campaign session with this access token.
pub fn bearer_logon(token: &str) -> RawRequest {
    let body = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body><BearerTokenLogon xmlns='urn:xtk:session'>\
         <sessiontoken/><bearerToken>{token}</bearerToken></BearerTokenLogon></E:Body></E:Envelope>"
    );
    RawRequest::post("/nl/jsp/soaprouter.jsp", &body)
        .with("Content-Type: text/xml; charset=utf-8")
        .with("SoapAction: xtk:session#BearerTokenLogon")
}

/// A SOAP call, to be completed with credentials.
pub fn soap(action: &str) -> RawRequest {
    let (schema, method) = action.split_once('#').unwrap();
    let body = format!(
        "<?xml version='1.0'?><SOAP-ENV:Envelope xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/'><SOAP-ENV:Body>\
         <m:{method} xmlns:m='urn:{schema}'><sessiontoken/></m:{method}></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    );
    RawRequest::post("/nl/jsp/soaprouter.jsp", &body)
        .with("Content-Type: text/xml; charset=utf-8")
        .with(&format!("SoapAction: {action}"))
}
