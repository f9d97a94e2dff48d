//! Reloads of configuration, certificates and keys while the gateway runs.

use std::fs;
use std::sync::Arc;

use futures_util::StreamExt as _;
use http::{Request, StatusCode};
use imsgate::demo;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::served::Served;
use crate::support::{Load, eventually, missing, websocket, wire, write_secret};

/// A WebSocket to Campaign's echo with this session.
async fn open_websocket(served: &Served, session: &str) -> websocket::Socket {
    let url = format!("ws://localhost:{}/demo/ws", served.address.port());
    let mut request: Request<()> = url.into_client_request().unwrap();
    request.headers_mut().insert("cookie", format!("__Host-imsgate={session}").parse().unwrap());
    let stream = wire::connect(served.address, &served.trust, wire::HTTP_1).await;
    client_async(request, stream).await.unwrap().0
}

#[tokio::test]
async fn a_reload_changes_what_is_served_and_keeps_sessions() {
    let served = Served::start("").await;
    let alice = served.signed_in("alice").await;
    let stranger = served.browser();
    assert_eq!(stranger.get_json("/webApp/x").await.status, StatusCode::UNAUTHORIZED);
    served.edit("[\"/r/*\"]", "[\"/r/*\", \"/webApp/*\"]");
    assert_eq!(stranger.get_json("/webApp/x").await.status, StatusCode::UNAUTHORIZED, "not yet");

    let (_, checked) = served.run(&["check", "--offline", "imsgate.toml"]).await;
    let words = checked.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("other values of: campaign.public_paths"), "{checked}");
    let said = served.reload().await;
    assert!(said.contains("  campaign.public_paths\n"), "{said}");
    assert_ne!(stranger.get_json("/webApp/x").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::OK);
    let (_, checked) = served.run(&["check", "--offline", "imsgate.toml"]).await;
    assert!(checked.contains("the running gateway uses these values"), "{checked}");

    // SIGHUP does the same.
    served.edit(", \"/webApp/*\"]", "]");
    served.hang_up();
    eventually(async || stranger.get_json("/webApp/x").await.status == StatusCode::UNAUTHORIZED).await;
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::OK);
    assert_eq!(served.metric("imsgate_reloads_total{outcome=\"succeeded\"}").await, 2);
}

