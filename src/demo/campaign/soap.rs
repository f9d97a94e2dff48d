//! `/nl/jsp/soaprouter.jsp`: authenticates the caller and runs the method.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};

use super::caller::{AuthMethod, CampaignCaller, XSV_350008};
use super::envelope::{SoapRequest, answer, fault, soap_action};
use super::faults::BearerLogonRefusal;
use super::methods;
use super::zones::{RequestOrigin, XSV_350013};
use super::{CampaignState, catalog};

pub(super) async fn soap(
    State(campaign): State<Arc<CampaignState>>,
    Extension(origin): Extension<RequestOrigin>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(substitute) = campaign.faults.take_soap_answer() {
        return substitute.respond().await;
    }
    let Some(call) = std::str::from_utf8(&body).ok().and_then(SoapRequest::parse) else {
        return campaign.fault(StatusCode::INTERNAL_SERVER_ERROR, "SOP-330011 The body is not a SOAP call.");
    };
    if let Err((status, text)) = origin.check_address() {
        return campaign.fault(status, &text);
    }
    let action = soap_action(&headers, query.as_deref()).unwrap_or_else(|| call.action.clone());
    match action.as_str() {
        "xtk:session#Logon" => campaign.logon(&call, &origin),
        "xtk:session#BearerTokenLogon" => campaign.bearer_token_logon(&call, &origin).await,
        "xtk:session#GetServerTime" => answer(&action, &methods::server_time(&campaign)),
        _ => match campaign.soap_caller(&headers, query.as_deref(), &call, &origin).await {
            Some(caller) => campaign.dispatch(&action, &call, &caller),
            None => campaign.session_fault(),
        },
    }
}

impl CampaignState {
    /// The caller of a method other than a logon. Needs a session token with its security token, or a bearer token.
    async fn soap_caller(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        call: &SoapRequest,
        origin: &RequestOrigin,
    ) -> Option<CampaignCaller> {
        let caller = self.caller(headers, (query, Some(call.parameter(0))), origin).await?;
        let security_token = headers.get("x-security-token").and_then(|value| value.to_str().ok());
        (self.options.session_token_only || caller.has_security_token(security_token)).then_some(caller)
    }

    fn dispatch(&self, action: &str, call: &SoapRequest, caller: &CampaignCaller) -> Response {
        match action {
            "xtk:session#Logoff" => {
                if let AuthMethod::Session(session) = &caller.method {
                    self.sessions.log_off(&session.session_token);
                }
                answer(action, "")
            }
            "xtk:session#GetOption" => answer(action, &methods::option(call.parameter(1))),
            "xtk:session#GetUserInfo" => answer(action, &methods::user_info(self, &caller.login)),
            "xtk:session#GetEntityIfMoreRecent" | "xtk:persist#GetEntityIfMoreRecent" => {
                let key = call.parameter(1);
                let entity = catalog::schema(&self.options, key).map(|schema| methods::document(&schema));
                match entity.or_else(|| methods::entity(key)) {
                    Some(entity) => answer(action, &entity),
                    None => self.fault(StatusCode::INTERNAL_SERVER_ERROR, "SOP-330011 No such entity."),
                }
            }
            "xtk:persist#GetDirtyCacheEntities" => answer(action, methods::DIRTY_CACHE_ENTITIES),
            "xtk:queryDef#ExecuteQuery" => {
                let schema = call.queried.as_deref().unwrap_or_default();
                let found = catalog::query(&self.options, schema);
                answer(action, found.as_deref().unwrap_or(methods::RECIPIENTS))
            }
            _ => {
                let message = format!("SOP-330006 The method '{action}' has not been defined.");
                self.fault(StatusCode::INTERNAL_SERVER_ERROR, &message)
            }
        }
    }

    fn logon(&self, call: &SoapRequest, origin: &RequestOrigin) -> Response {
        if self.faults.is_restarting() {
            return self.fault(StatusCode::INTERNAL_SERVER_ERROR, EMPTY_RETURN);
        }
        let login = call.parameter(1);
        if self.operators.check(login, call.parameter(2)) {
            self.begin("xtk:session#Logon", login, Vec::new(), origin)
        } else {
            fault(StatusCode::FORBIDDEN, XSV_350012)
        }
    }

    async fn bearer_token_logon(&self, call: &SoapRequest, origin: &RequestOrigin) -> Response {
        if self.faults.is_restarting() {
            return self.fault(StatusCode::INTERNAL_SERVER_ERROR, EMPTY_RETURN);
        }
        match self.faults.take_logon_refusal() {
            Some(BearerLogonRefusal::InvalidLogin) => return fault(StatusCode::FORBIDDEN, XSV_350012),
            Some(BearerLogonRefusal::InvalidLoginAsText) => {
                return (StatusCode::FORBIDDEN, XSV_350012).into_response();
            }
            Some(BearerLogonRefusal::Zone) => return fault(StatusCode::FORBIDDEN, XSV_350013),
            Some(BearerLogonRefusal::Address) => {
                return fault(StatusCode::INTERNAL_SERVER_ERROR, XSV_350014);
            }
            None => {}
        }
        let token = call.parameter(1);
        match self.login_of(token).await {
            Ok(Some(login)) => {
                let groups = self.groups_of(token).await;
                self.begin("xtk:session#BearerTokenLogon", &login, groups, origin)
            }
            Ok(None) => fault(StatusCode::FORBIDDEN, XSV_350012),
            Err(_) => {
                self.fault(StatusCode::INTERNAL_SERVER_ERROR, "IMS-000001 The IMS server cannot be reached.")
            }
        }
    }

    /// Begins a session. The response has its tokens in the body and in a cookie.
    fn begin(&self, action: &str, login: &str, groups: Vec<String>, origin: &RequestOrigin) -> Response {
        if let Err((status, text)) = origin.check_logon() {
            return fault(status, &text);
        }
        let session = self.sessions.begin(login, groups, origin.address);
        let mut response = answer(action, &methods::logon(self, &session));
        if let Some(cookie) = session.cookie(origin.is_https) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }

    fn session_fault(&self) -> Response {
        self.fault(StatusCode::FORBIDDEN, XSV_350008)
    }

    /// A fault other than a refused logon: some builds send all of these with status 200.
    fn fault(&self, status: StatusCode, text: &str) -> Response {
        fault(if self.options.legacy_fault_status { StatusCode::OK } else { status }, text)
    }
}

pub(super) const XSV_350012: &str = "XSV-350012 Invalid login or password. Connection denied.";
const XSV_350014: &str = "XSV-350014 The '198.51.100.7' IP address via which you are accessing the server is not accepted. Connection refused.";
/// What a logon answers while Campaign restarts.
const EMPTY_RETURN: &str = "Empty return for method 'Logon' of service 'xtk:session'";
