//! `/nl/jsp/soaprouter.jsp`: authenticates the caller and runs the method.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;

use super::Campaign;
use super::caller::{AuthMethod, Caller, XSV_350008};
use super::envelope::{Call, answer, fault, soap_action};
use super::faults::LogonRefusal;
use super::methods;

pub(super) async fn soap(
    State(campaign): State<Arc<Campaign>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(substitute) = campaign.faults.take_soap_answer() {
        return substitute.respond().await;
    }
    let Some(call) = std::str::from_utf8(&body).ok().and_then(Call::parse) else {
        return fault(StatusCode::INTERNAL_SERVER_ERROR, "SOP-330011 The body is not a SOAP call.");
    };
    let action = soap_action(&headers, query.as_deref()).unwrap_or_else(|| call.action.clone());
    match action.as_str() {
        "xtk:session#Logon" => campaign.logon(&call),
        "xtk:session#BearerTokenLogon" => campaign.bearer_token_logon(&call).await,
        _ => match campaign.soap_caller(&headers, &call).await {
            Some(caller) => campaign.dispatch(&action, &call, &caller),
            None => campaign.session_fault(),
        },
    }
}

impl Campaign {
    /// The caller of a method other than a logon. Needs a session token with its security token, or a bearer token.
    async fn soap_caller(&self, headers: &HeaderMap, call: &Call) -> Option<Caller> {
        let caller = self.caller(headers, Some(call.parameter(0))).await?;
        let security_token = headers.get("x-security-token").and_then(|value| value.to_str().ok());
        (self.options.session_token_only || caller.has_security_token(security_token)).then_some(caller)
    }

    fn dispatch(&self, action: &str, call: &Call, caller: &Caller) -> Response {
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
                match methods::entity(call.parameter(1)) {
                    Some(entity) => answer(action, &entity),
                    None => fault(StatusCode::INTERNAL_SERVER_ERROR, "SOP-330011 No such entity."),
                }
            }
            "xtk:persist#GetDirtyCacheEntities" => answer(action, methods::DIRTY_CACHE_ENTITIES),
            "xtk:queryDef#ExecuteQuery" => answer(action, methods::RECIPIENTS),
            _ => {
                let message = format!("SOP-330006 The method '{action}' has not been defined.");
                fault(StatusCode::INTERNAL_SERVER_ERROR, &message)
            }
        }
    }

    fn logon(&self, call: &Call) -> Response {
        let known =
            call.parameter(1) == "admin" && call.parameter(2) == self.options.admin_password.expose_secret();
        if known {
            self.begin("xtk:session#Logon", "admin")
        } else {
            fault(StatusCode::FORBIDDEN, XSV_350012)
        }
    }

    async fn bearer_token_logon(&self, call: &Call) -> Response {
        match self.faults.take_logon_refusal() {
            Some(LogonRefusal::InvalidLogin) => return fault(StatusCode::FORBIDDEN, XSV_350012),
            Some(LogonRefusal::InvalidLoginAsText) => {
                return (StatusCode::FORBIDDEN, XSV_350012).into_response();
            }
            Some(LogonRefusal::Zone) => return fault(StatusCode::FORBIDDEN, XSV_350013),
            None => {}
        }
        match self.login_of(call.parameter(1)).await {
            Ok(Some(login)) => self.begin("xtk:session#BearerTokenLogon", &login),
            Ok(None) => fault(StatusCode::FORBIDDEN, XSV_350012),
            Err(_) => {
                fault(StatusCode::INTERNAL_SERVER_ERROR, "IMS-000001 The IMS server cannot be reached.")
            }
        }
    }

    /// Begins a session. The response has its tokens in the body and in a cookie.
    fn begin(&self, action: &str, login: &str) -> Response {
        let session = self.sessions.begin(login);
        let mut response = answer(action, &methods::logon(self, &session));
        if let Ok(cookie) =
            HeaderValue::from_str(&format!("__sessiontoken={}; Path=/; HttpOnly", session.session_token))
        {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }

    fn session_fault(&self) -> Response {
        fault(
            if self.options.legacy_fault_status { StatusCode::OK } else { StatusCode::FORBIDDEN },
            XSV_350008,
        )
    }
}

const XSV_350012: &str = "XSV-350012 Invalid login or password. Connection denied.";
const XSV_350013: &str = "XSV-350013 The IP address or the security zone is not allowed to connect.";
