//! The keys that a reload cannot change.

use std::sync::Arc;

use super::effective::declared_key;
use super::load::Config;

/// Keys that change with a restart only. docs/reload.md says why.
pub const RESTART: &[&str] = &[
    "ims.callback_server",
    "listen.https",
    "listen.unix_mode",
    "listen.http_redirect",
    "listen.admin",
    "listen.workers",
    "listen.drain_timeout",
    "session.store",
    "session.path",
    "session.redis_url",
    "session.redis_ca_file",
    "session.key_file",
    "session.max_sessions",
    "session.idle_timeout",
    "session.absolute_timeout",
    "session.login_timeout",
    "session.recheck_groups",
    "log.format",
    "log.level",
    "log.audit_file",
    "log.access_file",
    "log.access_format",
];

/// True for a key that changes with a restart only.
pub fn needs_restart(key: &str) -> bool {
    RESTART.contains(&declared_key(key).as_str())
}

impl Config {
    /// Takes the values of the keys that need a restart from the running configuration.
    pub fn keep_until_restart(&mut self, running: &Self) {
        for instance in &mut self.instances {
            let running = running.instances.iter().find(|running| running.name == instance.name);
            if let Some(running) = running
                && instance.ims.callback_server != running.ims.callback_server
            {
                Arc::make_mut(instance).ims.callback_server = running.ims.callback_server.clone();
            }
        }
        let (listen, old) = (&mut self.listen, &running.listen);
        listen.https.clone_from(&old.https);
        listen.unix_mode = old.unix_mode;
        listen.http_redirect.clone_from(&old.http_redirect);
        listen.admin = old.admin;
        listen.workers = old.workers;
        listen.drain_timeout = old.drain_timeout;
        let (session, old) = (&mut self.session, &running.session);
        session.store = old.store.clone();
        session.idle_timeout = old.idle_timeout;
        session.absolute_timeout = old.absolute_timeout;
        session.login_timeout = old.login_timeout;
        session.recheck_groups = old.recheck_groups;
        self.log = running.log.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::super::tests::{GOOD, load_with};
    use super::*;

    /// Another value for each key, and what it needs besides.
    const OTHER: &[(&str, &[(&str, &str)])] = &[
        ("ims.callback_server", &[("IMS__CALLBACK_SERVER", "https://other.example.com")]),
        ("listen.https", &[("LISTEN__HTTPS", "127.0.0.1:8443")]),
        ("listen.unix_mode", &[("LISTEN__UNIX_MODE", "0600")]),
        ("listen.http_redirect", &[("LISTEN__HTTP_REDIRECT", "127.0.0.1:8080")]),
        ("listen.admin", &[("LISTEN__ADMIN", "127.0.0.1:9999")]),
        ("listen.workers", &[("LISTEN__WORKERS", "77")]),
        ("listen.drain_timeout", &[("LISTEN__DRAIN_TIMEOUT", "77s")]),
        ("session.store", &[("SESSION__STORE", "memory")]),
        ("session.path", &[("SESSION__PATH", "/other.redb")]),
        (
            "session.redis_url",
            &[
                ("SESSION__STORE", "redis"),
                ("SESSION__REDIS_URL", "redis://127.0.0.1:1"),
                ("SESSION__KEY_FILE", "/k"),
            ],
        ),
        (
            "session.redis_ca_file",
            &[
                ("SESSION__STORE", "redis"),
                ("SESSION__REDIS_URL", "rediss://127.0.0.1:1"),
                ("SESSION__KEY_FILE", "/k"),
                ("SESSION__REDIS_CA_FILE", "/ca"),
            ],
        ),
        ("session.key_file", &[("SESSION__KEY_FILE", "/k")]),
        ("session.max_sessions", &[("SESSION__STORE", "memory"), ("SESSION__MAX_SESSIONS", "7")]),
        ("session.idle_timeout", &[("SESSION__IDLE_TIMEOUT", "7m")]),
        ("session.absolute_timeout", &[("SESSION__ABSOLUTE_TIMEOUT", "7h")]),
        ("session.login_timeout", &[("SESSION__LOGIN_TIMEOUT", "7m")]),
        ("session.recheck_groups", &[("SESSION__RECHECK_GROUPS", "7m")]),
        ("log.format", &[("LOG__FORMAT", "json")]),
        ("log.level", &[("LOG__LEVEL", "debug")]),
        ("log.audit_file", &[("LOG__AUDIT_FILE", "/audit")]),
        ("log.access_file", &[("LOG__ACCESS_FILE", "/access")]),
        ("log.access_format", &[("LOG__ACCESS_FORMAT", "combined")]),
    ];

    #[test]
    fn exactly_the_listed_keys_stay_until_a_restart() {
        let load = |environment: &[(&str, &str)]| {
            let names: Vec<_> = environment.iter().map(|(name, _)| format!("IMSGATE_{name}")).collect();
            let values = environment.iter().map(|(_, value)| *value);
            let environment: Vec<_> = names.iter().map(String::as_str).zip(values).collect();
            load_with(GOOD, &environment).unwrap()
        };
        let running = load(&[]);
        let listed: Vec<_> = OTHER.iter().map(|(key, _)| *key).collect();
        assert_eq!(listed, RESTART);
        for (key, environment) in OTHER {
            let mut new = load(environment);
            assert!(running.values.changes(&new.values).iter().any(|changed| changed == key), "{key}");
            assert_ne!(format!("{:?}", new.config), format!("{:?}", running.config), "{key}");
            new.config.keep_until_restart(&running.config);
            assert_eq!(format!("{:?}", new.config), format!("{:?}", running.config), "{key}");
        }
        // What is not listed is applied.
        for (key, name, value) in
            [("limits.connections", "LIMITS__CONNECTIONS", "7"), ("listen.hsts", "LISTEN__HSTS", "7d")]
        {
            let mut new = load(&[(name, value)]);
            new.config.keep_until_restart(&running.config);
            assert_ne!(format!("{:?}", new.config), format!("{:?}", running.config), "{key}");
            assert!(!needs_restart(key));
        }
    }

    #[test]
    fn listed_keys_exist() {
        for key in RESTART {
            assert!(schema::key(key).is_some(), "{key}");
        }
    }

    #[test]
    fn the_documentation_lists_the_same_keys() {
        let text = include_str!("../../docs/reload.md");
        let after = text.split("## What needs a restart").nth(1).unwrap();
        let section = after.split("\n## ").next().unwrap();
        let mut documented: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .flat_map(|line| line.split(" |").next().unwrap_or_default().split(", "))
            .map(|key| key.trim_matches('`'))
            .collect();
        let mut listed = RESTART.to_vec();
        documented.sort_unstable();
        listed.sort_unstable();
        assert_eq!(documented, listed);
    }
}
