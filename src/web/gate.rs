//! The gate: the one way every request takes, top to bottom.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::ServiceExt as _;

use super::account::Account;
use super::context::Context;
use super::rejection::Rejection;
use super::request_host::{host, with_host, without_port};
use super::responses::options;
use super::shared::Shared;
use super::{campaign_session, cross_origin, door, dress, renew, resend, router, whole};
use crate::clock::UnixTime;
use crate::peer::Peer;
use crate::policy::client_kind::SOAP_ROUTER;
use crate::policy::path::CanonicalPath;
use crate::policy::{public, saved_form};
use crate::proxy::{Body, ClientBody, Proxy, Wanted, is_websocket};
use crate::session::Auth;
use crate::telemetry::{AccessLog, Counters, Limit, Line, Lookup, RequestId};
use crate::wire::fields::{EXPIRES_IN, REQUEST_ID, hops_left};
use crate::wire::framing::{self, FramingError};

/// One worker's gate.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    proxy: Arc<Proxy>,
    own: Router,
    access: AccessLog,
    counters: Arc<Counters>,
}

impl Gate {
    /// A gate with its own connections to Campaign.
    pub fn new(shared: Arc<Shared>, proxy: Proxy, access: AccessLog, counters: Arc<Counters>) -> Self {
        let own = router::own_pages(shared.clone());
        Self { shared, proxy: Arc::new(proxy), own, access, counters }
    }

    /// Writes out what is logged and not yet written; to be called now and then, and at the end.
    pub fn flush_log(&self) {
        self.access.flush();
    }

