//! The simulator over real sockets, as Campaign's clients and the gateway see it.

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::*;
use crate::demo::client::request;
use crate::demo::faults::{FaultFrequency, InjectedResponse};
use crate::demo::ims::{ImsOptions, ImsSimulator};

mod web;

struct World {
    ims: ImsSimulator,
    sim: CampaignSimulator,
    client: SimulatorClient,
}

impl World {
    async fn start(options: CampaignOptions) -> Self {
        let ims = ImsSimulator::start(ImsOptions::default()).await.unwrap();
        let options = CampaignOptions { ims: Some(ims.url()), ..options };
        Self { sim: CampaignSimulator::start(options).await.unwrap(), ims, client: SimulatorClient::new() }
    }

    async fn soap(&self, action: &str, inner: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        let (schema, method) = action.split_once('#').unwrap();
        let xml = format!(
            "<?xml version='1.0'?><soapenv:Envelope xmlns:soapenv='http://schemas.xmlsoap.org/soap/envelope/'>\
             <soapenv:Header/><soapenv:Body><urn:{method} xmlns:urn='urn:{schema}'><urn:sessiontoken/>{inner}\
             </urn:{method}></soapenv:Body></soapenv:Envelope>"
        );
        let url = format!("{}/nl/jsp/soaprouter.jsp", self.sim.url());
        let mut all = vec![("content-type", "application/soap+xml;charset=UTF-8"), ("soapaction", action)];
        all.extend(headers);
        self.client.send(request(Method::POST, &url, &all, xml.into()).unwrap()).await.unwrap()
    }

    /// Session and security token of a `BearerTokenLogon`, or the refusal.
    async fn bearer_token_logon(&self, token: &str) -> Response<Bytes> {
        let inner = format!("<urn:bearerToken>{token}</urn:bearerToken>");
        self.soap("xtk:session#BearerTokenLogon", &inner, &[]).await
    }

