//! The table of sessions.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::output::{Paint, visible, width};

/// One line for each session, the oldest first.
pub(super) fn table(sessions: &[Value], paint: Paint) -> String {
    if sessions.is_empty() {
        return "no live session\n".to_owned();
    }
    let rows: Vec<[String; COLUMNS]> = sessions.iter().map(row).collect();
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| width(&row[column]));
        cells.chain([width(HEADS[column])]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..COLUMNS).map(widest).collect();
    let line = |cells: [&str; COLUMNS]| {
        let padded = cells.iter().zip(&widths).map(|(cell, widest)| {
            let gap = widest.saturating_sub(width(cell));
            format!("{cell}{}", " ".repeat(gap))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = format!("{}\n", paint.bold(&line(HEADS)));
    for row in &rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line(row.each_ref().map(String::as_str)));
    }
    text
}

fn row(session: &Value) -> [String; COLUMNS] {
    let text = |name: &str| session[name].as_str().unwrap_or_default();
    let person = if text("email").is_empty() { text("user") } else { text("email") };
    let groups = session["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    [
        text("sid").to_owned(),
        visible(person),
        groups.map(visible).collect::<Vec<_>>().join(", "),
        moment(text("created")),
        moment(text("seen")),
        moment(text("ends")),
    ]
}

/// Shortens `2026-11-22T10:29:03Z` to `2026-11-22 10:29`.
fn moment(text: &str) -> String {
    text.get(..16).unwrap_or(text).replace('T', " ")
}

const COLUMNS: usize = 6;
const HEADS: [&str; COLUMNS] = ["SESSION", "PERSON", "GROUPS", "SIGNED IN (UTC)", "LAST SEEN", "ENDS"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_invisible_characters_escaped() {
        let sessions = [
            json!({"sid": "AAAAAAAAAAAAAAAAAAAAAA", "user": "A@B.e", "email": "alice@example.com", "groups": ["delivery", "workflow"],
                   "created": "2026-11-22T10:29:03Z", "seen": "2026-11-22T10:30:00Z", "ends": "2026-11-22T22:29:03Z"}),
            json!({"sid": "BBBBBBBBBBBBBBBBBBBBBB", "user": "C@B.e", "email": null, "groups": ["x\u{1b}[31m"],
                   "created": "2026-11-22T10:29:03Z", "seen": "2026-11-22T10:30:00Z", "ends": "2026-11-22T22:29:03Z"}),
        ];
        assert_eq!(
            table(&sessions, Paint::none()),
            "SESSION                 PERSON             GROUPS              SIGNED IN (UTC)   LAST SEEN         ENDS\n\
             AAAAAAAAAAAAAAAAAAAAAA  alice@example.com  delivery, workflow  2026-11-22 10:29  2026-11-22 10:30  2026-11-22 22:29\n\
             BBBBBBBBBBBBBBBBBBBBBB  C@B.e              \"x\\u{1b}[31m\"       2026-11-22 10:29  2026-11-22 10:30  2026-11-22 22:29\n"
        );
        assert_eq!(table(&[], Paint::none()), "no live session\n");
    }
}
