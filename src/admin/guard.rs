//! Checks the credentials of a request to the admin listener, and answers requests that `policy::admin_access` refuses.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::token::AdminToken;
use super::{Admin, answer};
use crate::policy::admin_access::{
    AdminArea, AdminCredential, AdminDecision, AdminRequest, BrowserReport, decide, is_own_host,
};
use crate::policy::origin::is_unsafe;
use crate::telemetry::audit::{AuditAction, OperatorAccess, Subject};

/// The address that a connection came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdminPeer(pub IpAddr);

/// Lets a request pass, or answers it.
pub(super) async fn check(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(host) = host(headers).filter(|host| is_own_host(host)) else {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    };
    let area = AdminArea::of(request.uri().path());
    let token = admin.token.load_full();
    let credential = match (&token, area) {
        (None, _) => AdminCredential::NoToken,
        (Some(_), AdminArea::Open) => AdminCredential::Nothing,
        (Some(token), AdminArea::Api) => match bearer(headers)
            .map(|sent| admin.check_token(token, sent, peer(&request), OperatorAccess::Command))
        {
            Some(TokenCheck::TooOften) => return refuse(StatusCode::TOO_MANY_REQUESTS, TOO_OFTEN),
            Some(TokenCheck::Right) => AdminCredential::Bearer,
            Some(TokenCheck::Wrong) | None => AdminCredential::Nothing,
        },
        (Some(token), AdminArea::Page | AdminArea::BeforeSignIn) => {
            let now = admin.services.clock.now();
            let is_signed_in = |sent| admin.operators.sign_ins.check(sent, token, now);
            if cookie(headers).is_some_and(is_signed_in) {
                AdminCredential::SignedIn
            } else {
                AdminCredential::Nothing
            }
        }
    };
    let known = AdminRequest {
        area,
        is_unsafe: is_unsafe(request.method()),
        credential,
        report: BrowserReport::of(headers, &format!("http://{host}")),
    };
    match decide(known) {
        AdminDecision::Allowed => next.run(request).await,
        AdminDecision::SentByPage => StatusCode::FORBIDDEN.into_response(),
        AdminDecision::TokenMissing => {
            let mut response = refuse(StatusCode::UNAUTHORIZED, TOKEN_MISSING);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        AdminDecision::PageOff => (StatusCode::NOT_FOUND, PAGE_OFF).into_response(),
        AdminDecision::SignInFirst => Redirect::to("/admin/sign-in").into_response(),
    }
}

/// The result of comparing a sent token with the admin token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenCheck {
    Right,
    Wrong,
    /// Not compared, because too many wrong tokens came from this address.
    TooOften,
}

impl Admin {
    /// Compares what somebody sent from this address with the token.
    pub(super) fn check_token(
        &self,
        token: &AdminToken,
        sent: &str,
        peer: IpAddr,
        by: OperatorAccess,
    ) -> TokenCheck {
        // Wrong tokens at the page must not block the commands of an operator.
        let name = match by {
            OperatorAccess::AdminPage => "page",
            OperatorAccess::Command => "command",
        };
        if !self.operators.guesses.may_try(name, peer) {
            return TokenCheck::TooOften;
        }
        if token.is(sent) {
            return TokenCheck::Right;
        }
        self.operators.guesses.note_failure(name, peer);
        self.audit(Some(peer), Subject::nobody(), AuditAction::AdminRefused { by });
        TokenCheck::Wrong
    }
}

/// The one host of a request.
pub(super) fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// The value of the page's cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let name = cookie_name(headers);
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut pairs = pairs.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Cookies do not distinguish ports, so the name does: two gateways on one machine do not sign each other's operators out.
pub(super) fn cookie_name(headers: &HeaderMap) -> String {
    let port = host(headers).and_then(|host| host.rsplit_once(':')).map(|(_, port)| port);
    let port = port.filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    format!("imsgate-admin-{}", port.unwrap_or("80"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = fields.next()?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && fields.next().is_none()).then_some(token.trim())
}

fn peer(request: &Request) -> IpAddr {
    let known = request.extensions().get::<AdminPeer>();
    known.map_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), |address| address.0)
}

fn refuse(status: StatusCode, error: &str) -> Response {
    answer(status, &json!({ "error": error }))
}

const TOKEN_MISSING: &str = "this needs the token of listen.admin_token as `Authorization: Bearer`; the commands of imsgate take it from the \
                             configuration file of --config, if they may read it";
const TOO_OFTEN: &str = "too many wrong tokens came from this address; wait ten minutes";
const PAGE_OFF: &str = "The admin page is off.\n\nTo switch it on, write a secret of at least 16 characters into a file that only the gateway's user \
                        can read, name the file under [listen] in the configuration, and reload:\n\n    admin_token_file = \
                        \"/etc/imsgate/admin-token\"\n\ndocs/admin.md has the details.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_cookie_of_this_port_is_found_among_others() {
        for (host, name) in [
            ("127.0.0.1:9090", "imsgate-admin-9090"),
            ("localhost", "imsgate-admin-80"),
            ("[::1]", "imsgate-admin-80"),
            ("[::1]:7", "imsgate-admin-7"),
        ] {
            let field = format!("a=b; {name}=x; imsgate-admin-1=y");
            let sent = headers(&[(header::HOST, host), (header::COOKIE, &field)]);
            assert_eq!((cookie_name(&sent).as_str(), cookie(&sent)), (name, Some("x")), "{host}");
        }
        assert_eq!(cookie(&headers(&[(header::HOST, "127.0.0.1:9090")])), None);
    }

    #[test]
    fn a_bearer_token_is_read_from_one_field() {
        let authorization = header::AUTHORIZATION;
        assert_eq!(bearer(&headers(&[(authorization.clone(), "bearer abc ")])), Some("abc"));
        for fields in [&["Basic abc"][..], &["Bearer"], &["Bearer a", "Bearer a"], &[]] {
            let fields: Vec<_> = fields.iter().map(|field| (authorization.clone(), *field)).collect();
            assert_eq!(bearer(&headers(&fields)), None);
        }
        let two = headers(&[(header::HOST, "localhost"), (header::HOST, "localhost")]);
        assert_eq!((host(&two), host(&HeaderMap::new())), (None, None));
    }
}
