//! `/ims/logout`, `/ims/sign-out-everywhere` and the page after them.

use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::auth::Extent;
use crate::campaign::logoff_response;
use crate::pages;
use crate::policy::origin::{Source, comes_from_own_page, source_or_referrer};
use crate::web::addresses::{LOGOUT, SIGNED_OUT};
use crate::web::call::{Call, OwnedCall};
use crate::web::rejection::{Rejection, reject};
use crate::web::responses::{see_other, soap_response};
use crate::web::set_cookies;

/// `GET /ims/logout`: asks first, so that no image or link of another page can sign a person out.
pub async fn confirm(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Response {
    let call = call.get();
    match call.auth.live_session(call.auth_request(&headers)).await {
        Ok(None) => see_other(SIGNED_OUT),
        Ok(Some(session)) => {
            pages::confirm_sign_out(session.data.identity.display(), call.page()).into_response()
        }
        Err(error) => reject(call, error, true),
    }
}

/// `POST /ims/logout`: ends the session of this browser.
pub async fn here(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Response {
    sign_out(call.get(), &headers, Extent::Here).await
}

/// `POST /ims/sign-out-everywhere`: ends all sessions of the person.
pub async fn everywhere(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Response {
    sign_out(call.get(), &headers, Extent::Everywhere).await
}

/// `GET /ims/signed-out`
pub async fn signed_out(Extension(call): Extension<OwnedCall>) -> Response {
    pages::signed_out(call.get().page()).into_response()
}

/// Signing out in a page of Campaign: ends the session of this browser. For a link of another page, or a typed address, the gateway asks
/// first, as at `/ims/logout`.
pub async fn in_campaign(call: Call<'_>, headers: &HeaderMap) -> Response {
    if comes_from_own_page(headers, &call.auth.origin) {
        sign_out(call, headers, Extent::Here).await
    } else {
        see_other(LOGOUT)
    }
}

/// A person's SOAP client calls `xtk:session#Logoff`: the session ends, here, at Campaign and at IMS.
pub async fn by_soap(call: Call<'_>, headers: &HeaderMap) -> Result<Response, Rejection> {
    let auth = &call.auth;
    auth.sign_out(call.auth_request(headers), Extent::Here).await?;
    let mut response = soap_response(StatusCode::OK, &logoff_response());
    set_cookies::remove_session(response.headers_mut(), &auth.cookies);
    Ok(response)
}

async fn sign_out(call: Call<'_>, headers: &HeaderMap, extent: Extent) -> Response {
    let auth = &call.auth;
    if source_or_referrer(headers, &auth.origin) == Source::OtherOrigin {
        return reject(call, Rejection::ForeignOrigin, true);
    }
    match auth.sign_out(call.auth_request(headers), extent).await {
        Ok(Some(address)) => {
            let mut response = without_cache(&address);
            set_cookies::remove_session(response.headers_mut(), &auth.cookies);
            response
        }
        Ok(None) => {
            let mut response = without_cache(SIGNED_OUT);
            // The session cookie stays: it may belong to another gateway on this host name.
            if auth.has_own_last_user(headers) {
                set_cookies::remove_last_user(response.headers_mut(), &auth.cookies);
            }
            response
        }
        Err(error) => reject(call, error, true),
    }
}

/// 303 that clears the browser's cache. Otherwise the button "Back" could show Campaign's pages to the next person (Clear Site Data §3.1).
/// The page after the redirect could be too late, because it depends on IMS.
fn without_cache(location: &str) -> Response {
    let mut response = see_other(location);
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}
