//! Overrides from the environment, and secrets in files.

use std::io::Write as _;

use secrecy::ExposeSecret;

use super::*;

fn secret(loaded: &Loaded) -> String {
    loaded.config.instances[0].ims.client_secret.expose_secret().to_owned()
}

#[test]
fn the_environment_overrides_the_file() {
    let loaded = load_with(
        GOOD,
        &[
            ("IMSGATE_IMS__CLIENT_ID", "Campaign2"),
            ("IMSGATE_CAMPAIGN__UPSTREAM", "http://127.0.0.1:1, http://127.0.0.1:2"),
            ("IMSGATE_CAMPAIGN__HOSTS", "T.example.com"),
            ("IMSGATE_LISTEN__WORKERS", "3"),
            ("IMSGATE_SESSION__IDLE_TIMEOUT", "1m"),
            ("IMSGATE_CAMPAIGN__HEALTH__RISE", "7"),
            ("IMSGATE_CONFIG", "elsewhere"),
            ("IMSGATE_LOG", "debug"),
            ("IMSGATE_PORT", "tcp://10.0.0.1:443"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    let config = &loaded.config;
    assert_eq!(config.instances[0].ims.client_id, "Campaign2");
    assert_eq!(config.instances[0].campaign.upstreams.len(), 2);
    assert_eq!(config.instances[0].campaign.hosts, ["t.example.com"]);
    assert_eq!(config.listen.workers, 3);
    assert_eq!(config.instances[0].campaign.health_check().unwrap().rise, 7, "two upstreams are checked");
    assert_eq!(config.session.idle_timeout.as_secs(), 60);
    assert_eq!(
        loaded.places.location("ims.client_id"),
        Location::Environment("IMSGATE_IMS__CLIENT_ID".into())
    );
}

#[test]
fn an_override_replaces_a_wrong_value_in_the_file() {
    let loaded = load_with(&with("listen", "workers = \"x\""), &[("IMSGATE_LISTEN__WORKERS", "2")]).unwrap();
    assert_eq!(loaded.config.listen.workers, 2);
}

#[test]
fn a_wrong_override_names_the_variable() {
    for (name, value, said) in [
        ("IMSGATE_IMS__CLIENTID", "x", "did you mean IMSGATE_IMS__CLIENT_ID?"),
        ("IMSGATE_LISTEN__WORKERS", "many", "must be a whole number from 1 to 1024"),
        ("IMSGATE_IMS__TOKEN_AUTH", "jwt", "must be one of"),
        ("IMSGATE_IMS__SERVER", "ims", "is not a URL"),
        ("IMSGATE_CAMPAIGN__HOSTS", "a.example.com,b/c", "not a host name"),
    ] {
        let error = load_with(GOOD, &[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("environment variable {name}: error: `")), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_secret_comes_from_its_file_without_the_line_break() {
    let without = with("ims", "client_secret = 1").replace("client_secret = 1\n", "");
    for content in ["from-the-file", "from-the-file\n", "from-the-file\r\n"] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let variable = ("IMSGATE_IMS__CLIENT_SECRET_FILE", file.path().to_str().unwrap());
        assert_eq!(secret(&load_with(&without, &[variable]).unwrap()), "from-the-file");
        let both = load_with(GOOD, &[variable]).unwrap_err().to_string();
        assert!(both.contains("`ims.client_secret` and `ims.client_secret_file` are both set"), "{both}");
    }
    for (content, said) in [("", "is empty"), ("\n", "is empty"), ("a\nb\n", "more than one line")] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let variable = ("IMSGATE_IMS__CLIENT_SECRET_FILE", file.path().to_str().unwrap());
        let error = load_with(&without, &[variable]).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let error = load_with(&without, &[("IMSGATE_IMS__CLIENT_SECRET_FILE", "/nowhere/at/all")]).unwrap_err();
    assert!(error.to_string().contains("cannot use /nowhere/at/all: there is no such file"), "{error}");
}

#[test]
fn a_switch_is_true_or_false() {
    let trusted = ("IMSGATE_LISTEN__TRUSTED_PROXIES", "10.0.0.0/8");
    let loaded = load_with(GOOD, &[trusted, ("IMSGATE_LISTEN__PROXY_PROTOCOL", "true")]).unwrap();
    assert!(loaded.config.listen.proxy_protocol);
    assert!(load_with(GOOD, &[trusted, ("IMSGATE_LISTEN__PROXY_PROTOCOL", "yes")]).is_err());
    assert_eq!(
        only_error("listen", "proxy_protocol = \"true\"").message,
        "must be true or false, not a text"
    );
    let error = only_error("listen", "proxy_protocol = true");
    assert!(error.fix.contains("trusted_proxies"), "{error}");
}

#[test]
fn hsts_is_a_duration_or_a_switch() {
    let hsts = |value: &str| {
        let loaded = load_with(GOOD, &[("IMSGATE_LISTEN__HSTS", value)])?;
        Ok::<_, ConfigErrors>(loaded.config.listen.hsts.map(|hsts| hsts.as_secs()))
    };
    for (value, seconds) in
        [("1d", Some(86_400)), ("true", Some(31_536_000)), ("false", None), ("0s", None), ("500ms", None)]
    {
        assert_eq!(hsts(value).unwrap(), seconds, "{value}");
    }
    assert!(hsts("yes").unwrap_err().to_string().contains("is not a duration"));
    assert_eq!(only_error("listen", "hsts = 5").message, "must be a text, or true or false, not a number");
}

#[test]
fn listeners_are_addresses_sockets_and_systemd() {
    use crate::config::ListenAddress as Place;
    let line = r#"https = ["[::]:443", "unix:/run/imsgate.sock", "systemd", "systemd:web"]"#;
    let places = load(&with("listen", line)).unwrap().config.listen.https;
    assert_eq!(
        places.iter().map(Place::to_string).collect::<Vec<_>>().join(" "),
        "[::]:443 unix:/run/imsgate.sock systemd systemd:web"
    );
    for bad in ["unix:run/x.sock", "unix:", "unix:/run/", "systemd:", "systemdx", "0.0.0.0"] {
        only_error("listen", &format!("https = [\"{bad}\"]"));
    }
    assert_eq!(load(&with("listen", "unix_mode = \"0600\"")).unwrap().config.listen.unix_mode, 0o600);
    for bad in ["0999", "rw", "1777", "6", ""] {
        only_error("listen", &format!("unix_mode = \"{bad}\""));
    }
}

#[test]
fn zero_is_unlimited() {
    let limits = load(&with("limits", "connections_per_ip = 0")).unwrap().config.limits;
    assert_eq!((limits.connections_per_ip, limits.body_bytes, limits.requests()), (None, None, None));
    let limits = load(&with("limits", "requests_per_second = 5")).unwrap().config.limits;
    assert_eq!(limits.requests().map(|rate| (rate.per_second, rate.burst)), Some((5, 100)));
}

#[test]
fn the_proxy_comes_from_its_key_and_else_from_the_environment_as_curl_reads_it() {
    let ims: http::Uri = "https://ims-na1.adobelogin.com/".parse().unwrap();
    let used = |line: &str, environment: &[(&str, &str)]| {
        let text = if line.is_empty() { GOOD.to_owned() } else { with("ims", line) };
        let proxy = load_with(&text, environment).unwrap().config.instances[0].ims.proxy.clone();
        let proxy = proxy.filter(|proxy| proxy.is_for(&ims));
        proxy.map_or_else(String::new, |proxy| format!("{proxy} {}", proxy.named_by()))
    };
    let upper = ("HTTPS_PROXY", "http://upper:1");
    assert_eq!(used("", &[]), "");
    assert_eq!(used("", &[upper]), "upper:1 HTTPS_PROXY");
    assert_eq!(used("", &[upper, ("https_proxy", "lower:2")]), "lower:2 https_proxy");
    assert_eq!(used("", &[upper, ("https_proxy", "")]), "upper:1 HTTPS_PROXY");
    assert_eq!(used("", &[("HTTP_PROXY", "http://other:1")]), "");
    assert_eq!(used("", &[upper, ("NO_PROXY", ".adobelogin.com")]), "");
    assert_eq!(used("", &[upper, ("NO_PROXY", "*"), ("no_proxy", "example.com")]), "upper:1 HTTPS_PROXY");
    let key = "proxy = \"http://key:3\"";
    assert_eq!(used(key, &[upper, ("NO_PROXY", "*")]), "key:3 ims.proxy");
    assert_eq!(used(key, &[("IMSGATE_IMS__PROXY", "http://set:4")]), "set:4 ims.proxy");
    for off in ["none", "None", ""] {
        assert_eq!(used(&format!("proxy = \"{off}\""), &[upper]), "", "{off:?}");
        assert_eq!(used("", &[upper, ("IMSGATE_IMS__PROXY", off)]), "", "{off:?}");
    }
    // A proxy that is not for IMS may be of any kind.
    assert_eq!(used("", &[("HTTPS_PROXY", "socks5://x:1"), ("NO_PROXY", "adobelogin.com")]), "");
    assert!(load_with(GOOD, &[("HTTPS_PROXY", "socks5://x:1")]).is_err());
}
