//! Fills a new file with sessions.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use imsgate::clock::Clock;
use imsgate::internal::Key;
use imsgate::unix_time::UnixTime;
use tokio::sync::mpsc;

use super::bounds::{self, Bounds};
use super::{Outcome, cookies, file, login, open, process};

/// Logins in progress: twice as many as the store puts into one commit, so that it never waits for logins.
const AT_ONCE: usize = 2048;

/// Fills a new file with `count` sessions through the same call as a login; every tenth session is short.
pub async fn fill(directory: &Path, count: usize, bounds: &mut Bounds) -> Outcome {
    let clock = Clock::system();
    let (sessions, _) = open(directory, &clock, bounds)?;
    let (next, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let (sender, mut created) = mpsc::channel(AT_ONCE);
    for _ in 0..AT_ONCE {
        let (sessions, clock, next, sender) = (sessions.clone(), clock.clone(), next.clone(), sender.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let is_short = number % 10 == 0;
                let session = login(&sessions, &clock, is_short).await;
                if sender.send(session.map(|session| (session, is_short))).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut long = std::io::BufWriter::new(std::fs::File::create(cookies(directory))?);
    let mut short: Vec<(UnixTime, Key)> = Vec::new();
    let (mut received, mut resident_at_half) = (0, 0);
    while let Some(session) = created.recv().await {
        match session? {
            (session, true) => short.push((session.data.ends, session.key())),
            (session, false) => writeln!(long, "{}", session.cookie_value())?,
        }
        received += 1;
        if received == count / 2 {
            resident_at_half = process::resident()?;
        }
    }
    long.flush()?;
    // In the order in which the sweep deletes them.
    short.sort_unstable();
    let lines: Vec<String> = short.iter().map(|(_, key)| key.to_string()).collect();
    std::fs::write(directory.join("short"), lines.join("\n"))?;
    let (seconds, count) = (begun.elapsed().as_secs_f64(), u64::try_from(count)?.max(1));
    println!("filled: {count} sessions in {seconds:.0} s");
    let size = process::on_disk(&file(directory))?;
    println!("on the disk: {} MB, {} sessions a MB", size / 1_000_000, count * 1_000_000 / size.max(1));
    bounds.at_most("a session takes on the disk", "bytes", size / count, bounds::FILE_BYTES);
    let resident = process::resident()?;
    println!("in memory: {} sessions a MB", count / resident.max(1));
    bounds.at_most("resident", "MB", resident, bounds::RESIDENT_IN_A_STORM);
    bounds.at_most(
        "more than with half of them",
        "MB",
        resident.saturating_sub(resident_at_half),
        bounds::growth(count),
    );
    Ok(())
}