#[tokio::test]
async fn limits_and_proxies_are_those_of_the_new_configuration() {
    let served = Served::start("[limits]\nbody_bytes = 10\n").await;
    let alice = served.signed_in("alice").await;
    let post = async || alice.post_form("/demo/echo", &[("name", "a value of some length")]).await.status;
    assert_eq!(post().await, StatusCode::PAYLOAD_TOO_LARGE);
    served.edit("body_bytes = 10\n", "body_bytes = 0\n");
    served.reload().await;
    assert_eq!(post().await, StatusCode::OK);
    // Now only trusted proxies may connect, with a header that this client does not send.
    served
        .edit("workers = 2\n", "workers = 2\nproxy_protocol = true\ntrusted_proxies = [\"192.0.2.1/32\"]\n");
    served.reload().await;
    let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    assert!(wire::tls(stream, &served.trust, wire::HTTP_1).await.is_err());
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing_and_is_shown_as_serve_shows_it() {
    let served = Served::start("").await;
    let alice = served.signed_in("alice").await;
    for (good, bad, finding) in [
        ("workers = 2\n", "workers = 2\nhtps = 1\n", "imsgate.toml:"),
        ("certificate = \"cert.pem\"", "certificate = \"other.pem\"", "other.pem"),
        ("client_secret_file = \"secret\"", "client_secret_file = \"none\"", "none"),
    ] {
        served.edit(good, bad);
        served.edit("[\"/r/*\"]", "[\"/r/*\", \"/webApp/*\"]");
        let (code, said) = served.run(&["reload", "-c", "imsgate.toml"]).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(finding) && said.contains("stays in use"), "{said}");
        let stranger = served.browser().get_json("/webApp/x").await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "nothing of it is applied");
        served.edit(bad, good);
        served.edit(", \"/webApp/*\"]", "]");
    }
    let failures = || served.metric("imsgate_reloads_total{outcome=\"failed\"}");
    assert_eq!(failures().await, 3);
    served.edit("workers = 2\n", "workers = 2\nhtps = 1\n");
    served.hang_up();
    eventually(async || failures().await == 4).await;
    assert!(served.log().contains("unknown key"), "{}", served.log());
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_the_rest_is_applied() {
    let served = Served::start("").await;
    served.edit("workers = 2\n", "workers = 3\nunix_mode = \"0600\"\n");
    served.edit("max_per_user = 0\n", "max_per_user = 0\nidle_timeout = \"7m\"\n");
    served.edit("[\"/r/*\"]", "[\"/r/*\", \"/webApp/*\"]");
    let said = served.reload().await;
    let (changed, restart) = said.split_once("Restart the gateway for other values of:").unwrap();
    assert!(changed.contains("campaign.public_paths") && !changed.contains("workers"), "{said}");
    for key in ["listen.workers", "listen.unix_mode", "session.idle_timeout"] {
        assert!(restart.contains(&format!("  {key}\n")), "{said}");
    }
    assert_ne!(served.browser().get_json("/webApp/x").await.status, StatusCode::UNAUTHORIZED);
    // It is said again as long as it is true.
    assert!(served.reload().await.contains("listen.workers"));
    let (_, checked) = served.run(&["check", "--offline", "imsgate.toml"]).await;
    assert!(checked.contains("until a restart"), "{checked}");
}

#[tokio::test]
async fn another_certificate_on_disk_is_used_without_a_signal_and_a_broken_pair_is_not() {
    let served = Served::start("").await;
    let trusts = async |trust: &wire::Trust| {
        let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
        wire::tls(stream, trust, wire::HTTP_1).await.is_ok()
    };
    let failures = || served.metric("imsgate_reloads_total{outcome=\"failed\"}");
    let (certificate, key) = demo::certificate(&["localhost"]);
    let new = wire::trust(&certificate);
    // A certificate without its key.
    fs::write(served.path("next.pem"), &certificate).unwrap();
    fs::rename(served.path("next.pem"), served.path("cert.pem")).unwrap();
    eventually(async || failures().await == 1).await;
    assert!(trusts(&served.trust).await && !trusts(&new).await, "the old pair stays");
    // Its key.
    write_secret(&served.path("next.key"), &key);
    fs::rename(served.path("next.key"), served.path("key.pem")).unwrap();
    eventually(async || trusts(&new).await).await;
    assert!(!trusts(&served.trust).await);
    assert_eq!(failures().await, 1);
}

#[tokio::test]
async fn a_secret_on_disk_is_used_without_a_signal() {
    let served = Served::start("").await;
    served.signed_in("alice").await;
    // The configuration file is being written: it is not read.
    served.edit("[ims]", "[ims");
    write_secret(&served.path("secret"), "not-the-client-secret");
    eventually(async || {
        let browser = served.browser();
        browser.sign_in("alice", "/view/home").await.status != StatusCode::SEE_OTHER
    })
    .await;
    write_secret(&served.path("secret"), "demo-client-secret");
    eventually(async || {
        let browser = served.browser();
        browser.sign_in("alice", "/view/home").await.status == StatusCode::SEE_OTHER
    })
    .await;
    assert_eq!(served.metric("imsgate_reloads_total{outcome=\"failed\"}").await, 0);
}

