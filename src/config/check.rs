//! Checks one value against its key: kind, choices, bounds and format.

use toml::{Table, Value};

use super::nearest::nearest;
use super::schema::{DeclaredKey, ValueKind};
use super::value_error::ValueError;

/// What is wrong with a value, and with which item of its list.
pub(super) type Mistake = (Option<usize>, ValueError);

/// Checks a value. Returns the value for serde, `None` if the key then counts as not set, or every mistake.
pub(super) fn check(key: &DeclaredKey, value: &Value) -> Result<Option<Value>, Vec<Mistake>> {
    let takes = |kind| key.kinds.contains(&kind);
    match value {
        Value::Array(items) if takes(ValueKind::List) => list(key, items).map(Some),
        Value::String(_) if takes(ValueKind::List) && takes(ValueKind::Text) => {
            list(key, std::slice::from_ref(value)).map(Some)
        }
        _ => scalar(key, &key.kinds, value).map_err(|wrong| vec![(None, wrong)]),
    }
}

/// Checks every item. Returns every mistake.
fn list(key: &DeclaredKey, items: &[Value]) -> Result<Value, Vec<Mistake>> {
    let (mut read, mut mistakes) = (Vec::with_capacity(items.len()), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let item = match (item, &key.entries) {
            (Value::Table(entries), Some(known)) => table(known, entries),
            (Value::String(_), Some(known)) => table(known, &named(known, item)),
            _ => scalar(key, &[ValueKind::Text], item).map(|item| item.unwrap_or_else(|| Value::from(""))),
        };
        match item {
            Ok(item) => read.push(item),
            Err(wrong) => mistakes.push((Some(index), wrong)),
        }
    }
    if mistakes.is_empty() { Ok(Value::Array(read)) } else { Err(mistakes) }
}

/// The table whose required entry is this text: the short form.
fn named(known: &[DeclaredKey], text: &Value) -> Table {
    let required = known.iter().find(|entry| entry.required);
    required.map(|entry| (entry.path.clone(), text.clone())).into_iter().collect()
}

/// Checks a table in a list, and adds the defaults of its missing entries.
fn table(known: &[DeclaredKey], entries: &Table) -> Result<Value, ValueError> {
    let names = || known.iter().map(|entry| entry.path.as_str());
    if let Some(name) = entries.keys().find(|name| !names().any(|known| known == *name)) {
        let fix = nearest(name, names()).map_or_else(
            || format!("it may hold {}", names().collect::<Vec<_>>().join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        return Err(ValueError::new(format!("has an unknown entry `{name}`"), fix));
    }
    let mut read = Table::new();
    for entry in known {
        let name = &entry.path;
        let value = match entries.get(name).or(entry.default.as_ref()) {
            Some(value) => value,
            None if entry.required => {
                let fix = format!("add {name} = \"…\" to it");
                return Err(ValueError::new(format!("has no entry `{name}`"), fix));
            }
            None => continue,
        };
        let value = scalar(entry, &entry.kinds, value).map_err(|wrong| match entry.format {
            // The position in the finding shows the text.
            Some(_) if value.is_str() => wrong,
            _ => ValueError::new(format!("has an entry `{name}` that {}", wrong.message), wrong.fix),
        })?;
        read.extend(value.map(|value| (name.clone(), value)));
    }
    Ok(Value::Table(read))
}

/// A value that is neither a list nor a table.
fn scalar(key: &DeclaredKey, kinds: &[ValueKind], value: &Value) -> Result<Option<Value>, ValueError> {
    match value {
        Value::String(text) if kinds.contains(&ValueKind::Text) => self::text(key, text),
        Value::Integer(number) if kinds.contains(&ValueKind::Number) => self::number(key, *number).map(Some),
        Value::Boolean(_) if kinds.contains(&ValueKind::Switch) => Ok(Some(value.clone())),
        other => Err(wrong_kind(kinds, other)),
    }
}

fn text(key: &DeclaredKey, text: &str) -> Result<Option<Value>, ValueError> {
    if !key.choices.is_empty() && key.choices.iter().all(|choice| choice != text) {
        let fix = nearest(text, key.choices.iter().map(String::as_str))
            .map_or_else(|| "write one of them".to_owned(), |meant| format!("did you mean \"{meant}\"?"));
        let choices: Vec<_> = key.choices.iter().map(|choice| format!("\"{choice}\"")).collect();
        return Err(ValueError::new(format!("must be one of {}", choices.join(", ")), fix));
    }
    key.format.map_or_else(|| Ok(Some(Value::from(text))), |read| read(text))
}

fn number(key: &DeclaredKey, number: i64) -> Result<Value, ValueError> {
    let (low, high) = key.range;
    if (low..=high).contains(&number) {
        return Ok(Value::Integer(number));
    }
    Err(wrong_number(low, high))
}

/// A number out of bounds, or a text in the environment that is no number.
fn wrong_number(low: i64, high: i64) -> ValueError {
    if high == i64::MAX {
        return ValueError::new(format!("must be a whole number of at least {low}"), "write such a number");
    }
    ValueError::new(
        format!("must be a whole number from {low} to {high}"),
        "write a number within these bounds",
    )
}

/// A value of the environment, as the kind that the key takes.
pub(super) fn from_environment(key: &DeclaredKey, text: &str) -> Result<Value, ValueError> {
    let takes = |kind| key.kinds.contains(&kind);
    if takes(ValueKind::Number) {
        let number = text.trim().parse().map(Value::Integer);
        return number.map_err(|_| wrong_number(key.range.0, key.range.1));
    }
    if takes(ValueKind::Switch) {
        match text.trim().parse() {
            Ok(on) => return Ok(Value::Boolean(on)),
            Err(_) if takes(ValueKind::Text) => {}
            Err(_) => return Err(ValueError::new("must be true or false", "write one of them")),
        }
    }
    if takes(ValueKind::List) && (text.contains(',') || !takes(ValueKind::Text)) {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Ok(Value::Array(items.map(Value::from).collect()));
    }
    Ok(Value::from(text))
}

fn wrong_kind(kinds: &[ValueKind], found: &Value) -> ValueError {
    let (wanted, fix) = match kinds {
        [ValueKind::Number] => ("a whole number", "write the number without quotes"),
        [ValueKind::Switch] => ("true or false", "write true or false without quotes"),
        [ValueKind::List] => ("a list of texts", "write it as [\"…\", \"…\"]"),
        [ValueKind::Text] => ("a text", "put it in quotes"),
        [ValueKind::Text, ValueKind::Switch] => {
            ("a text, or true or false", "write it as \"…\", true or false")
        }
        _ => ("a text or a list of texts", "write it as \"…\" or [\"…\", \"…\"]"),
    };
    ValueError::new(format!("must be {wanted}, not {}", describe(found)), fix)
}

/// The kind of a value in a message.
pub(super) fn describe(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
