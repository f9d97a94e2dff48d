//! Relative paths start at the folder of the configuration file.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::{Store, schema};

/// As [`load_with`], from a file in this folder.
fn load_in(folder: &Path, text: &str, environment: &[(&str, &str)]) -> Loaded {
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    from_text(&folder.join("imsgate.toml").display().to_string(), text, environment).unwrap()
}

fn listen(loaded: &Loaded) -> (&Path, &Path) {
    (&loaded.config.listen.certificate, &loaded.config.listen.private_key)
}

#[test]
fn a_relative_path_starts_at_the_folder_of_the_configuration_file() {
    for (folder, certificate, key) in [
        ("/etc/imsgate", "/etc/imsgate/certs/gateway.pem", "/etc/imsgate/certs/gateway.key"),
        ("conf", "conf/certs/gateway.pem", "conf/certs/gateway.key"),
        ("", "certs/gateway.pem", "certs/gateway.key"),
    ] {
        let loaded = load_in(Path::new(folder), GOOD, &[]);
        assert_eq!(listen(&loaded), (Path::new(certificate), Path::new(key)), "{folder}");
    }
    let absolute = with("listen", "certificate = \"/srv/gateway.pem\"");
    let loaded = load_in(Path::new("/etc/imsgate"), &absolute, &[]);
    assert_eq!(loaded.config.listen.certificate, Path::new("/srv/gateway.pem"));
    // The environment sets keys of the same file.
    let loaded =
        load_in(Path::new("/etc/imsgate"), GOOD, &[("IMSGATE_LISTEN__CERTIFICATE", "other/gateway.pem")]);
    assert_eq!(loaded.config.listen.certificate, Path::new("/etc/imsgate/other/gateway.pem"));
}

#[test]
fn files_of_every_kind_are_read_beside_the_configuration_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write("secret", "s3cr3t-in-a-file");
    write("logo.png", "png");
    write("session.key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let text = with("ims", "client_secret_file = \"secret\"")
        .replace("client_secret = \"s3cr3t-of-the-test\"\n", "");
    let text = format!(
        "{text}[[listen.certificates]]\ncertificate = \"b.pem\"\nprivate_key = \"b.key\"\n[session]\npath = \
         \"sessions.redb\"\nkey_file = \"session.key\"\n[log]\naudit_file = \"audit.log\"\n[brand]\nlogo = \"logo.png\"\n"
    );
    let loaded = load_in(folder.path(), &text, &[]);
    let at = |name: &str| folder.path().join(name);
    let config = &loaded.config;
    assert_eq!(config.listen.certificates[0].certificate, at("b.pem"));
    assert_eq!(config.log.audit_file, Some(at("audit.log")));
    assert_eq!(config.brand.logo, Some(at("logo.png")));
    let Store::Embedded { path, key_file } = &config.session.store else { panic!("{config:?}") };
    assert_eq!((path, key_file), (&at("sessions.redb"), &at("session.key")));
    // The watched files are those that were read.
    let watched: BTreeSet<_> = loaded.values.files().iter().cloned().collect();
    assert!(watched.is_superset(&[at("secret"), at("logo.png"), at("session.key"), at("b.pem")].into()));
}

#[test]
fn files_of_an_instance_are_beside_the_configuration_file_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), "").unwrap();
    let instance = GOOD.replace("[ims]", "[[instance]]\nname = \"a\"\n[instance.ims]\nca_file = \"ca.pem\"");
    let text = instance.replace("[campaign]", "[instance.campaign]");
    let loaded = load_in(folder.path(), &text, &[]);
    assert_eq!(loaded.config.instances[0].ims.ca_file, Some(folder.path().join("ca.pem")));
}

/// Only whole values are resolved.
#[test]
fn no_table_within_a_list_value_names_a_file() {
    let keys = schema::keys().iter().chain(schema::lists().iter().flat_map(|list| &list.keys));
    assert!(keys.flat_map(|key| key.entries.iter().flatten()).all(|entry| !entry.is_file));
}
