//! The gate: every request passes it, from top to bottom.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::ServiceExt as _;

use super::addresses::CALLBACK;
use super::admitted::Admitted;
use super::call::{BaseCall, Call};
use super::context::Context;
use super::forward_admitted::forward_admitted;
use super::rejection::Rejection;
use super::request_host::with_host;
use super::request_log::RequestLog;
use super::request_rules::{self, RequestView};
use super::responses::options;
use super::routes::routes;
use super::service_call::{self, Sender};
use super::snapshot::WorkerView;
use super::{
    auth_challenge, campaign_sign_in, cors, cross_origin, maintenance, public_only, read_body, ticket,
};
use crate::auth::Purpose;
use crate::clock::Clock;
use crate::config::Limit;
use crate::peer::Peer;
use crate::policy::client_kind::is_soap_router;
use crate::policy::decision::{self, Route, is_refused_method};
use crate::policy::path::{CanonicalPath, PathError};
use crate::policy::request_rules::MatchedRules;
use crate::proxy::{Body, ClientBody, Proxy, is_websocket};
use crate::telemetry::{AccessLog, CallerKind, Counters, Line, RequestId, RequestTimes};
use crate::wire::fields::{REQUEST_ID, hops_left};
use crate::wire::framing;
use crate::wire::host::{HostError, host};

/// One worker's gate.
#[derive(Debug)]
pub struct Gate {
    /// The view of the next request.
    view: Arc<ArcSwap<WorkerView>>,
    routes: Router,
    clock: Clock,
    access: AccessLog,
    counters: Arc<Counters>,
}

impl Gate {
    /// A gate that takes the current view for each request.
    pub fn new(
        view: Arc<ArcSwap<WorkerView>>,
        clock: Clock,
        access: AccessLog,
        counters: Arc<Counters>,
    ) -> Self {
        Self { view, routes: routes(), clock, access, counters }
    }

    /// Writes the buffered lines of the access log. Call it from time to time, and at the end.
    pub fn flush_log(&self) {
        self.access.flush();
    }

