//! The switches of operators, turned through the admin listener.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::admin::{admin_get, send};
use crate::support::http1::Answer;
use crate::support::request::RawRequest;

/// Sends this to a switch.
pub async fn turn(world: &World, switch: &str, wanted: &Value) -> Answer {
    let request = RawRequest::post(&format!("/switches/{switch}"), &wanted.to_string());
    send(world, &request.with("Content-Type: application/json")).await
}

/// Turns a switch on until this end, and everywhere.
pub async fn turn_on(world: &World, switch: &str, until: &str) {
    let answer = turn(world, switch, &json!({ "on": true, "until": until })).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// Turns a switch off everywhere.
pub async fn turn_off(world: &World, switch: &str) {
    let answer = turn(world, switch, &json!({ "on": false })).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// The state of a switch at its instances.
pub async fn state(world: &World, switch: &str) -> Value {
    admin_get(world, &format!("/switches/{switch}"), "127.0.0.1").await.json()["instances"].clone()
}

/// The audit events with this name at this gateway, the oldest first.
pub async fn events(world: &World, name: &str) -> Vec<Value> {
    let all = admin_get(world, "/events", "127.0.0.1").await.json()["events"].take();
    all.as_array().unwrap().iter().filter(|line| line["event"] == name).cloned().collect()
}