    /// Answers one request, whatever it is, and logs it.
    pub async fn handle(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        let request = ClientBody::of(request);
        let began = Instant::now();
        let context = Context::new(&self.shared, request.headers(), peer);
        let (method, target) = (request.method().clone(), request.uri().clone());
        // Never the query: a callback's holds the authorization code.
        let account = Account {
            counters: &self.counters,
            access: &self.access,
            context: &context,
            method: &method,
            path: target.path(),
            began,
        };
        let mut response = match self.pass(request, &context, began).await {
            Ok(response) => response,
            Err((rejection, signed_in)) => {
                rejection.count(&self.counters, context.peer.ip);
                rejection.response(&self.shared, &context, signed_in).map(Body::from)
            }
        };
        if method == Method::HEAD {
            take_body(&mut response);
        }
        response.headers_mut().insert(REQUEST_ID, context.id.header());
        if let Some(hsts) = &self.shared.hsts {
            // In the place of Campaign's, if it has one: a browser reads the first (RFC 6797 §8.1).
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        account.settle(response.status());
        response
    }

    /// Logs an answer that was given without the gate, for want of a request that could be read.
    pub fn parse_error(&self, peer: &Peer, status: StatusCode) {
        self.counters.request(status);
        self.access.line(&Line {
            request: RequestId::random(),
            peer: peer.prepared.forwarded_for.to_str().unwrap_or_default(),
            // A token, but nobody's method.
            method: &Method::from_bytes(b"-").unwrap_or_default(),
            path: "-",
            status,
            took: Duration::ZERO,
            at: Instant::now(),
        });
    }

    async fn pass(
        &self,
        mut request: Request<ClientBody>,
        context: &Context,
        now: Instant,
    ) -> Result<Response<Body>, (Rejection, bool)> {
        let shared = &*self.shared;
        let anonymous = |rejection| (rejection, false);

        // 0. Not more than one client may ask for.
        self.over(context, now).map_or(Ok(()), |limit| Err(anonymous(Rejection::Limit(limit))))?;

        let websocket = is_websocket(&request);
        if *request.method() == Method::TRACE || (*request.method() == Method::CONNECT && !websocket) {
            return Err((Rejection::Method, false));
        }

        // 1. A head that is short and clear enough; one host, ours; one reading of the path, put back into the request for
        //    everybody after us.
        context
            .peer
            .flaw
            .map_or(Ok(()), Err)
            .and_then(|()| framing::check(request.uri(), request.headers(), &shared.limits.head()))
            .map_err(|e| (e.into(), false))?;
        if request.body().size_hint().lower() > shared.limits.body_bytes.unwrap_or(u64::MAX) {
            return Err((Rejection::BodyTooLarge, false));
        }
        let raw = request.uri().clone();
        let path = CanonicalPath::parse(raw.path()).map_err(|e| (e.into(), false))?;
        let host = self.host(&request, &path).map_err(anonymous)?;
        if raw.authority().is_some() || !path.is_unchanged() {
            *request.uri_mut() = target(&raw, &path)
                .ok_or((Rejection::Path(crate::policy::path::PathError::Control), false))?;
        }

        // 2. The gateway's own addresses.
        if path.as_str() == "/ims" || path.as_str().starts_with("/ims/") {
            return Box::pin(self.own_page(with_host(request, host.as_ref()), context))
                .await
                .map_err(anonymous);
        }
        // Nothing below is a probe.
        let host = host.ok_or((Rejection::Host, false))?;

        // 3. Closed to everybody; open to everybody; else only with a session.
        if public::is_denied(path.as_str()) {
            return Err((Rejection::Denied, false));
        }
        let open = || !path.is_ambiguous() && shared.instance.campaign.public_paths.is_public(path.as_str());
        let mut auth = self.session(request.headers(), context.now).await.map_err(anonymous)?;
        if let Some(signed_in) = &auth
            && cross_origin::is_refused(shared, &request, &host, websocket)
        {
            if !open() {
                return Ok(cross_origin::refuse(shared, context, &request, signed_in).map(Body::from));
            }
            // What a stranger may send is sent as a stranger's.
            auth = None;
        }
        if let Some(due) = auth.take_if(|auth| auth.is_refresh_due(context.now)) {
            // Boxed: rare.
            auth =
                Box::pin(renew::before_use(&self.shared, due, context.now)).await.map_err(|e| (e, true))?;
        }
        if auth.is_none() && !open() {
            // Boxed: a login's many states must not be carried, and copied, by every request that needs none.
            let answer =
                Box::pin(door::knock(shared, context, with_host(request, Some(&host)), path.as_str())).await;
            return answer.map(|answer| answer.map(Body::from)).map_err(anonymous);
        }

        if hops_left(request.method(), request.headers()) == Some(0) {
            return Ok(options().map(Body::from));
        }

        // 4. Dressed and sent, with a Campaign session that is good.
        let over = auth.as_ref().filter(|auth| campaign_session::is_over(auth, context.now));
        let reopened = over.is_some();
        if let Some(over) = over {
            let renewed = Box::pin(campaign_session::renewed(&self.shared, context, over)).await;
            // One that ended at this very moment is as good as one that ends in the next.
            auth = renewed.map_err(|rejection| (rejection, true))?.or(auth);
        }
        if let Some(auth) = &auth
            && saved_form::may_be_mark(&request)
        {
            let (shared, proxy) = (self.shared.clone(), self.proxy.clone());
            let resent = resend::detached(shared, context.clone(), proxy, request, host, auth.clone());
            return Box::pin(resent).await.map_err(|rejection| (rejection, true));
        }
        let (signed_in, is_soap) = (auth.is_some(), path.as_str() == SOAP_ROUTER);
        let wanted = websocket.then(|| wanted(&mut request)).transpose();
        let wanted = wanted.map_err(|rejection| (rejection, signed_in))?;
        let (request, body) = request.into_parts();
        let mut head = dress::dress(shared, context, &request, &host, auth.as_deref());
        if wanted.is_some() {
            Wanted::ask(head.lines());
        }
        let ended = || auth.as_ref().map(|auth| auth.ended.clone());
        let answer = self.proxy.forward(head, body, wanted, ended, context.caller(signed_in)).await;
        let forwarded = answer.map_err(|e| (e.into(), signed_in))?;
        let Some(auth) = auth else { return Ok(forwarded.response) };
        let mut response = if campaign_session::is_suspicious(&forwarded.response, is_soap, &auth) {
            let anew = |fresh: &Auth| dress::anew(shared, context, &request, &host, (&auth, fresh));
            let looked = campaign_session::look(&self.shared, context, &self.proxy, &auth, forwarded, anew);
            Box::pin(looked).await.map_err(|rejection| (rejection, true))?
        } else {
            forwarded.response
        };
        if reopened {
            campaign_session::tell(shared, response.headers_mut(), &auth);
        }
        if let Some(seconds) = auth.ends_soon(context.now) {
            response.headers_mut().insert(EXPIRES_IN, seconds.into());
        }
        Ok(response)
    }

    async fn session(&self, headers: &HeaderMap, now: UnixTime) -> Result<Option<Arc<Auth>>, Rejection> {
        match self.shared.cookies.session_cookie(headers) {
            Some(cookie) => {
                let found = self.shared.sessions.find_at(cookie, now).await;
                self.counters.lookup(match &found {
                    Ok(Some(_)) => Lookup::Found,
                    Ok(None) => Lookup::Unknown,
                    Err(_) => Lookup::Failed,
                });
                Ok(found?)
            }
            None => Ok(None),
        }
    }

    /// The host of a request, which must be one of ours. `None` only for a health probe without one: probes name an address,
    /// another host, or none (HTTP/1.0).
    fn host(
        &self,
        request: &Request<ClientBody>,
        path: &CanonicalPath<'_>,
    ) -> Result<Option<HeaderValue>, Rejection> {
        let shared = &*self.shared;
        let host = host(request)?;
        if !path.as_str().starts_with("/ims/health/") {
            let host = host.as_ref().ok_or(Rejection::Host)?;
            if !shared.authority.is(host) && !shared.serves_host(without_port(host)) {
                return Err(Rejection::UnknownHost);
            }
        }
        Ok(host)
    }

    /// The limit that this request is over, by its connection or by its address.
    fn over(&self, context: &Context, now: Instant) -> Option<Limit> {
        let peer = &context.peer;
        let too_fast = || {
            let rate = self.shared.rate.as_ref().filter(|_| !peer.trusted)?;
            (!rate.allows(peer.ip, now)).then_some(Limit::Requests)
        };
        peer.over.or_else(too_fast)
    }

    async fn own_page(
        &self,
        request: Request<ClientBody>,
        context: &Context,
    ) -> Result<Response<Body>, Rejection> {
        if *request.method() == Method::CONNECT {
            // Any success would open a WebSocket (RFC 8441 §5).
            return Err(Rejection::Method);
        }
        let (peer, path) = (&context.peer, request.uri().path());
        let limiter = self.shared.sign_ins.as_ref().filter(|_| !peer.trusted);
        if limiter.is_some_and(|limiter| !limiter.allows(path, peer.ip, Instant::now())) {
            return Err(Rejection::Limit(Limit::SignIns));
        }
        // Before the client is told to go on (RFC 9110 §10.1.1), which the first look at the body does.
        if request.body().size_hint().lower() > MAX_OWN_BODY as u64 {
            return Err(Rejection::BodyTooLarge);
        }
        let (head, body) = request.into_parts();
        let body = if body.is_end_stream() {
            axum::body::Body::empty()
        } else {
            let whole = whole::read(body, MAX_OWN_BODY, self.shared.limits.upload_timeout).await?;
            whole.ok_or(Rejection::BodyTooLarge)?.into()
        };
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(context.clone());
        let own = self.own.clone();
        let answer = if *request.method() == Method::POST || request.uri().path() == router::CALLBACK {
            self.shared.renewals.through(own.oneshot(request)).await.ok_or(Rejection::Stopping)?
        } else {
            own.oneshot(request).await
        };
        Ok(answer.unwrap_or_else(axum::response::IntoResponse::into_response).map(Body::from))
    }
}

/// Takes the body from an answer to HEAD (RFC 9110 §9.3.2), which over HTTP/2 nobody below us does. What comes from Campaign has none.
fn take_body(response: &mut Response<Body>) {
    if let (false, Some(length)) = (response.body().is_end_stream(), response.body().size_hint().exact()) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    *response.body_mut() = Body::empty();
}

/// The gateway's own pages take small forms and tokens.
const MAX_OWN_BODY: usize = 64 * 1024;

/// The WebSocket that a request asks for.
fn wanted(request: &mut Request<ClientBody>) -> Result<Wanted, Rejection> {
    if !request.body().is_end_stream() {
        return Err(FramingError::BodyBeforeSwitch.into());
    }
    Ok(Wanted::of(request))
}

/// Path and query as Campaign gets them: the canonical path, the query as it came.
fn target(raw: &Uri, path: &CanonicalPath<'_>) -> Option<Uri> {
    let parts = raw.path_and_query()?;
    let parts = match (path.is_unchanged(), parts.query()) {
        (true, _) => parts.clone(),
        (false, Some(query)) => format!("{}?{query}", path.as_str()).parse().ok()?,
        (false, None) => path.as_str().parse().ok()?,
    };
    Some(Uri::from(parts))
}
