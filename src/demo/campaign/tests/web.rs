//! Campaign as a web application: sign-in pages, zones, hosts, HTTPS.

use super::*;

fn location(answer: &Response<Bytes>) -> &str {
    answer.headers()[header::LOCATION].to_str().unwrap()
}

fn lan(network: &str) -> Zone {
    Zone { networks: vec![network.parse().unwrap()], ..Zone::everywhere("lan") }
}

#[tokio::test]
async fn a_page_without_a_session_leads_to_the_sign_in_page() {
    let world = World::start(CampaignOptions::default()).await;
    let refused = world.get("/view/home?a=1&b=2", &[]).await;
    assert_eq!(refused.status(), StatusCode::FOUND);
    assert_eq!(location(&refused), "/nl/jsp/logon.jsp?target=%2Fview%2Fhome%3Fa%3D1%26b%3D2");
    let refused = world.get("/view/home?__sessiontoken=___OLD", &[]).await;
    assert_eq!((refused.status(), &*text(&refused)), (StatusCode::FORBIDDEN, "Authentication failure"));
    let session = world.session().await;
    let in_url = format!("/view/home?__sessiontoken={}", session.session_token);
    assert_eq!(world.get(&in_url, &[]).await.status(), StatusCode::OK);
    let cookie = format!("__sessiontoken={}", session.session_token);
    let disconnect = world.get("/view/home?disconnect=true", &[("cookie", &cookie)]).await;
    assert!(location(&disconnect).starts_with("/nl/jsp/logon.jsp"));
    assert!(world.sim.sessions().is_empty());
}

#[tokio::test]
async fn the_sign_in_page_takes_a_password_or_an_ims_token_and_returns_to_the_target() {
    let world = World::start(CampaignOptions::default()).await;
    let token = world.ims_token().await;
    let page = "/nl/jsp/logon.jsp?target=%2Fview%2Fhome";
    assert!(text(&world.get(page, &[]).await).contains("Sign in to Campaign"));
    let ims = world.get(&format!("{page}&ims=1"), &[]).await;
    assert_eq!(location(&ims), "/nms/imslogin.jssp?target=%2Fview%2Fhome");
    assert!(location(&world.get(location(&ims), &[]).await).contains("/ims/authorize/v2?"));
    let signed_in = world.get(&format!("{page}&tokenLogon={token}"), &[]).await;
    assert_eq!((signed_in.status(), location(&signed_in)), (StatusCode::FOUND, "/view/home"));
    let url = format!("{}{page}", world.sim.url());
    let mut form = vec![("action", "submit"), ("login", "admin"), ("password", "wrong"), ("popup", "1")];
    assert_eq!(world.client.post_form(&url, &[], &form).await.unwrap().status(), StatusCode::FORBIDDEN);
    form[2].1 = "demo-admin-password";
    let popup = world.client.post_form(&url, &[], &form).await.unwrap();
    let admin = world.sim.sessions().into_iter().find(|session| session.login == "admin").unwrap();
    assert_eq!(text(&popup), admin.security_token);
    for target in ["https://evil.example/", "/demoX", "//view/"] {
        let refused = world.get(&format!("/nl/jsp/logon.jsp?target={target}&tokenLogon={token}"), &[]).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{target}");
    }
}

#[tokio::test]
async fn the_zone_of_the_client_address_decides_and_only_a_listed_proxy_may_name_it() {
    let options = CampaignOptions { zones: vec![lan("10.0.0.0/8")], ..CampaignOptions::default() };
    let world = World::start(options.clone()).await;
    let token = world.ims_token().await;
    let refused = world.bearer_token_logon(&token).await;
    assert!(refused.status() == StatusCode::INTERNAL_SERVER_ERROR && text(&refused).contains("XSV-350014"));
    let from_lan = [("x-forwarded-for", "203.0.113.7, 10.1.2.3, 127.0.0.1")];
    assert!(text(&world.get("/r/test", &from_lan).await).contains("sourceIP='10.1.2.3' host='127.0.0.1:"));
    let inner = format!("<urn:bearerToken>{token}</urn:bearerToken>");
    let logon = world.soap("xtk:session#BearerTokenLogon", &inner, &from_lan).await;
    assert_eq!(logon.status(), StatusCode::OK);
    let outside = World::start(CampaignOptions { proxies: Vec::new(), ..options }).await;
    assert!(text(&outside.get("/r/test", &from_lan).await).contains("sourceIP='127.0.0.1'"));
}

