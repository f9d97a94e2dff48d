//! Sends the request corpus (tests/corpus/requests) byte for byte.

use std::path::PathBuf;

use serde::Deserialize;

use super::wire::Connection;
use super::world::World;
use super::{Outcome, Report, signed_in};

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    send: toml::Value,
    status: Vec<toml::Value>,
    closed: Option<toml::Value>,
    #[serde(default)]
    head: bool,
}

/// Sends every case on its own connection and reads as many answers as the corpus expects.
pub async fn run(world: &World, report: &mut Report) -> Outcome<()> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "corpus", "requests"].iter().collect();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Outcome<_>>()?;
    files.sort();
    let session = signed_in(world).await?.session();
    let host = format!("localhost:{}", world.gateway.port());
    let smuggled = format!("GET /r/smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for file in files {
        let cases: Cases = toml::from_str(&std::fs::read_to_string(&file)?)?;
        for case in cases.case {
            world.campaign.take();
            let mut connection = Connection::new(world.connect(world.gateway, b"http/1.1").await?);
            let pieces = match &case.send {
                toml::Value::Array(pieces) => pieces.clone(),
                one => vec![one.clone()],
            };
            for piece in pieces.iter().filter_map(toml::Value::as_str) {
                let piece = piece
                    .replace("{smuggled}", &smuggled)
                    .replace("{length}", &smuggled.len().to_string())
                    .replace("{hex}", &format!("{:x}", smuggled.len()))
                    .replace("{host}", &host)
                    .replace("{session}", &session);
                connection.send(piece).await;
            }
            let name = |part: &str| format!("corpus, {}: {part}", case.name);
            for number in 1..=case.status.len() {
                let response = connection.response(case.head).await;
                let is_over = response.is_err();
                report.section(world, &name(&format!("answer {number}")), response);
                if is_over {
                    break;
                }
            }
            match case.closed.as_ref().map_or(Some(true), toml::Value::as_bool) {
                Some(true) => {
                    let end = if connection.is_closed().await { "closed" } else { "goes on" };
                    report.section(world, &name("end"), Err(end.into()));
                }
                Some(false) => {
                    connection.send(format!("GET /ims/health/live HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
                    report.section(world, &name("next request"), connection.response(false).await);
                }
                // The corpus allows both.
                None => {}
            }
        }
    }
    Ok(())
}
