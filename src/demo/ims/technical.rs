//! Technical accounts: clients without people, which get access tokens by `client_credentials`.

use std::io;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::grants::Grant;
use super::{ImsSimulator, ImsState, Signing};

/// A technical account (OAuth server-to-server) of the Developer Console.
#[derive(Clone, Debug)]
pub struct TechnicalClient {
    /// Its client identifier.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Its IMS user id, `<hex>@techacct.adobe.com`.
    pub user_id: String,
    /// The response of `/ims/organizations/v6` for its tokens.
    pub organizations: Value,
}

impl TechnicalClient {
    /// An account with the groups `Campaign - <tenant> - <group>` of the organisation.
    pub fn new(client_id: &str, organization_id: &str, tenant: &str, groups: &[&str]) -> Self {
        let (ident, source) = organization_id.split_once('@').unwrap_or((organization_id, ""));
        let groups: Vec<Value> = groups
            .iter()
            .map(|group| json!({ "groupName": format!("Campaign - {tenant} - {group}"), "role": "TEAM_MEMBER", "ident": 4800 }))
            .collect();
        Self {
            client_id: client_id.to_owned(),
            client_secret: format!("secret-of-{client_id}").into(),
            user_id: format!("{TECHNICAL_USER}@techacct.adobe.com"),
            organizations: json!([{ "orgName": "Acme", "orgRef": { "ident": ident, "authSrc": source }, "groups": groups }]),
        }
    }
}

impl ImsState {
    pub(super) fn technical_client(&self, client_id: &str) -> Option<&TechnicalClient> {
        self.options.technical_clients.iter().find(|client| client.client_id == client_id)
    }

    /// The client that a token of this grant is issued to, and the user id without a person.
    pub(super) fn client_of<'i>(&'i self, grant: &'i Grant) -> (&'i str, String) {
        match grant.client.as_deref().and_then(|client| self.technical_client(client)) {
            Some(client) => (&client.client_id, client.user_id.clone()),
            None => (&self.options.client_id, format!("{TECHNICAL_USER}@techacct.adobe.com")),
        }
    }
}

impl ImsSimulator {
    /// An access token of a technical account, as `client_credentials` gives it.
    pub fn technical_token(&self, client_id: &str) -> io::Result<String> {
        let scopes = ["openid", "AdobeID", "read_organizations"].map(str::to_owned).to_vec();
        let grant = Grant {
            client: Some(client_id.to_owned()),
            ..Grant::new(None, scopes, self.ims.options.clock.now())
        };
        self.ims.issue_access_token(&grant)
    }

    /// An access token that IMS never issued: `change` gets header and claims of a good one before they are signed.
    pub fn forged_token(
        &self,
        client_id: &str,
        signing: &Signing,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> io::Result<String> {
        let grant = Grant {
            client: Some(client_id.to_owned()),
            ..Grant::new(None, Vec::new(), self.ims.options.clock.now())
        };
        let (mut header, mut claims) = self.ims.access_token_parts(&grant);
        change(&mut header, &mut claims);
        self.ims.keys.sign_as(signing, &mut header, &claims)
    }
}

const TECHNICAL_USER: &str = "1B2F0A7C5E9D48A60A49400F";
