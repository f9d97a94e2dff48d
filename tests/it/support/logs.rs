//! What the gateway says: every event of the process, kept, to be found by request id.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, Once};

use serde_json::Value;
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
        let line = Line { target: meta.target().to_owned(), fields: fields.0 };
        LINES.lock().unwrap().push(line);
    }
}

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
