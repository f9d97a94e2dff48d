//! Many logins at once, also in a process that is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use imsgate::clock::Clock;
use imsgate::internal::Sessions;

use super::bounds::{self, Bounds};
use super::{Outcome, login, open, process, spread};

/// Measures logins per second, with one and with many at once.
pub async fn write(directory: &Path, bounds: &mut Bounds) -> Outcome {
    let clock = Clock::system();
    let (sessions, _) = open(directory, &clock, bounds)?;
    for at_once in [1, 16, 256] {
        let until = Instant::now() + MEASURED;
        let tasks = (0..at_once).map(|_| {
            let (sessions, clock) = (sessions.clone(), clock.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let begun = Instant::now();
                    login(&sessions, &clock, false).await?;
                    times.push(begun.elapsed());
                }
                Outcome::Ok(times)
            })
        });
        let mut times = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            times.extend(task.await??);
        }
        let rate = times.len() as u64 / MEASURED.as_secs();
        println!("logins, {at_once} at once: {rate}/s, {}", spread(&mut times));
    }
    process::is_small(bounds, bounds::RESIDENT)
}

/// Creates sessions until it is killed. Prints each cookie when its login is acknowledged, which is when a browser would get it.
pub async fn storm(directory: &Path) -> Outcome {
    let clock = Clock::system();
    let (sessions, _) = open(directory, &clock, &mut Bounds::default())?;
    let tasks = (0..256).map(|_| {
        let (sessions, clock) = (sessions.clone(), clock.clone());
        tokio::spawn(async move {
            loop {
                let line =
                    format!("{ACKNOWLEDGED}{} .\n", login(&sessions, &clock, false).await?.cookie_value());
                std::io::stdout().write_all(line.as_bytes())?;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let ended: Outcome = task.await?;
        ended?;
    }
    Ok(())
}

/// Kills a process that runs `storm` after some thousand logins, and writes down the acknowledged cookies.
pub fn kill_in_the_middle(directory: &Path) -> Outcome {
    let mut child =
        Command::new(std::env::current_exe()?).arg("storm").arg(directory).stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("its output")?).lines();
    let mut acknowledged = Vec::new();
    // The pipe holds everything printed before the kill; the last line may be incomplete.
    for line in lines.map_while(Result::ok) {
        let cookie = line.strip_prefix(ACKNOWLEDGED).and_then(|rest| rest.strip_suffix(" ."));
        acknowledged.extend(cookie.map(str::to_owned));
        if acknowledged.len() == KILLED_AFTER {
            child.kill()?;
        }
    }
    child.wait()?;
    if acknowledged.len() < KILLED_AFTER {
        return Err("the storm ended before it was killed".into());
    }
    Ok(std::fs::write(acknowledged_file(directory), acknowledged.join("\n"))?)
}

/// Checks that every session acknowledged by `storm` is there. Does nothing when there was no storm.
pub async fn nothing_is_lost(directory: &Path, sessions: &Sessions) -> Outcome {
    let Ok(acknowledged) = std::fs::read_to_string(acknowledged_file(directory)) else { return Ok(()) };
    for cookie in acknowledged.lines() {
        if sessions.peek(cookie).await?.is_none() {
            return Err("a session that was acknowledged before the kill is lost".into());
        }
    }
    println!("acknowledged before the kill: {} sessions, all there", acknowledged.lines().count());
    Ok(())
}

fn acknowledged_file(directory: &Path) -> PathBuf {
    directory.join("acknowledged")
}

const MEASURED: Duration = Duration::from_secs(3);
const ACKNOWLEDGED: &str = "cookie ";
const KILLED_AFTER: usize = 3000;
