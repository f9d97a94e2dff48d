//! Logs, the audit trail and metrics.
//!
//! Log targets: `imsgate` for the program, `access` for the access log, `audit` for the audit trail. No field contains a token,
//! code, secret or session key.

mod access;
pub mod audit;
mod escape;
mod foreign_tokens;
mod human;
mod ims_usage;
mod json;
mod log_file;
mod metrics;
mod rates;
mod request_id;
mod sign_in_reasons;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, FilterFn, LevelFilter};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

pub use access::{AccessLog, CombinedFields, Line};
pub use foreign_tokens::ForeignTokenUses;
pub use ims_usage::ImsUsage;
pub use metrics::{
    BearerResult, CallOutcome, CallerKind, CertificateEnd, Counters, ExchangeTimes, FamilyEncoder,
    GroupRecheck, InstanceMetrics, Lookup, Metrics, NONE, RequestHistograms, RequestTimes, SavedFormEvent,
    SignIn, StoreMetrics, TokenRefresh, UpstreamFailure, exposition, instance_label,
};
pub use rates::{Minute, Rates, Totals};
pub use request_id::RequestId;
pub use sign_in_reasons::{LoginFailureCode, RefusalCode};

use human::HumanFields;
use json::JsonLines;
use log_file::LogFile;

use crate::config::{Log, LogFormat};

/// Starts logging to standard error, and the audit trail to its file if one is configured. `IMSGATE_LOG` replaces `log.level`.
///
/// # Errors
/// When the audit file cannot be opened or the filter is invalid.
pub fn init(log: &Log) -> io::Result<()> {
    let from_environment = std::env::var("IMSGATE_LOG").ok();
    let level = from_environment.as_ref().unwrap_or(&log.level);
    let named = |error: io::Error| match &from_environment {
        Some(_) => io::Error::other(format!("IMSGATE_LOG: {error}")),
        None => error,
    };
    subscriber(log, level).map_err(named)?.try_init().map_err(io::Error::other)
}

fn subscriber(log: &Log, level: &str) -> io::Result<impl Subscriber + Send + Sync + 'static> {
    let filter = EnvFilter::try_new(level)
        .map_err(|e| io::Error::other(format!("the log filter `{level}` is invalid: {e}")))?;
    let audit = log.audit_file.as_deref().map(|path| LogFile::open("log.audit_file", path)).transpose()?;
    let has_audit_file = audit.is_some();
    // Every filter needs a level hint. Otherwise tracing evaluates the filters for each trace point of h2 and hyper.
    let main_lines = FilterFn::new(move |meta| !(has_audit_file && is_audit(meta)))
        .with_max_level_hint(LevelFilter::TRACE);
    let audit_lines = FilterFn::new(is_audit).with_max_level_hint(LevelFilter::INFO);
    let mut layers = vec![main_layer(log.format).with_filter(filter.and(main_lines)).boxed()];
    layers.extend(audit.map(|file| json().with_writer(Arc::new(file)).with_filter(audit_lines).boxed()));
    Ok(tracing_subscriber::registry().with(layers))
}

fn main_layer(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    if is_human(format) {
        let is_terminal = io::stderr().is_terminal();
        fmt::layer().fmt_fields(HumanFields).with_writer(io::stderr).with_ansi(is_terminal).boxed()
    } else {
        json().with_writer(io::stderr).boxed()
    }
}

fn is_human(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    }
}

fn json<S>() -> fmt::Layer<S, fmt::format::DefaultFields, JsonLines>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fmt::layer().event_format(JsonLines)
}

fn is_audit(meta: &tracing::Metadata<'_>) -> bool {
    meta.target() == audit::TARGET
}

/// Makes log files check their path before the next line, and reopen it after a rename. Without this call they check once a second.
pub fn reopen_files() {
    log_file::reopen();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AccessFormat;
    use crate::unix_time::UnixTime;

    /// Keeps what a log layer writes.
    #[derive(Clone, Default)]
    pub(super) struct Written(Arc<std::sync::Mutex<Vec<u8>>>);

    impl Written {
        /// Everything that was written.
        pub(super) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn untrusted_text_cannot_control_a_terminal_or_forge_a_line() {
        let hostile = "a\u{9b}31m\u{1b}]0;x\u{7}\u{202e}\u{2028}\u{feff}\u{e0041}\nINFO audit: b\"";
        for is_human in [true, false] {
            let written = Written::default();
            let to = written.clone();
            let layer: Box<dyn Layer<Registry> + Send + Sync> = if is_human {
                fmt::layer().fmt_fields(HumanFields).with_writer(move || to.clone()).with_ansi(false).boxed()
            } else {
                json().with_writer(move || to.clone()).boxed()
            };
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                let list = serde_json::json!([hostile]);
                let error = io::Error::other(hostile);
                tracing::info!(user = hostile, %error, debug = ?hostile, groups = %list, "{hostile}");
                let subject = audit::Subject::user(hostile).with_session(&list.to_string());
                let action = audit::AuditAction::Account { groups: vec![hostile.to_owned()] };
                let (request, instance) = (RequestId::random(), String::new());
                let event = audit::AuditEvent { request, peer: None, instance, subject, action };
                audit::AuditLog::default().record(UnixTime(0), event);
                tracing::info!(message = hostile);
            });
            let text = written.text();
            assert_eq!(text.lines().count(), 3, "{text}");
            assert!(
                text.trim_end_matches('\n').chars().all(|c| c == '\n' || (' '..='~').contains(&c)),
                "{text:?}"
            );
            assert!(
                text.contains("a\\u009b31m\\u001b]0;x\\u0007\\u202e\\u2028\\ufeff\\udb40\\udc41\\n"),
                "{text}"
            );
            if !is_human {
                let line: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
                assert_eq!((&line["user"], &line["groups"][0]), (&hostile.into(), &hostile.into()));
            }
        }
    }

    #[test]
    fn every_filter_has_a_level_hint() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Log {
            format: LogFormat::Json,
            level: String::new(),
            audit_file: None,
            access_file: None,
            access_format: AccessFormat::Auto,
        };
        let apart = Log { audit_file: Some(folder.path().join("audit.log")), ..shared.clone() };
        for log in [shared, apart] {
            let hint = |level| subscriber(&log, level).unwrap().max_level_hint();
            assert_eq!(hint("info"), Some(LevelFilter::INFO));
            assert_eq!(hint("warn,imsgate=debug"), Some(LevelFilter::DEBUG));
        }
    }
}
