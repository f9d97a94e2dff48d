//! Connections to Campaign: a Unix socket, and https with a custom certificate authority and a client certificate.

use std::path::Path;
use std::sync::Arc;

use imsgate::config::{ClientIdentity, Upstream};
use imsgate::demo;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use crate::support::World;
use crate::support::request::{self, RawRequest};
use crate::support::tunnel::join;

#[tokio::test]
async fn campaign_may_listen_on_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("campaign.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let upstream: Upstream = format!("unix:{}", path.display()).parse().unwrap();
    // The listener forwards to the simulator, whose address is known only when the world runs.
    let (told, address) = tokio::sync::oneshot::channel::<String>();
    let joining = tokio::spawn(async move {
        let campaign = address.await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let campaign = campaign.clone();
            tasks.spawn(async move { join(stream, &campaign).await });
        }
    });
    let world =
        World::builder().instance(|instance| instance.campaign.upstreams = vec![upstream]).start().await;
    told.send(world.campaign.url()).unwrap();
    let alice = world.signed_in("alice").await.session().unwrap();
    let echo = RawRequest::get("/demo/echo").session(&alice).echo(&world).await;
    assert_eq!(echo.field("host"), Some(request::host(&world)), "the client's");
    assert_eq!(echo.field("x-ims-user").map(str::is_empty), Some(false));
    joining.abort();
    world.stop().await;
}

#[tokio::test]
async fn an_https_campaign_is_verified_and_may_request_a_client_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (server, server_key) = demo::certificate(&["campaign.internal.example"]);
    let (client, client_key) = client_certificate();
    let ca_file = file("ca.pem", &server);
    let identity =
        ClientIdentity { certificate: file("client.pem", &client), key: file("client.key", &client_key) };
    let acceptor = acceptor(&server, &server_key, &client);
    let name = "campaign.internal.example";

    for (trusts, named, shows, works) in [
        (true, true, true, true),
        (false, true, true, false),
        (true, false, true, false),
        (true, true, false, false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream: Upstream = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (ca_file, identity) = (ca_file.clone(), identity.clone());
        let world = World::builder()
            .instance(move |instance| {
                instance.campaign.upstreams = vec![upstream];
                instance.campaign.ca_file = trusts.then_some(ca_file);
                instance.campaign.tls_server_name = named.then(|| name.to_owned());
                instance.campaign.client_identity = shows.then_some(identity);
            })
            .start()
            .await;
        let joining = tokio::spawn(serve_tls(listener, acceptor.clone(), world.campaign.url()));
        let answer = RawRequest::get("/r/test").send_to(&world).await;
        assert_eq!(answer.status(), if works { 200 } else { 502 }, "{trusts} {named} {shows}");
        if works {
            assert_eq!(world.signed_in("alice").await.get("/view/home").await.status, 200, "SOAP too");
        }
        joining.abort();
        world.stop().await;
    }
}

#[tokio::test]
async fn unusable_certificate_files_stop_the_start_with_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let missing = folder.path().join("missing.pem");
    let error = |ca: Option<&Path>, identity| imsgate::internal::tls_config(ca, identity).unwrap_err();
    for said in [
        error(Some(&empty), None).to_string(),
        error(Some(&missing), None).to_string(),
        error(None, Some((&*empty, &*empty))).to_string(),
    ] {
        assert!(said.contains(".pem: "), "{said}");
    }

    // An unreadable certificate of a chain must not be skipped.
    let (certificate, key) = client_certificate();
    let (_, foreign) = client_certificate();
    let written = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let broken = written(
        "broken.pem",
        &format!("{certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    );
    let (good, key, foreign) =
        (written("good.pem", &certificate), written("k.pem", &key), written("f.pem", &foreign));
    let line = format!("broken.pem: line {}: ", certificate.lines().count() + 1);
    for said in [error(Some(&broken), None), error(None, Some((&*broken, &*key)))] {
        assert!(said.to_string().contains(&line), "{said}");
    }
    let said = error(None, Some((&*good, &*foreign))).to_string();
    assert!(said.contains("f.pem: is not the key of the first certificate in "), "{said}");
    assert!(imsgate::internal::tls_config(Some(&good), Some((&*good, &*key))).is_ok());
}

async fn serve_tls(listener: TcpListener, acceptor: TlsAcceptor, campaign: String) {
    let mut tasks = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, campaign) = (acceptor.clone(), campaign.clone());
        tasks.spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                join(stream, &campaign).await;
            }
        });
    }
}

/// Campaign's TLS server, which requires this client certificate.
fn acceptor(certificate: &str, key: &str, client: &str) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(client.as_bytes()).unwrap()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A certificate for a client, and its key.
fn client_certificate() -> (String, String) {
    let mut params = CertificateParams::new(vec!["gateway.example".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}