    async fn ims_token(&self) -> String {
        let query = "client_id=Campaign1&redirect_uri=https://localhost:8443/ims/callback&response_type=code&scope=openid";
        let form = [("request", query), ("username", "alice")];
        let back = self.client.post_form(&self.ims.sign_in_url(), &[], &form).await.unwrap();
        let location = back.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", location.split("code=").nth(1).unwrap()),
            ("redirect_uri", "https://localhost:8443/ims/callback"),
            ("client_id", "Campaign1"),
            ("client_secret", "demo-client-secret"),
        ];
        let url = format!("{}/ims/token/v3", self.ims.url());
        let answer = self.client.post_form(&url, &[], &form).await.unwrap();
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn session(&self) -> OpenSession {
        let answer = self.bearer_token_logon(&self.ims_token().await).await;
        assert_eq!(answer.status(), StatusCode::OK);
        self.sim.sessions().pop().unwrap()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        self.client.get(&format!("{}{path}", self.sim.url()), headers).await.unwrap()
    }
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

#[tokio::test]
async fn a_bearer_token_logon_gives_both_tokens_and_a_logoff_ends_them() {
    let world = World::start(CampaignOptions::default()).await;
    let answer = world.bearer_token_logon(&world.ims_token().await).await;
    let session = world.sim.sessions().pop().unwrap();
    assert_eq!(session.login, "alice@example.com");
    let xml = text(&answer);
    let token =
        format!("<pstrSessionToken xsi:type='xsd:string'>{}</pstrSessionToken>", session.session_token);
    assert!(xml.contains(&token) && xml.contains(&session.security_token), "{xml}");
    assert!(xml.contains("<BearerTokenLogonResponse xmlns='urn:xtk:session'>"), "{xml}");
    assert!(answer.headers()[header::SET_COOKIE].to_str().unwrap().starts_with("__sessiontoken=___"));

    let cookie = format!("__sessiontoken={}", session.session_token);
    let both = [("cookie", cookie.as_str()), ("x-security-token", session.security_token.as_str())];
    let option = world.soap("xtk:session#GetOption", "<n>XtkDatabaseId</n>", &both).await;
    assert!(text(&option).contains("<pbtType xsi:type='xsd:byte'>6</pbtType>"));
    let unknown = text(&world.soap("xtk:session#Brew", "", &both).await);
    assert!(
        unknown.contains("SOP-330006") && unknown.contains("<faultcode>SOAP-ENV:Server</faultcode>"),
        "{unknown}"
    );
    assert_eq!(world.soap("xtk:session#Logoff", "", &both).await.status(), StatusCode::OK);
    assert_eq!(world.sim.logoffs(), [session.session_token]);
    let after = world.soap("xtk:session#GetOption", "", &both).await;
    assert_eq!(after.status(), StatusCode::FORBIDDEN);
    assert!(text(&after).contains("XSV-350008 Session has expired or is invalid. Please reconnect."));
}

#[tokio::test]
async fn a_soap_call_needs_the_security_token_too_or_a_valid_bearer_token() {
    let world = World::start(CampaignOptions::default()).await;
    let session = world.session().await;
    let header = [("x-session-token", session.session_token.as_str())];
    let half = world.soap("xtk:queryDef#ExecuteQuery", "", &header).await;
    assert!(text(&half).contains("XSV-350008"));

    let token = world.ims_token().await;
    let bearer = format!("Bearer {token}");
    let bearer = [("authorization", bearer.as_str())];
    let answer = world.soap("xtk:queryDef#ExecuteQuery", "", &bearer).await;
    assert!(text(&answer).contains("recipient-collection"));
    world.ims.invalidate_access_tokens();
    assert_eq!(world.soap("xtk:queryDef#ExecuteQuery", "", &bearer).await.status(), StatusCode::FORBIDDEN);
    let refused = world.bearer_token_logon(&token).await;
    assert!(refused.status() == StatusCode::FORBIDDEN && text(&refused).contains("XSV-350012"));
}

#[tokio::test]
async fn the_native_login_needs_its_password() {
    let world = World::start(CampaignOptions::default()).await;
    let logon = |password: &str| format!("<l>admin</l><p>{password}</p><e><client build='9364'/></e>");
    let refused = world.soap("xtk:session#Logon", &logon("wrong"), &[]).await;
    assert!(refused.status() == StatusCode::FORBIDDEN && world.sim.sessions().is_empty());
    let answer = world.soap("xtk:session#Logon", &logon("demo-admin-password"), &[]).await;
    assert!(text(&answer).contains("<LogonResponse xmlns='urn:xtk:session'>"));
    assert_eq!(world.sim.sessions()[0].login, "admin");
}

#[tokio::test]
async fn injected_faults_and_old_builds_change_the_response() {
    let world =
        World::start(CampaignOptions { legacy_fault_status: true, ..CampaignOptions::default() }).await;
    let legacy = world.soap("xtk:session#GetOption", "", &[]).await;
    assert!(legacy.status() == StatusCode::OK && text(&legacy).contains("XSV-350008"));
    world.sim.faults().refuse_bearer_logon(FaultFrequency::Once, BearerLogonRefusal::InvalidLoginAsText);
    world.sim.faults().refuse_bearer_logon(FaultFrequency::Once, BearerLogonRefusal::Zone);
    let token = world.ims_token().await;
    assert!(text(&world.bearer_token_logon(&token).await).starts_with("XSV-350012"));
    assert!(text(&world.bearer_token_logon(&token).await).contains("XSV-350013"));
    assert_eq!(world.bearer_token_logon(&token).await.status(), StatusCode::OK);
    world.sim.faults().answer(FaultFrequency::Once, InjectedResponse::Status(502));
    assert_eq!(world.get("/r/test", &[]).await.status(), StatusCode::BAD_GATEWAY);
    world.sim.faults().down(true);
    assert_eq!(world.get("/r/test", &[]).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn pages_need_a_session_and_forms_its_security_token() {
    let options = CampaignOptions { page_refusal: PageRefusal::PlainText, ..CampaignOptions::default() };
    let world = World::start(options).await;
    let forged = [("x-ims-user", "mallory"), ("x-ims-email", "mallory@example.com")];
    for path in ["/view/home", "/demo/echo", "/no/such/page", "/nl/jsp/ping.jsp"] {
        let refused = world.get(path, &forged).await;
        assert!(refused.status() == StatusCode::FORBIDDEN && text(&refused).contains("XSV-350008"), "{path}");
    }
    let session = world.session().await;
    let cookie = format!("__sessiontoken={}", session.session_token);
    let headers = [("cookie", cookie.as_str()), ("x-campaign-groups", "delivery,a%2Cb")];
    let home = text(&world.get("/view/home", &headers).await);
    for part in ["Welcome alice@example.com", "<li>delivery</li>", "<li>a,b</li>", "Campaign simulator"] {
        assert!(home.contains(part), "{part}: {home}");
    }
    assert_eq!(world.get("/no/such/page", &headers).await.status(), StatusCode::NOT_FOUND);
    let url = format!("{}/xtk/demo/form", world.sim.url());
    let without = world.client.post_form(&url, &headers, &[("label", "x")]).await.unwrap();
    assert_eq!(without.status(), StatusCode::FORBIDDEN);
    let fields = [("label", "x"), ("__securitytoken", session.security_token.as_str())];
    let with = world.client.post_form(&url, &headers, &fields).await.unwrap();
    assert_eq!(with.status(), StatusCode::OK);
    world.sim.expire_all_sessions();
    assert_eq!(world.get("/view/home", &headers).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn identity_headers_identify_a_person_only_if_configured() {
    let world = World::start(CampaignOptions { identity_headers: true, ..CampaignOptions::default() }).await;
    let home = world.get("/view/home", &[("x-ims-email", "erin@example.com")]).await;
    assert!(text(&home).contains("Welcome erin@example.com"));
}

#[tokio::test]
async fn public_pages_and_assets_need_no_session() {
    let world = World::start(CampaignOptions::default()).await;
    assert!(text(&world.get("/r/test", &[]).await).starts_with("<redir status='OK'"));
    assert_eq!(world.get("/r/?id=h1", &[]).await.status(), StatusCode::FOUND);
    assert_eq!(world.get("/r/config", &[]).await.status(), StatusCode::NOT_FOUND);
    for path in [
        "/webApp/survey",
        "/nms/jsp/webForm.jsp?fo=1",
        "/favicon.ico",
        "/robots.txt",
        "/xtk/jsp/zoneinfo.jsp",
    ] {
        assert_eq!(world.get(path, &[]).await.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(world.get("/res/1k", &[]).await.body().len(), 1024);
    assert_eq!(world.get("/res/3m", &[]).await.body().len(), 3 << 20);
    let request = world.sim.requests().pop().unwrap();
    assert_eq!((request.method.as_str(), request.path_and_query.as_str()), ("GET", "/res/3m"));
}

#[tokio::test]
async fn echo_and_upload_describe_the_request() {
    let world = World::start(CampaignOptions::default()).await;
    let session = world.session().await;
    let headers = [("x-session-token", session.session_token.as_str()), ("x-twice", "1"), ("x-twice", "2")];
    let url = format!("{}/demo/echo/a%2Fb//c?q=%20&x", world.sim.url());
    let put = Method::from_bytes(b"PuRGE").unwrap();
    let answer = world.client.send(request(put, &url, &headers, "abc".into()).unwrap()).await.unwrap();
    let echo: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!((&echo["method"], &echo["body_len"]), (&"PuRGE".into(), &3.into()));
    assert_eq!(echo["path_and_query"], "/demo/echo/a%2Fb//c?q=%20&x");
    assert_eq!(echo["body_sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let twice = echo["headers"].as_array().unwrap().iter().filter(|header| header[0] == "x-twice").count();
    assert_eq!(twice, 2);
    let url = format!("{}/demo/upload", world.sim.url());
    let body = Bytes::from(vec![b'u'; 5 << 20]);
    let answer = world.client.send(request(Method::POST, &url, &headers, body).unwrap()).await.unwrap();
    let upload: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(upload["bytes"], 5 << 20);
    assert_eq!(world.sim.requests().last().unwrap().body_len, 5 << 20);
    assert!(world.client.get(&format!("{}/demo/drop", world.sim.url()), &headers).await.is_err());
}

#[tokio::test]
async fn events_are_numbered() {
    let world = World::start(CampaignOptions::default()).await;
    let session = world.session().await;
    let stream = tokio::net::TcpStream::connect(world.sim.url().trim_start_matches("http://")).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let headers = [("x-session-token", session.session_token.as_str()), ("host", "campaign")];
    let request = request(Method::GET, "/demo/events", &headers, Bytes::new()).unwrap();
    let mut answer = sender.send_request(request).await.unwrap();
    for count in 0..2 {
        let frame = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(frame.starts_with(format!("id: {count}\nevent: tick\n").as_bytes()));
    }
}

#[tokio::test]
async fn a_websocket_echoes_until_the_simulator_stops() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

    let world = World::start(CampaignOptions::default()).await;
    let session = world.session().await;
    let address = world.sim.url().trim_start_matches("http://").to_owned();
    let mut handshake = format!("ws://{address}/demo/ws").into_client_request().unwrap();
    let token = session.session_token.parse().unwrap();
    handshake.headers_mut().insert("x-session-token", token);
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(handshake, stream).await.unwrap();
    for message in [Message::text("hello"), Message::binary(vec![7; 70_000])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.send(Message::Ping("are you there".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
    world.sim.stop().await;
    assert!(socket.next().await.is_none_or(|message| message.is_err()));
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let clock = Clock::movable();
    let options = CampaignOptions { clock: clock.clone(), ..CampaignOptions::default() };
    let world = World::start(options).await;
    let session = world.session().await;
    let headers = [("x-session-token", session.session_token.as_str())];
    assert_eq!(world.get("/nl/jsp/ping.jsp", &headers).await.status(), StatusCode::OK);
    clock.advance(Duration::from_hours(24));
    assert_eq!(world.get("/nl/jsp/ping.jsp", &headers).await.status(), StatusCode::FOUND);
    assert!(world.sim.sessions().is_empty());
}
