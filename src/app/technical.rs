//! Reads from Campaign as a technical account of the configuration: token, one session, queries. Used by commands, and to read the names
//! of Campaign's groups for the audit trail.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header, request};
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::Authenticator;
use crate::campaign::{ServerFacts, fault, logon_answer, query};
use crate::clock::Clock;
use crate::config::{AccountSession, Instance, SessionMode, TechnicalAccount};
use crate::http_client::{Endpoint, HttpClient};
use crate::ims::ImsClient;
use crate::policy::client_kind::SOAP_ROUTER;
use crate::policy::membership::Organization;
use crate::telemetry::InstanceMetrics;

/// Why Campaign cannot be read.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// No account of the configuration has a secret.
    NoAccount,
    /// IMS or Campaign refused.
    Failed(String),
}

impl Unavailable {
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::NoAccount => "it needs a technical account with a secret".to_owned(),
            Self::Failed(reason) => reason.clone(),
        }
    }

    pub(crate) fn fix(&self) -> &'static str {
        match self {
            Self::NoAccount => "add [[campaign.technical_account]] with client_id and client_secret_file",
            Self::Failed(_) => {
                "correct client_id, client_secret and scope of campaign.technical_account, and create its operator in Campaign"
            }
        }
    }
}

/// A technical account that Campaign has accepted.
pub(crate) struct TechnicalCaller {
    account: Arc<AccountToken>,
    /// What Campaign reported about itself.
    pub(crate) facts: ServerFacts,
    /// Whether the session cookie has `Secure`; `None` without a session.
    pub(crate) is_secure: Option<bool>,
    endpoint: Endpoint,
    proof: CallCredential,
}

enum CallCredential {
    Bearer(SecretString),
    Session { session: SecretString, security: SecretString },
}