    /// Responds to one request, whatever it is, and logs it.
    pub async fn handle(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        // Boxed: each of the futures below would copy it twice.
        let request = Box::new(ClientBody::of(request));
        let began = Instant::now();
        // The one configuration of this request. Its reference count belongs to this worker, so workers share no cache line.
        let view = self.view.load_full();
        let WorkerView { snapshot, proxies, times: histograms } = &*view;
        let context = Context::new(self.clock.now(), request.headers(), peer);
        let (method, target) = (request.method().clone(), request.uri().clone());
        let (index, times) = (snapshot.site_of(&request), RequestTimes::default());
        let combined = self.access.combined_fields(request.version(), request.headers());
        // Without the query: a callback's holds the authorization code.
        let log = RequestLog {
            counters: &self.counters,
            histograms: &histograms[index],
            times: &times,
            access: &self.access,
            context: &context,
            method: &method,
            path: target.path(),
            combined: combined.as_deref(),
            began,
        };
        let call = BaseCall {
            snapshot,
            site: &snapshot.sites[index],
            context: &context,
            counters: &self.counters,
            times: &times,
            rules: MatchedRules::default(),
        };
        let mut response = match self.pass(request, &target, call, &proxies[index], began).await {
            Ok(response) => response,
            Err((rejection, signed_in)) => {
                rejection.count(&self.counters, context.peer.ip);
                if is_soap_router(target.path()) {
                    let context = context.of_soap_client();
                    rejection.response(call.with_context(&context), signed_in).map(Body::from)
                } else {
                    rejection.response(call, signed_in).map(Body::from)
                }
            }
        };
        if method == Method::HEAD {
            take_body(&mut response);
        }
        response.headers_mut().insert(REQUEST_ID, context.id.header());
        if let Some(hsts) = &snapshot.hsts {
            // Replaces Campaign's, because a browser reads the first (RFC 6797 §8.1).
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        log.settle(response.status());
        response
    }

    /// Logs a response that was given without the gate, because the request could not be read.
    pub fn parse_error(&self, peer: &Peer, status: StatusCode) {
        self.counters.request(status);
        self.access.line(&Line {
            request: RequestId::random(),
            peer: peer.prepared.forwarded_for.to_str().unwrap_or_default(),
            // A token, but no method.
            method: &Method::from_bytes(b"-").unwrap_or_default(),
            path: "-",
            status,
            took: Duration::ZERO,
            at: Instant::now(),
            combined: None,
        });
    }

    /// The response to a request whose target is `raw`, or the reason to refuse it and whether its sender is signed in.
    async fn pass(
        &self,
        mut request: Box<Request<ClientBody>>,
        raw: &Uri,
        call: BaseCall<'_>,
        proxy: &Arc<Proxy>,
        now: Instant,
    ) -> Result<Response<Body>, (Rejection, bool)> {
        let BaseCall { site, context, .. } = call;
        let anonymous = |rejection| (rejection, false);

        // 0. The limits of one client.
        over_limit(call, now).map_or(Ok(()), |limit| Err(anonymous(Rejection::Limit(limit))))?;

        let is_connect = *request.method() == Method::CONNECT;
        let websocket = (context.has.upgrade || is_connect) && is_websocket(&request);
        if is_refused_method(request.method(), websocket) {
            return Err((Rejection::Method, false));
        }

        // 1. A head that is short and unambiguous; one host, which is served here; one reading of the path, put back into the request for
        //    everything below.
        let (path, host) = read_head(call, &request, raw).map_err(anonymous)?;
        if raw.authority().is_some() || !path.is_unchanged() {
            *request.uri_mut() = target(raw, &path).ok_or((Rejection::Path(PathError::Control), false))?;
        }

        let Some(auth) = &site.auth else {
            let answered =
                Box::pin(public_only::respond(call, proxy, *request, &path, host, websocket)).await;
            return answered.map_err(anonymous);
        };
        let call = Call { base: call, auth };
        self.pass_known(request, call, proxy, (&path, host), websocket).await
    }

    /// The second part, at an instance where people sign in, after the checks of the head.
    async fn pass_known(
        &self,
        mut request: Box<Request<ClientBody>>,
        call: Call<'_>,
        proxy: &Arc<Proxy>,
        (path, host): (&CanonicalPath<'_>, Option<HeaderValue>),
        websocket: bool,
    ) -> Result<Response<Body>, (Rejection, bool)> {
        let site = call.site;
        let anonymous = |rejection| (rejection, false);

        // 2. The gateway's own addresses.
        let route = Route::of(path);
        if route == Route::Gateway {
            call.times.set_caller(CallerKind::GatewayRoute);
            if let Some(period) = maintenance::stopping(call, path) {
                let response = Box::pin(maintenance::respond(call, *request, period, false)).await;
                return response.map(|response| response.map(Body::from)).map_err(anonymous);
            }
            return Box::pin(self.route(with_host(*request, host.as_ref()), call)).await.map_err(anonymous);
        }
        // Nothing below is a probe.
        let host = host.ok_or((Rejection::Host, false))?;

        // 3. Paths that are closed to all clients; paths that are public; all others need a session.
        if route == Route::Closed {
            return Err((Rejection::Denied, false));
        }
        let call = Call {
            base: request_rules::with_rules(call.base, RequestView::of(&request)).map_err(anonymous)?,
            ..call
        };
        if let Some(period) = maintenance::stopping(call, path) {
            let is_foreign = cross_origin::is_foreign(site, &request, &host, websocket);
            let response = Box::pin(maintenance::respond(call, *request, period, is_foreign)).await;
            return response.map(|response| response.map(Body::from)).map_err(anonymous);
        }
        if route == Route::SignIn {
            call.times.set_caller(CallerKind::GatewayRoute);
            let request = with_host(*request, Some(&host));
            return Box::pin(campaign_sign_in::respond(call, proxy, request, &host)).await;
        }
        let is_public = || decision::is_public(path, &site.campaign.public_paths, call.rules);
        if let Some(preflight) = cors::preflight(call, &request) {
            return Ok(preflight.map(Body::from));
        }
        let is_foreign = cross_origin::is_foreign(site, &request, &host, websocket);
        // A page of another origin neither uses a session nor has its tokens refreshed.
        let purpose = if is_foreign { Purpose::Peek } else { Purpose::Forward };
        let caller = call.auth.identify(call.auth_request(request.headers()), purpose).await;
        let caller = caller.map_err(|e| anonymous(e.into()))?;
        let (mut session, refused) = match service_call::admit(call, caller, &request, path.as_str()) {
            Sender::Account(account, held) => {
                call.times.set_caller(CallerKind::TechnicalAccount);
                let sender = (&account, held.as_deref());
                let response = service_call::forward(call, proxy, *request, &host, sender, websocket);
                return Box::pin(response).await.map_err(|rejection| (rejection, true));
            }
            Sender::Other(session, refused) => (session, refused),
        };
        if let Some(signed_in) = session.as_ref().filter(|_| is_foreign) {
            if !is_public() {
                return Ok(cross_origin::refuse(call, &request, signed_in).map(Body::from));
            }
            // A public request is forwarded without the person's identity.
            session = None;
        }
        let mut admitted =
            Admitted { host, websocket, session, ticket: None, soap: None, native: None, account: None };
        if admitted.session.is_none()
            && !is_foreign
            && let Some(ticket) = ticket::in_head(&request)
        {
            let used = Box::pin(admitted.use_ticket(call, &request, &ticket)).await;
            used.map_err(anonymous)?;
        }
        if *request.method() == Method::POST && is_soap_router(path.as_str()) {
            // Boxed: only a part of the requests are SOAP calls.
            let answered = Box::pin(admitted.read_soap(call, &mut request, is_foreign)).await;
            if let Some(answered) = answered.map_err(|rejection| (rejection, admitted.session.is_some()))? {
                return Ok(answered);
            }
        }
        if !admitted.is_known() && !is_foreign {
            admitted.find_native(call, &request);
        }
        if !admitted.is_known() && !is_public() && !admitted.is_open_call(call, &request) {
            let in_form = refused.is_none()
                && !is_foreign
                && Box::pin(admitted.find_native_in_form(call, &mut request)).await.map_err(anonymous)?;
            if !in_form {
                Box::pin(admitted.list_refused(call, &mut request)).await.map_err(anonymous)?;
                if let Some(refusal) = refused {
                    return Ok(service_call::refuse(call, &request, &refusal).map(Body::from));
                }
                // Boxed: a login's many states are not carried by every request.
                let request = with_host(*request, Some(&admitted.host));
                let response = Box::pin(auth_challenge::respond(call, request, path.as_str())).await;
                return response.map(|response| response.map(Body::from)).map_err(anonymous);
            }
        }

        if hops_left(request.method(), request.headers()) == Some(0) {
            return Ok(options().map(Body::from));
        }
        forward_admitted(call, proxy, request, admitted).await
    }

    /// The response of one of the gateway's own routes.
    async fn route(&self, request: Request<ClientBody>, call: Call<'_>) -> Result<Response<Body>, Rejection> {
        if *request.method() == Method::CONNECT {
            // Any success would open a WebSocket (RFC 8441 §5).
            return Err(Rejection::Method);
        }
        let (peer, path) = (&call.context.peer, request.uri().path());
        let limiter = call.snapshot.sign_ins.as_ref().filter(|_| !peer.trusted);
        if limiter.is_some_and(|limiter| limiter.take(path, peer.ip, Instant::now()).is_err()) {
            return Err(Rejection::Limit(Limit::SignIns));
        }
        // This comes before the first read of the body, which sends 100 Continue to the client (RFC 9110 §10.1.1).
        if request.body().size_hint().lower() > MAX_ROUTE_BODY as u64 {
            return Err(Rejection::BodyTooLarge);
        }
        let (head, body) = request.into_parts();
        let body = if body.is_end_stream() {
            axum::body::Body::empty()
        } else {
            let body = read_body::read(body, MAX_ROUTE_BODY, call.snapshot.limits.upload_timeout).await?;
            body.ok_or(Rejection::BodyTooLarge)?.into()
        };
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(call.to_owned());
        let routes = self.routes.clone();
        let response = if *request.method() == Method::POST || request.uri().path() == CALLBACK {
            // What changes a session runs to its end, also when the client goes away.
            let tasks = &call.auth.services.tasks;
            tasks.run_to_end(routes.oneshot(request)).await.ok_or(Rejection::Stopping)?
        } else {
            routes.oneshot(request).await
        };
        Ok(response.unwrap_or_else(axum::response::IntoResponse::into_response).map(Body::from))
    }
}

/// The limit of the connection or of the address that this request exceeds.
fn over_limit(call: BaseCall<'_>, now: Instant) -> Option<Limit> {
    let peer = &call.context.peer;
    let too_fast = || {
        let rate = call.snapshot.rate.as_ref().filter(|_| !peer.trusted)?;
        rate.take(peer.ip, now).is_err().then_some(Limit::Requests)
    };
    peer.over.or_else(too_fast)
}

/// The path of a request and its host. Refuses a head that is too long or that two programs could read differently.
fn read_head<'r>(
    call: BaseCall<'_>,
    request: &Request<ClientBody>,
    raw: &'r Uri,
) -> Result<(CanonicalPath<'r>, Option<HeaderValue>), Rejection> {
    let BaseCall { snapshot, context, .. } = call;
    context.peer.flaw.map_or(Ok(()), Err).and_then(|()| {
        framing::check(request.uri(), request.headers(), context.fields, &snapshot.limits.head())
    })?;
    if request.body().size_hint().lower() > snapshot.limits.body_bytes.unwrap_or(u64::MAX) {
        return Err(Rejection::BodyTooLarge);
    }
    let path = CanonicalPath::parse(raw.path())?;
    let host = served_host(call, request, &path)?;
    Ok((path, host))
}

/// The host of a request, which must be one of the site's. `None` only for a health probe without one: probes name an address, another
/// host, or none (HTTP/1.0).
fn served_host(
    call: BaseCall<'_>,
    request: &Request<ClientBody>,
    path: &CanonicalPath<'_>,
) -> Result<Option<HeaderValue>, Rejection> {
    let host = host(request).map_err(|HostError| Rejection::Host)?;
    if !path.as_str().starts_with("/ims/health/") {
        let host = host.as_ref().ok_or(Rejection::Host)?;
        if !call.site.serves(host) {
            return Err(Rejection::UnknownHost);
        }
    }
    Ok(host)
}

/// Removes the body of a response to HEAD (RFC 9110 §9.3.2). Over HTTP/2 hyper does not do this. Campaign's responses have none.
fn take_body(response: &mut Response<Body>) {
    if let (false, Some(length)) = (response.body().is_end_stream(), response.body().size_hint().exact()) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    *response.body_mut() = Body::empty();
}

/// Routes read small forms and tokens.
const MAX_ROUTE_BODY: usize = 64 * 1024;

/// Path and query as Campaign gets them: the canonical path, the query unchanged.
fn target(raw: &Uri, path: &CanonicalPath<'_>) -> Option<Uri> {
    let parts = raw.path_and_query()?;
    let parts = match (path.is_unchanged(), parts.query()) {
        (true, _) => parts.clone(),
        (false, Some(query)) => format!("{}?{query}", path.as_str()).parse().ok()?,
        (false, None) => path.as_str().parse().ok()?,
    };
    Some(Uri::from(parts))
}
