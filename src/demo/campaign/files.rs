//! Addresses that programs use besides the SOAP router: uploads, downloads, reports, WSDL, Message Center, assets of AEM.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};

use super::caller::{AuthMethod, CampaignCaller, session_expired};
use super::echo::measure;
use crate::demo::wire::{Form, bearer};

/// `POST /nl/jsp/uploadFile.jsp`: multipart with the file in `file_noMd5`. Callers with a session need its security token.
pub(super) async fn upload(
    Extension(caller): Extension<CampaignCaller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let security_token = headers.get("x-security-token").and_then(|value| value.to_str().ok());
    if !caller.has_security_token(security_token) {
        return session_expired();
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data") {
        return (StatusCode::BAD_REQUEST, "not multipart").into_response();
    }
    let Some((length, sha256)) = measure(body).await else { return StatusCode::BAD_REQUEST.into_response() };
    let login = &caller.login;
    let page = format!(
        "Ok\n<html><script>window.parent.document.controller.uploadFileCallBack([{{\"fileName\":\"{length}\",\
         \"md5\":\"{sha256}\",\"login\":\"{login}\"}}])</script></html>"
    );
    ([(header::CONTENT_TYPE, "text/html")], page).into_response()
}

/// `GET /nl/jsp/downloadFile.jsp?md5=…&ext=…&fileName=…`
pub(super) async fn download(RawQuery(query): RawQuery) -> Response {
    let query = Form::parse(query.unwrap_or_default().as_bytes());
    let Some(md5) = query.get("md5") else { return StatusCode::NOT_FOUND.into_response() };
    let name = query.get("fileName").unwrap_or("file");
    let disposition = format!("attachment; filename*=UTF-8''{name}");
    ([(header::CONTENT_DISPOSITION, disposition)], format!("content of {md5}")).into_response()
}

/// `POST /report/NAME?_noRender=true&…`
pub(super) async fn report(
    Path(name): Path<String>,
    Extension(caller): Extension<CampaignCaller>,
) -> Response {
    let login = &caller.login;
    let context = format!("<ctx reportName='{name}' login='{login}'><data/></ctx>");
    ([(header::CONTENT_TYPE, "text/xml")], context).into_response()
}

/// `/nl/jsp/schemawsdl.jsp?schema=…`
pub(super) async fn wsdl(RawQuery(query): RawQuery) -> Response {
    let query = Form::parse(query.unwrap_or_default().as_bytes());
    let Some(schema) = query.get("schema") else { return StatusCode::NOT_FOUND.into_response() };
    let wsdl = format!(
        "<wsdl:definitions xmlns:wsdl='http://schemas.xmlsoap.org/wsdl/' targetNamespace='urn:{schema}'/>"
    );
    ([(header::CONTENT_TYPE, "text/xml")], wsdl).into_response()
}

/// `/nl/jsp/mcPing.jsp`: status, time, and the queue of Message Center.
pub(super) async fn message_center_ping() -> &'static str {
    "Ok\n2024-01-01 00:00:00.000Z\n7/400"
}

/// `POST /nms/aemAssetDownload.jssp`: Campaign itself uses the access token of the request, at AEM.
pub(super) async fn aem_asset(Extension(caller): Extension<CampaignCaller>, headers: HeaderMap) -> Response {
    if bearer(&headers).is_none() {
        return (StatusCode::BAD_REQUEST, "no access token for AEM").into_response();
    }
    let by = match caller.method {
        AuthMethod::Password => "password",
        AuthMethod::Session(_) => "session",
        AuthMethod::Bearer | AuthMethod::IdentityHeaders => "token",
    };
    ([(header::CONTENT_TYPE, "application/json")], format!("{{\"asset\":\"downloaded\",\"by\":\"{by}\"}}"))
        .into_response()
}