impl TechnicalCaller {
    /// Gets a token and tries the Campaign servers until one accepts it.
    pub(crate) async fn connect(instance: &Instance, clock: &Clock) -> Result<Self, Unavailable> {
        let account = AccountToken::get(instance, clock).await?;
        let mut refused = Unavailable::Failed("no upstream is configured".to_owned());
        for server in &account.servers {
            match account.connect_to(server).await {
                Ok(caller) => return Ok(caller),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Gets a token and connects to every Campaign server, in the order of `campaign.upstream`.
    pub(crate) async fn connect_all(
        instance: &Instance,
        clock: &Clock,
    ) -> Result<Vec<(Arc<str>, Result<Self, Unavailable>)>, Unavailable> {
        let account = AccountToken::get(instance, clock).await?;
        let mut callers = Vec::new();
        for server in &account.servers {
            callers.push((server.name().clone(), account.connect_to(server).await));
        }
        Ok(callers)
    }

    /// The name of its Campaign server.
    pub(crate) fn server(&self) -> &str {
        self.endpoint.name()
    }

    /// The client id of its account.
    pub(crate) fn client_id(&self) -> &str {
        &self.account.client_id
    }

    async fn begin(&mut self) -> Result<(), String> {
        if !self.account.has_session {
            let answer = self.call("xtk:session#GetUserInfo", query::user_info()).await?;
            self.facts = query::server_facts(answer.body());
            return Ok(());
        }
        let body = query::bearer_token_logon(self.account.token.expose_secret());
        let answer = self.call("xtk:session#BearerTokenLogon", body).await?;
        self.facts = query::server_facts(answer.body());
        let mut cookies =
            answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        let cookie = cookies.rfind(|cookie| cookie.starts_with("__sessiontoken="));
        self.is_secure = cookie
            .map(|cookie| cookie.split(';').any(|attribute| attribute.trim().eq_ignore_ascii_case("secure")));
        let logon = logon_answer(answer.body())?;
        self.proof = CallCredential::Session { session: logon.session_token, security: logon.security_token };
        Ok(())
    }

    /// The values of these attributes for every record of a schema whose name ends in `element`.
    pub(crate) async fn records(
        &self,
        schema: &str,
        element: &str,
        attributes: &[&str],
    ) -> Result<Vec<Vec<String>>, String> {
        let answer = self.call("xtk:queryDef#ExecuteQuery", query::query(schema, attributes)).await?;
        query::records(answer.body(), element, attributes)
    }

    /// The internal names of Campaign's operator groups.
    pub(crate) async fn groups(&self) -> Result<BTreeSet<String>, String> {
        let rows = self.records("xtk:group", "group", &["name"]).await?;
        Ok(rows.into_iter().flatten().filter(|name| !name.is_empty()).collect())
    }

    pub(crate) async fn attributes(&self, schema: &str) -> Result<BTreeSet<String>, String> {
        let answer = self.call("xtk:session#GetEntityIfMoreRecent", query::schema_request(schema)).await?;
        query::declared_attributes(answer.body())
    }

    /// Gets a page as a client with this address.
    pub(crate) async fn page(&self, path: &str, client: IpAddr) -> Result<Response<Bytes>, String> {
        let request = self.with_proof(Request::get(path)).header("X-Forwarded-For", client.to_string());
        let request = self.with_https(request, path).body(Bytes::new()).map_err(|error| error.to_string())?;
        self.endpoint.send(request, WAIT).await.map_err(|error| error.to_string())
    }

    /// The IDs of the account's organisations.
    pub(crate) async fn organizations(&self) -> Result<Vec<String>, String> {
        Ok(self.membership().await?.into_iter().map(|organization| organization.id).collect())
    }

    /// The configuration names of the account's organisation, as IMS reports them to this account.
    pub(crate) async fn names(&self) -> Result<BTreeSet<String>, String> {
        let own = self.membership().await?.into_iter();
        let own = own.filter(|organization| organization.id == self.account.organization_id);
        Ok(own.flat_map(|organization| organization.groups).flatten().collect())
    }

    async fn membership(&self) -> Result<Vec<Organization>, String> {
        let AccountToken { party, token, .. } = &*self.account;
        let membership = party.membership(token, "").await.map_err(|error| error.to_string())?;
        Ok(membership.organizations.unwrap_or_default())
    }

    /// Ends the session, if there is one.
    pub(crate) async fn end(self) {
        if let CallCredential::Session { session, .. } = &self.proof {
            let body = query::logoff(session.expose_secret());
            // Otherwise the session expires by itself.
            let _ = self.call("xtk:session#Logoff", body).await;
        }
    }

    async fn call(&self, action: &str, body: String) -> Result<Response<Bytes>, String> {
        let mut request = Request::post(SOAP_ROUTER)
            .header(header::CONTENT_TYPE, "application/soap+xml;charset=UTF-8")
            .header("SoapAction", action);
        request = self.with_https(request, SOAP_ROUTER);
        if !action.ends_with("#BearerTokenLogon") {
            request = self.with_proof(request);
        }
        let request = request.body(Bytes::from(body)).map_err(|error| error.to_string())?;
        let method = action.rsplit('#').next().unwrap_or(action);
        let answer = self.endpoint.send(request, WAIT).await.map_err(|error| format!("{method}: {error}"))?;
        match fault(answer.body()) {
            Some(fault) => Err(format!("Campaign refuses {method}: {fault}")),
            None if answer.status().is_success() => Ok(answer),
            None => Err(format!("Campaign answers {method} with status {}", answer.status().as_u16())),
        }
    }

    fn with_https(&self, request: request::Builder, path: &str) -> request::Builder {
        request
            .header("X-Forwarded-Proto", "https")
            .header("NLSSLURL", format!("{}{path}", self.account.origin))
    }

    fn with_proof(&self, request: request::Builder) -> request::Builder {
        match &self.proof {
            CallCredential::Bearer(token) => {
                request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            }
            CallCredential::Session { session, security } => {
                let session = session.expose_secret();
                request
                    .header("X-Session-Token", session)
                    .header("X-Security-Token", security.expose_secret())
                    .header(header::COOKIE, format!("__sessiontoken={session}"))
            }
        }
    }
}

/// A technical account that IMS knows.
struct AccountToken {
    client_id: String,
    organization_id: String,
    has_session: bool,
    origin: String,
    servers: Vec<Endpoint>,
    party: ImsClient,
    token: SecretString,
}

impl AccountToken {
    async fn get(instance: &Instance, clock: &Clock) -> Result<Arc<Self>, Unavailable> {
        let mut accounts = instance.campaign.technical_accounts.iter();
        let with_secret = accounts.find_map(|account| Some((account, account.client_secret.clone()?)));
        let (account, secret) = with_secret.ok_or(Unavailable::NoAccount)?;
        let failed = |error: &dyn std::fmt::Display| Unavailable::Failed(error.to_string());
        let party = relying_party(instance, account, secret, clock).map_err(|error| failed(&error))?;
        let token = party.client_credentials().await.map_err(|error| failed(&error))?;
        let origin = instance.ims.origin();
        let servers = super::servers::public_endpoints(&instance.campaign, &origin);
        let servers = servers.map_err(|error| failed(&error))?;
        Ok(Arc::new(Self {
            client_id: account.client_id.clone(),
            organization_id: account.organization_id.clone(),
            has_session: instance.campaign.session == SessionMode::BearerLogon
                || account.session == AccountSession::BearerLogon,
            origin,
            servers,
            party,
            token,
        }))
    }

    async fn connect_to(self: &Arc<Self>, server: &Endpoint) -> Result<TechnicalCaller, Unavailable> {
        let mut caller = TechnicalCaller {
            account: self.clone(),
            facts: ServerFacts::default(),
            is_secure: None,
            endpoint: server.clone(),
            proof: CallCredential::Bearer(self.token.clone()),
        };
        caller.begin().await.map_err(Unavailable::Failed)?;
        Ok(caller)
    }
}

/// Keeps the names of Campaign's operator groups up to date, for the audit trail. Runs for ever when an account has a secret.
pub(super) async fn keep_campaign_groups(auth: Arc<Authenticator>, clock: Clock) {
    let accounts = &auth.instance.campaign.technical_accounts;
    if accounts.iter().all(|account| account.client_secret.is_none()) {
        return;
    }
    loop {
        match campaign_groups(&auth.instance, &clock).await {
            Ok(groups) => auth.state.campaign_groups.store(Some(Arc::new(groups))),
            Err(reason) => {
                tracing::debug!(reason, "the groups of Campaign are not known for the audit trail");
            }
        }
        tokio::time::sleep(GROUPS_INTERVAL).await;
    }
}

async fn campaign_groups(instance: &Instance, clock: &Clock) -> Result<BTreeSet<String>, String> {
    let caller = TechnicalCaller::connect(instance, clock).await.map_err(|error| error.reason())?;
    let groups = caller.groups().await;
    caller.end().await;
    groups
}

/// A client of IMS with the id, secret and scopes of the account.
fn relying_party(
    instance: &Instance,
    account: &TechnicalAccount,
    secret: SecretString,
    clock: &Clock,
) -> std::io::Result<ImsClient> {
    let mut changed = instance.clone();
    changed.ims.client_id.clone_from(&account.client_id);
    changed.ims.client_secret = secret;
    changed.ims.scopes.clone_from(&account.scopes);
    let http = HttpClient::new(super::ims_connector(&changed.ims)?, changed.ims.timeout);
    Ok(ImsClient::new(Arc::new(changed), http, clock.clone(), InstanceMetrics::default()))
}

/// How often the names of the groups are read.
const GROUPS_INTERVAL: Duration = Duration::from_mins(10);
/// Campaign may be slow to start a session.
const WAIT: Duration = Duration::from_secs(30);
