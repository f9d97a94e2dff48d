//! One order at the ACME server.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use instant_acme::{
    Account, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, OrderStatus, RetryPolicy,
};

use super::cache::Cache;
use super::challenge::proof;
use super::{AcmeError, Plan, Publish};
use crate::http_client::{HttpClient, connector};

/// Orders a certificate, proves control of its names, and saves it with its key.
pub(super) async fn obtain(plan: &Plan, cache: &Cache<'_>, publish: Publish) -> Result<(), AcmeError> {
    let account = account(plan, cache).await?;
    let names: Vec<Identifier> = plan.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let domain = authorization.identifier().to_string();
        let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
            return Err(AcmeError::NoChallenge(domain));
        };
        publish(&domain, proof(&domain, challenge.key_authorization().digest().as_ref())?);
        challenge.set_ready().await?;
    }
    let patience = RetryPolicy::default().timeout(PATIENCE);
    if order.poll_ready(&patience).await? != OrderStatus::Ready {
        return Err(AcmeError::Refused(plan.domains.join(", ")));
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&patience).await?;
    cache.save_certificate(&(chain.trim_end().to_owned() + "\n" + &key))?;
    Ok(())
}

async fn account(plan: &Plan, cache: &Cache<'_>) -> Result<Account, AcmeError> {
    let directory = plan.directory.as_str();
    let http = HttpClient::new(connector(plan.ca_file.as_deref(), EXCHANGE, None)?, EXCHANGE);
    let builder = Account::builder_with_http(Box::new(Transport(http)));
    if let Some(account) = cache.account(directory) {
        return Ok(builder.from_credentials(account).await?);
    }
    let contact: Vec<&str> = plan.contact.iter().map(String::as_str).collect();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&wanted, directory.to_owned(), None).await?;
    cache.save_account(directory, &credentials)?;
    Ok(account)
}

/// The gateway's own HTTP client.
struct Transport(HttpClient);

impl instant_acme::HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let http = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let response = http.send(Request::from_parts(head, body.to_bytes())).await;
            let (parts, body) = response.map_err(|error| Error::Other(Box::new(error)))?.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}

/// Time for one exchange with the server.
const EXCHANGE: Duration = Duration::from_secs(30);
/// Time for the server to check the names, and to issue.
const PATIENCE: Duration = Duration::from_mins(2);
