//! `imsgate check` looks at this machine: ports, files for the user of the service, certificate, names seen so far, single paths.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Checked, World, write_secret};

#[tokio::test]
async fn a_port_that_another_program_uses_is_named() {
    let world = Checked::good().await;
    world.finding("listen.https", "ok").await;
    let other = TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    let finding = world.finding("listen.https", "error").await;
    assert!(finding.message().contains(&format!("127.0.0.1:{} is in use by another program", world.port)));
    drop(other);
    world.replace(&format!("https = \"127.0.0.1:{}\"", world.port), "https = \"192.0.2.77:8443\"");
    let finding = world.finding("listen.https", "error").await;
    assert!(finding.message().contains("no address 192.0.2.77"), "{finding:?}");
}

#[tokio::test]
async fn a_port_that_the_gateway_itself_uses_is_fine() {
    let world = Checked::good().await;
    let running = world.serve().await;
    let said = world.findings(&[]).await;
    drop(running);
    let finding = said.iter().find(|finding| finding.id() == "listen.https").unwrap();
    assert_eq!(
        (finding.severity(), finding.message().contains("a running imsgate")),
        ("ok", true),
        "{finding:?}"
    );
}

#[tokio::test]
async fn the_ports_of_the_running_gateway_are_fine_beside_a_new_certificate() {
    let world = Checked::good().await;
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.replace("[listen]", &format!("[listen]\nadmin = \"{admin}\""));
    let running = world.serve().await;
    let (certificate, key) = imsgate::demo::certificate(&["localhost"]);
    std::fs::write(world.path("new.pem"), certificate).unwrap();
    write_secret(&world.path("new.key"), &key);
    world.replace("\"cert.pem\"", "\"new.pem\"");
    world.replace("\"key.pem\"", "\"new.key\"");
    let said = world.findings(&[]).await;
    drop(running);
    let listens = |key: &str| {
        said.iter().find(|finding| finding.0["subject"] == key && finding.message().contains("in use"))
    };
    for key in ["listen.https", "listen.admin"] {
        let finding = listens(key).unwrap();
        assert_eq!(
            (finding.severity(), finding.message().contains("a running imsgate")),
            ("ok", true),
            "{finding:?}"
        );
    }
    let reload = said.iter().find(|finding| finding.id() == "running.reload").unwrap();
    assert!(reload.message().contains("listen.certificate"), "{reload:?}");
}