#[tokio::test]
async fn without_https_there_is_a_session_only_where_the_zone_allows_it() {
    let zone = Zone { allow_http: false, allow_debug: false, ..Zone::everywhere("public") };
    let world = World::start(CampaignOptions { zones: vec![zone], ..CampaignOptions::default() }).await;
    let token = world.ims_token().await;
    assert!(text(&world.bearer_token_logon(&token).await).contains("XSV-350013"));
    let inner = format!("<urn:bearerToken>{token}</urn:bearerToken>");
    let https = [("nlsslurl", "https://campaign.example.com/nl/jsp/soaprouter.jsp")];
    let logon = world.soap("xtk:session#BearerTokenLogon", &inner, &https).await;
    assert!(logon.headers()[header::SET_COOKIE].to_str().unwrap().ends_with("; HttpOnly; Secure"));
    let health = text(&world.get("/r/test", &[]).await);
    assert!(health.ends_with("sourceIP='127.0.0.1'/>") && !health.contains("build="), "{health}");
    let cookie = format!("__sessiontoken={}", world.sim.sessions()[0].session_token);
    let zones = text(&world.get("/nl/jsp/ping.jsp?zones=true", &[("cookie", &cookie)]).await);
    assert!(zones.contains("zone=public allowHTTP=false"), "{zones}");
}

#[tokio::test]
async fn the_host_chooses_the_instance_and_a_session_can_be_bound_to_an_address() {
    let options = CampaignOptions {
        dns_mask: "campaign.example.com".to_owned(),
        check_ip_consistent: true,
        redirection_module: false,
        ..CampaignOptions::default()
    };
    let world = World::start(options).await;
    assert_eq!(world.get("/view/home", &[]).await.status(), StatusCode::NOT_FOUND);
    let host = ("host", "campaign.example.com:8443");
    assert_eq!(world.get("/r/test", &[host]).await.status(), StatusCode::FOUND, "a page like others");
    let inner = format!("<urn:bearerToken>{}</urn:bearerToken>", world.ims_token().await);
    world.soap("xtk:session#BearerTokenLogon", &inner, &[host, ("x-forwarded-for", "192.0.2.1")]).await;
    let cookie = format!("__sessiontoken={}", world.sim.sessions()[0].session_token);
    for (address, status) in [("192.0.2.1", StatusCode::OK), ("192.0.2.2", StatusCode::FOUND)] {
        let headers = [host, ("x-forwarded-for", address), ("cookie", cookie.as_str())];
        assert_eq!(world.get("/view/home", &headers).await.status(), status, "{address}");
    }
}

#[tokio::test]
async fn groups_are_taken_over_at_the_logon_and_a_restart_makes_logons_fail() {
    let world = World::start(CampaignOptions { group_rights: true, ..CampaignOptions::default() }).await;
    let token = world.ims_token().await;
    world.sim.faults().restarting(true);
    let failed = world.bearer_token_logon(&token).await;
    assert!(text(&failed).contains("Empty return for method &apos;Logon&apos;"));
    world.sim.faults().clear();
    world.sim.faults().refuse_bearer_logon(FaultFrequency::Once, BearerLogonRefusal::Address);
    let refused = world.bearer_token_logon(&token).await;
    assert!(refused.status() == StatusCode::INTERNAL_SERVER_ERROR && text(&refused).contains("XSV-350014"));
    world.bearer_token_logon(&token).await;
    assert!(world.sim.sessions()[0].groups.is_empty(), "the token has no scope for groups");
    let anonymous = world.get("/webApp/approval?id=1", &[]).await;
    assert_eq!(location(&anonymous), "/nl/jsp/logon.jsp?target=%2FwebApp%2Fapproval%3Fid%3D1");
}

