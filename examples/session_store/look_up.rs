//! Looks up sessions that are in the file but not in the cache.

use std::path::Path;
use std::time::Instant;

use imsgate::clock::Clock;
use imsgate::internal::random_text;

use super::bounds::{self, Bounds};
use super::{Outcome, cookies, file, open, process, spread, storm};

/// Looks up sessions that are far apart, each once; then unknown cookies; then the sessions that `storm` created.
pub async fn read(directory: &Path, bounds: &mut Bounds) -> Outcome {
    process::forget(&file(directory));
    let (sessions, _) = open(directory, &Clock::system(), bounds)?;
    let all = std::fs::read_to_string(cookies(directory))?;
    let all: Vec<&str> = all.lines().collect();
    let step = (all.len() / LOOK_UPS).max(1);
    for (from, where_from) in [(0, "the disk"), (step / 2, "the system's memory, more of them")] {
        let (mut times, before) = (Vec::new(), process::reads()?);
        for cookie in all.iter().skip(from).step_by(step) {
            let begun = Instant::now();
            if sessions.peek(cookie).await?.is_none() {
                return Err("a session is lost".into());
            }
            times.push(begun.elapsed());
        }
        let (count, read) = (u64::try_from(times.len())?.max(1), process::reads()?.since(before));
        println!("look-up outside the cache, from {where_from}: {} (1 ms is promised)", spread(&mut times));
        bounds.at_most("a look-up reads", "bytes", read.bytes / count, bounds::LOOK_UP_BYTES);
        bounds.at_most("a look-up reads", "times", read.calls.div_ceil(count), bounds::LOOK_UP_READS);
    }
    let mut times = Vec::new();
    for _ in 0..LOOK_UPS {
        let begun = Instant::now();
        sessions.peek(&random_text::<16>()).await?;
        times.push(begun.elapsed());
    }
    println!("look-up of unknown cookies: {}", spread(&mut times));
    storm::nothing_is_lost(directory, &sessions).await?;
    process::is_small(bounds, bounds::RESIDENT)
}

/// Twice the number of sessions in the cache.
const LOOK_UPS: usize = 20_000;