#[tokio::test]
async fn a_folder_that_the_user_of_the_service_cannot_write_is_named() {
    let world = Checked::good().await;
    for name in ["state", "logs"] {
        std::fs::create_dir(world.path(name)).unwrap();
        std::fs::set_permissions(world.path(name), Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
    world.replace("store = \"memory\"", "store = \"embedded\"\npath = \"state/sessions.redb\"");
    world.replace("[log]", "[log]\naudit_file = \"logs/audit.log\"");
    let findings = world.findings(&["--user", "nobody"]).await;
    for (key, folder) in [("session.path", "state"), ("log.audit_file", "logs")] {
        let finding = findings.iter().find(|f| f.id() == "files" && f.0["subject"] == key).unwrap();
        assert_eq!(finding.severity(), "error");
        let message = finding.message();
        assert!(message.contains("user nobody may not write it (mode 755)"), "{message}");
        assert!(
            finding.fix().starts_with("chown nobody /") && finding.fix().ends_with(folder),
            "{finding:?}"
        );
    }
    let key = findings.iter().find(|f| f.id() == "files" && f.0["subject"] == "listen.private_key").unwrap();
    assert!(key.message().contains("may not read it (mode 600)"), "{key:?}");
    // Folders that are not there, and folders of somebody else.
    std::fs::create_dir(world.path("home")).unwrap();
    std::fs::copy(world.path("cert.pem"), world.path("home/cert.pem")).unwrap();
    std::fs::set_permissions(world.path("home"), Permissions::from_mode(0o700)).unwrap();
    world.replace("state/sessions.redb", "fresh/sessions.redb");
    world.replace("certificate = \"cert.pem\"", "certificate = \"home/cert.pem\"");
    let findings = world.findings(&["--user", "nobody"]).await;
    let of = |key| findings.iter().find(|f| f.id() == "files" && f.0["subject"] == key).unwrap();
    assert!(of("session.path").message().contains("fresh: it does not exist"), "{:?}", of("session.path"));
    assert!(
        of("session.path").fix().starts_with("install -d -o nobody -m 0700 /"),
        "{:?}",
        of("session.path")
    );
    assert!(of("session.path").fix().ends_with("/fresh"), "{:?}", of("session.path"));
    let certificate = of("listen.certificate");
    assert!(
        certificate.fix().contains("or copy the file to a folder that nobody may enter"),
        "{certificate:?}"
    );
    let offline = world.findings(&["--offline"]).await;
    assert!(offline.iter().any(|finding| finding.id() == "online" && finding.severity() == "not-checked"));
    let (code, _, error) = world.run(&["check", "--user", "no-such-user", "imsgate.toml"]).await;
    assert!(code == Some(2) && error.contains("no user no-such-user"), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_is_named() {
    let world = Checked::good().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    std::fs::write(world.path("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    write_secret(&world.path("key.pem"), &key.serialize_pem());
    let finding = world.finding("listen.certificate", "error").await;
    assert_eq!(
        (finding.message(), finding.fix()),
        ("the certificate expired on 2021-01-01", "renew the certificate")
    );
}

#[tokio::test]
async fn a_mask_that_no_name_seen_so_far_matches_is_named() {
    let world = Checked::good().await;
    world.finding("ims.mask_matches", "not-checked").await;
    world.replace("[log]", "[log]\naudit_file = \"audit.log\"");
    let line = r#"{"timestamp":"x","level":"WARN","event":"refusal","reason":"no match","seen":["Campaign - acmé - delivery"],"target":"audit"}"#;
    std::fs::write(world.path("audit.log"), line).unwrap();
    let finding = world.finding("ims.mask_matches", "error").await;
    assert!(finding.message().contains("none of the 1 configuration names"), "{finding:?}");
    assert!(finding.fix().contains("imsgate mask"), "{finding:?}");
}

#[tokio::test]
async fn the_names_of_a_refusal_are_read_from_the_audit_log_of_a_gateway() {
    let world = Checked::good().await;
    world.replace("[log]", "[log]\naudit_file = \"audit.log\"");
    let running = world.serve().await;
    let answer = world.browser().sign_in("bob", "/view/home").await;
    assert_eq!(answer.status.as_u16(), 403, "{}", answer.text());
    drop(running);
    let finding = world.finding("ims.mask_matches", "error").await;
    assert!(finding.message().contains("nearly matches"), "{finding:?}");
}

/// `check --path` reports the same as a request to the gateway gets.
#[tokio::test]
async fn check_path_says_what_the_gateway_does() {
    let world = Checked::good().await;
    let gateway = World::start().await;
    let browser = gateway.browser();
    for path in [
        "/nl/jsp/m.jsp?id=1",
        "/r/test",
        "/res/logo.png",
        "/res/x.jsp",
        "/view/home",
        "/nl/jsp/ooconv.jsp",
        "/view/home%23/sc.jssp",
        "/r/x;y",
        "/r/%2e%2e/view/home",
        "/ims/signed-out",
        "//r//test",
        "/webApp/APP1",
        "/nl/jsp/logon.jsp?target=/view/home",
        "/r/test?__sessiontoken=admin/x",
    ] {
        let (code, said, _) = world.run(&["check", "--json", "--path", path, "imsgate.toml"]).await;
        assert_eq!(code, Some(0), "{said}");
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        gateway.campaign.forget_requests();
        let answer = browser.get(path).await;
        let expected = match answer.status.as_u16() {
            _ if path.starts_with("/ims/") || path.contains("logon.jsp") => "gateway",
            _ if !gateway.campaign.requests().is_empty() => "public",
            400 => "refused",
            403 if path.contains("__sessiontoken") => "refused",
            403 => "closed",
            _ => "signed-in",
        };
        assert_eq!(said["access"], expected, "{path}: {said} {}", answer.status);
        assert!(!said["rule"].as_str().unwrap().is_empty());
    }
    gateway.stop().await;
}