#[tokio::test]
async fn three_wrong_passwords_lock_an_operator_for_five_minutes() {
    let clock = Clock::movable();
    let world = World::start(CampaignOptions { clock: clock.clone(), ..CampaignOptions::default() }).await;
    let logon = |password: &str| {
        let call = format!("<urn:a>admin</urn:a><urn:b>{password}</urn:b><urn:c/>");
        let world = &world;
        async move { world.soap("xtk:session#Logon", &call, &[]).await.status() }
    };
    for _ in 0..2 {
        assert_eq!(logon("wrong").await, StatusCode::FORBIDDEN);
    }
    clock.advance(Duration::from_mins(10));
    assert_eq!(logon("wrong").await, StatusCode::FORBIDDEN);
    assert_eq!(logon("demo-admin-password").await, StatusCode::OK, "they were too long ago");
    for _ in 0..2 {
        assert_eq!(logon("wrong").await, StatusCode::FORBIDDEN);
    }
    // The password in place of a token counts too.
    world.get("/view/home?__sessiontoken=admin%2Fwrong", &[]).await;
    assert_eq!(world.sim.locked_operators(), ["admin"]);
    assert_eq!(logon("demo-admin-password").await, StatusCode::FORBIDDEN);
    clock.advance(Duration::from_mins(5));
    assert_eq!(logon("demo-admin-password").await, StatusCode::OK);
}

#[tokio::test]
async fn a_password_stands_for_a_token_in_query_and_form() {
    let world = World::start(CampaignOptions::default()).await;
    let page = world.get("/view/home?__sessiontoken=admin%2Fdemo-admin-password", &[]).await;
    assert_eq!(page.status(), StatusCode::OK);
    let url = format!("{}/demo/echo", world.sim.url());
    let form = [("__sessiontoken", "admin/demo-admin-password")];
    assert_eq!(world.client.post_form(&url, &[], &form).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_remembered_session_lasts_15_days() {
    let clock = Clock::movable();
    let world = World::start(CampaignOptions { clock: clock.clone(), ..CampaignOptions::default() }).await;
    let url = format!("{}/nl/jsp/logon.jsp", world.sim.url());
    let form =
        [("action", "submit"), ("login", "admin"), ("password", "demo-admin-password"), ("rememberMe", "1")];
    world.client.post_form(&url, &[], &form).await.unwrap();
    world.client.post_form(&url, &[], &form[..3]).await.unwrap();
    clock.advance(Duration::from_hours(15 * 24 - 1));
    assert_eq!(world.sim.sessions().len(), 1);
    clock.advance(Duration::from_hours(1));
    assert!(world.sim.sessions().is_empty());
}

#[tokio::test]
async fn another_node_accepts_a_session_for_ten_minutes_after_its_logoff() {
    let clock = Clock::movable();
    let session_cache = Duration::from_mins(10);
    let options = CampaignOptions { clock: clock.clone(), session_cache, ..CampaignOptions::default() };
    let world = World::start(options).await;
    let url = format!("{}/nl/jsp/logon.jsp", world.sim.url());
    let form = [("action", "submit"), ("login", "admin"), ("password", "demo-admin-password")];
    world.client.post_form(&url, &[], &form).await.unwrap();
    let cookie = format!("__sessiontoken={}", world.sim.sessions()[0].session_token);
    world.get("/view/home?disconnect=true", &[("cookie", &cookie)]).await;
    assert!(world.sim.sessions().is_empty());
    assert_eq!(world.get("/view/home", &[("cookie", &cookie)]).await.status(), StatusCode::OK);
    clock.advance(session_cache);
    assert_eq!(world.get("/view/home", &[("cookie", &cookie)]).await.status(), StatusCode::FOUND);
}