#[tokio::test]
async fn a_new_session_key_signs_nobody_out() {
    let served = Served::start("").await;
    let alice = served.signed_in("alice").await;
    let (code, said) = served.run(&["key", "rotate", "sessions.key"]).await;
    assert_eq!(code, Some(0), "{said}");
    served.until("session.key_file (content)").await;
    // The cache of sessions is not asked: a session that was sealed with the new key opens, and so does the old one.
    let elsewhere = served.signed_in("alice").await;
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::OK);
    // Without its first key, the file does not open what that key has sealed.
    let (code, listed) = served.run(&["sessions", "list", "-c", "imsgate.toml", "--json"]).await;
    assert_eq!((code, listed.matches("\"sid\"").count()), (Some(0), 2), "{listed}");
    assert_eq!(elsewhere.get_json("/ims/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_name_has_its_certificate_and_each_client_one_that_it_can_verify() {
    let served = Served::start("").await;
    let mut roots = (*served.trust).clone();
    for (file, name, algorithm) in [
        ("rsa", "localhost", &rcgen::PKCS_RSA_SHA256),
        ("other", "other.example.com", &rcgen::PKCS_ECDSA_P256_SHA256),
    ] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        roots.add(certificate.der().clone()).unwrap();
        fs::write(served.path(&format!("{file}.pem")), certificate.pem()).unwrap();
        write_secret(&served.path(&format!("{file}.key")), &key.serialize_pem());
        served.append(&format!(
            "[[listen.certificates]]\ncertificate = \"{file}.pem\"\nprivate_key = \"{file}.key\"\n"
        ));
    }
    assert!(served.reload().await.contains("listen.certificates[1].certificate"));
    let roots = Arc::new(roots);
    for (name, signature, file) in [
        ("localhost", "ECDHE_ECDSA", "cert.pem"),
        ("localhost", "ECDHE_RSA", "rsa.pem"),
        ("other.example.com", "ECDHE_ECDSA", "other.pem"),
    ] {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains(signature));
        let client = Arc::new(wire::client(&roots, wire::HTTP_1, provider, &[&rustls::version::TLS12]));
        let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let stream = TlsConnector::from(client).connect(name, stream).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        let expected = CertificateDer::from_pem_slice(&fs::read(served.path(file)).unwrap()).unwrap();
        assert_eq!(shown, expected, "{file} {signature}");
    }
}

#[tokio::test]
async fn a_hundred_reloads_under_load_lose_nothing() {
    if !Load::installed() {
        return missing("wrk");
    }
    let served = Served::start("").await;
    let alice = served.signed_in("alice").await;
    let session = alice.session().unwrap();
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(open_websocket(&served, &session).await);
    }
    let url = format!("https://localhost:{}/demo/echo", served.address.port());
    let load = Load::start(&served.path(""), &url, &session, "GET", 8);
    let mut memory = Vec::new();
    for round in 0..100 {
        let (old, new) = if round % 2 == 0 { ("/r/*", "/s/*") } else { ("/s/*", "/r/*") };
        served.edit(old, new);
        served.hang_up();
        served.until_times("\"configuration reloaded\"", round + 1).await;
        if round % 20 == 19 {
            for socket in &mut sockets {
                let message = Message::text(format!("round {round}"));
                assert_eq!(websocket::echoed(socket, message.clone()).await, message);
            }
            memory.push(served.resident());
        }
    }
    let tally = load.stop().await;
    assert!(tally.requests > 0, "{tally:?}");
    assert_eq!((tally.refused, tally.broken), (0, 0), "{tally:?}\n{}", served.log());
    assert_eq!(alice.get_json("/ims/me").await.status, StatusCode::OK);
    for mut socket in sockets {
        assert!(socket.close(None).await.is_ok());
        while socket.next().await.is_some() {}
    }
    assert!(served.campaign.logoffs().is_empty() && served.ims.revoked().is_empty());
    // Eighty reloads after the first twenty.
    let (early, late) = (memory[0], *memory.last().unwrap());
    assert!(late < early + early / 4 + 4096, "{memory:?} kB");
    assert_eq!(served.metric("imsgate_reloads_total{outcome=\"succeeded\"}").await, 100);
}
