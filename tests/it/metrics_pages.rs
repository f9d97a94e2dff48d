//! docs/metrics.md, the dashboard and the alerts name the metrics that there are, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use crate::support::World;
use crate::support::admin::{admin_get, with_admin};
use crate::support::missing;
use crate::support::request::RawRequest;

/// A metric: its type and the labels of its values, when it has values.
type Metrics = BTreeMap<String, (String, Option<BTreeSet<String>>)>;

const PAGE: &str = "docs/metrics.md";
const ALERTS: &str = "packaging/prometheus/alerts.yml";
const DASHBOARD: &str = "packaging/grafana/imsgate.json";

#[tokio::test]
async fn the_page_lists_every_metric_with_its_type_and_labels() {
    let (world, shown) = used().await;
    let shown = metrics(&shown);
    let listed = listed();
    let names = |metrics: &Metrics| metrics.keys().cloned().collect::<BTreeSet<_>>();
    let (in_code, on_page) = (names(&shown), names(&listed));
    assert_eq!(in_code.difference(&on_page).collect::<Vec<_>>(), Vec::<&String>::new(), "not in {PAGE}");
    assert_eq!(on_page.difference(&in_code).collect::<Vec<_>>(), Vec::<&String>::new(), "only in {PAGE}");
    for (name, (kind, labels)) in &shown {
        let (listed_kind, listed_labels) = &listed[name];
        assert_eq!(kind, listed_kind, "the type of {name}");
        assert!(
            labels.is_none() || labels == listed_labels,
            "{name}: {labels:?}, {listed_labels:?} in {PAGE}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn dashboard_and_alerts_ask_for_metrics_that_exist() {
    let (world, shown) = used().await;
    let shown = metrics(&shown);
    let name = Regex::new(r"\b(?:imsgate|process)_[a-z0-9_]+").unwrap();
    let mut wrong = Vec::new();
    let mut asked = BTreeSet::new();
    for query in queries() {
        for found in name.find_iter(&query) {
            let part_of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| {
                let whole = found.as_str().strip_suffix(part)?;
                shown.get(whole).is_some_and(|(kind, _)| kind == "histogram").then_some(whole)
            });
            let whole = part_of_histogram.unwrap_or(found.as_str());
            if shown.contains_key(whole) {
                asked.insert(whole.to_owned());
            } else {
                wrong.push(format!("{whole} in {query}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked.len() > 30, "the files are read: {asked:?}");
    world.stop().await;
}

#[test]
fn every_alert_says_what_to_do_and_leads_to_the_page() {
    let (alerts, page) = (read(ALERTS), read(PAGE));
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() > 10, "{ALERTS} is read");
    for rule in rules {
        let name = rule.lines().next().unwrap();
        for field in ["severity: ", "summary: ", "action: "] {
            assert!(rule.contains(field), "{name} has no {field}");
        }
        let anchor = format!("docs: \"{PAGE}#{}\"", name.to_lowercase());
        assert!(rule.contains(&anchor), "{name}: {anchor}");
        assert!(page.contains(&format!("\n### {name}\n")), "{PAGE} does not explain {name}");
        assert!(read("packaging/prometheus/alerts_test.yml").contains(name), "{name} has no test");
    }
}

#[tokio::test]
async fn promtool_accepts_metrics_queries_and_alerts() {
    if Command::new("promtool").arg("--version").output().is_err() {
        missing("promtool");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (world, shown) = used().await;
    world.stop().await;
    let text = folder.path().join("metrics");
    fs::write(&text, shown).unwrap();
    promtool(Command::new("promtool").args(["check", "metrics"]).stdin(fs::File::open(text).unwrap()));
    promtool(Command::new("promtool").args(["check", "rules", ALERTS]));
    promtool(Command::new("promtool").args(["test", "rules", "packaging/prometheus/alerts_test.yml"]));
    // The queries of the dashboard as rules: promtool reads their syntax.
    let rule = |(index, query): (usize, &String)| {
        let query = query.replace("$__rate_interval", "5m");
        format!("  - record: query_{index}\n    expr: {}\n", Value::String(query))
    };
    let rules = dashboard_queries().iter().enumerate().map(rule).collect::<Vec<_>>().concat();
    let rules = format!("groups:\n- name: dashboard\n  rules:\n{rules}");
    let file = folder.path().join("dashboard.yml");
    fs::write(&file, rules).unwrap();
    promtool(Command::new("promtool").args(["check", "rules"]).arg(file));
}

#[tokio::test]
async fn no_request_makes_a_new_label_value() {
    let (world, _) = used().await;
    let label = Regex::new(r#"([a-z_]+)="((?:[^"\\]|\\.)*)""#).unwrap();
    let values = async || {
        let text = admin_get(&world, "/metrics", "127.0.0.1").await.text();
        let pairs = label.captures_iter(&text).map(|pair| (pair[1].to_owned(), pair[2].to_owned()));
        pairs.collect::<BTreeSet<_>>()
    };
    // All classes of methods and statuses, for callers with and without a session.
    let alice = world.signed_in("alice").await.session().unwrap();
    let hostile = |method: &str, path: &str| RawRequest::new(method, path).with("X-Evil: evil");
    for method in ["GET", "POST", "OPTIONS"] {
        for request in [hostile(method, "/r/test"), hostile(method, "/demo/echo").session(&alice)] {
            request.send_to(&world).await;
        }
    }
    let before = values().await;
    for (index, method) in ["EVIL", "GET", "PROPFIND", "POST", "evil", "X\u{7f}"].into_iter().enumerate() {
        for path in ["/evil", "/r/evil\"}", "/evil\\n", "/ims/evil", "/%65vil", "/nl/jsp/evil.jsp"] {
            for request in [hostile(method, path), hostile(method, path).session(&alice)] {
                let host = format!("evil{index}.example");
                crate::support::request::send(&world, request.bytes(&host)).await;
                crate::support::request::send(&world, request.bytes(crate::support::request::host(&world)))
                    .await;
            }
        }
    }
    let after = values().await;
    let new: Vec<_> = after.difference(&before).filter(|(label, _)| label != "status").collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(!after.iter().any(|(_, value)| value.contains("evil")), "{after:?}");
    world.stop().await;
}

/// A world in which something of everything has happened, and its metrics in the Prometheus text format.
async fn used() -> (World, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, imsgate::demo::certificate(&["localhost"]).0).unwrap();
    let path = file.path().to_owned();
    let world = with_admin().config(move |config| config.listen.certificate = path).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    assert_eq!(RawRequest::get("/demo/echo").session(&alice).send_to(&world).await.status(), 200);
    let text = admin_get(&world, "/metrics", "127.0.0.1").await.text();
    (world, text)
}

/// The metrics of a text in the Prometheus format.
fn metrics(text: &str) -> Metrics {
    let label = Regex::new(r#"([a-z_]+)=""#).unwrap();
    let mut metrics = Metrics::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            name.clone_into(&mut current);
            metrics.insert(current.clone(), (kind.to_owned(), None));
        } else if !line.starts_with('#') {
            let labels = label.captures_iter(line).map(|label| label[1].to_owned());
            let labels = labels.filter(|label| label != "le").collect();
            metrics.get_mut(&current).unwrap().1 = Some(labels);
        }
    }
    metrics
}

/// The metrics in the tables of the page.
fn listed() -> Metrics {
    let (page, code) = (read(PAGE), Regex::new("`([^`]+)`").unwrap());
    let mut listed = Metrics::new();
    for row in page.lines().filter(|line| line.starts_with("| `imsgate_") || line.starts_with("| `process_"))
    {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning, question] = cells[..] else { panic!("{row}") };
        assert!(meaning.len() > 5 && question.contains('?'), "{row}");
        let labels = code.captures_iter(labels).map(|label| label[1].to_owned()).collect();
        let name = name.trim_matches('`').to_owned();
        assert!(listed.insert(name, (kind.to_owned(), Some(labels))).is_none(), "twice: {row}");
    }
    listed
}

fn queries() -> Vec<String> {
    // Only the expressions: texts name metrics too, and those are checked as well.
    dashboard_queries().into_iter().chain([read(ALERTS)]).collect()
}

fn dashboard_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

fn promtool(command: &mut Command) {
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{command:?}\n{}", text.concat());
}

fn read(file: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}
