//! Records every log event of the process, to be found by request id. Every audit event must fit its schema.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, Once};

use jsonschema::Validator;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// One event.
#[derive(Clone, Debug)]
pub struct Line {
    /// `imsgate::…`, `access` or `audit`.
    pub target: String,
    fields: BTreeMap<String, String>,
}

impl Line {
    /// A field's text, empty when absent.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// A field that holds JSON.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(self.field(name)).unwrap()
    }
}

/// Starts recording events. Later calls have no effect.
pub fn listen() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Keeper.with_filter(LevelFilter::DEBUG));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// The lines about one request, in order.
pub fn of(request: &str) -> Vec<Line> {
    assert_audit_schema();
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| line.field("request") == request).cloned().collect()
}

/// The audit lines about one request.
pub fn audit(request: &str) -> Vec<Line> {
    of(request).into_iter().filter(|line| line.target == "audit").collect()
}

/// Every line so far, of any test, with this target.
pub fn all(target: &str) -> Vec<Line> {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| line.target == target).cloned().collect()
}

/// True if any line so far, of any test, contains this text.
pub fn say(text: &str) -> bool {
    let lines = LINES.lock().unwrap();
    lines.iter().any(|line| line.fields.values().any(|value| value.contains(text)))
}

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

struct Keeper;

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let meta = event.metadata();
        let mut line = Line { target: meta.target().to_owned(), fields: fields.0 };
        if line.target == "audit" {
            line.fields.extend(audit_fields(&line, &meta.level().to_string()));
        }
        LINES.lock().unwrap().push(line);
    }
}

/// The fields of an audit event, which `tracing` is given as one JSON object. Lists are JSON texts.
fn audit_fields(line: &Line, level: &str) -> BTreeMap<String, String> {
    let mut whole = line.json("audit_event");
    let fields = whole.as_object().unwrap().iter();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = fields.map(|(name, value)| (name.clone(), text(value))).collect();
    whole["timestamp"] = json!("2026-11-22T10:29:03.000000Z");
    whole["level"] = json!(level);
    whole["target"] = json!("audit");
    whole["message"] = json!(line.field("message"));
    if let Err(error) = SCHEMA.validate(&whole) {
        INVALID.lock().unwrap().push(format!("{error}: {whole}"));
    }
    fields
}

/// Panics if an audit event so far, of any test, did not fit the schema.
pub fn assert_audit_schema() {
    let invalid = INVALID.lock().unwrap();
    assert!(invalid.is_empty(), "{}", invalid.join("\n"));
}

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../docs/audit.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

static INVALID: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
