//! A tenth of all sessions expires at once, while people sign in and go on working.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use imsgate::clock::Clock;
use imsgate::internal::{Key, Sessions, Vault};

use super::bounds::{self, Bounds};
use super::{Outcome, SHORT, cookies, login, open, process, spread};

/// Moves the clock past the end of the short sessions and waits until the last of them is deleted.
pub async fn sweep(directory: &Path, bounds: &mut Bounds) -> Outcome {
    let clock = Clock::movable();
    let (sessions, vault) = open(directory, &clock, bounds)?;
    let short = std::fs::read_to_string(directory.join("short"))?;
    let short: Vec<Key> = short.lines().filter_map(Key::parse).collect();
    let (first, last) = (*short.first().ok_or("no session")?, *short.last().ok_or("no session")?);
    let long = BufReader::new(File::open(cookies(directory))?).lines().take(AT_WORK);
    let long: Arc<Vec<String>> = Arc::new(long.collect::<Result<_, _>>()?);
    clock.advance(SHORT + Duration::from_hours(1));

    let crowd = Arc::new(Crowd::default());
    let tasks = (0..AT_ONCE).map(|number| {
        let (crowd, sessions, clock, long) = (crowd.clone(), sessions.clone(), clock.clone(), long.clone());
        tokio::spawn(
            async move { crowd.work(&sessions, &clock, long.iter().skip(number).step_by(AT_ONCE)).await },
        )
    });
    let tasks: Vec<_> = tasks.collect();
    until_gone(&vault, first).await?;
    let (begun, before) = (Instant::now(), crowd.logins.load(Ordering::Relaxed));
    until_gone(&vault, last).await?;
    let (took, logins) = (begun.elapsed(), crowd.logins.load(Ordering::Relaxed) - before);
    crowd.is_over.store(true, Ordering::Relaxed);

    let (mut looks, mut acknowledged) = (Vec::new(), Vec::new());
    for task in tasks {
        let (look_ups, logins) = task.await??;
        looks.extend(look_ups);
        acknowledged.extend(logins);
    }
    println!("swept {} sessions in {took:?}; meanwhile:", short.len());
    println!("look-ups: {}", spread(&mut looks));
    println!("{logins} logins: {}", spread(&mut acknowledged));
    let each = u64::try_from(short.len())? / logins.max(1);
    bounds.at_most("swept between two logins", "sessions", each, bounds::SWEPT_BETWEEN_LOGINS);
    for key in short {
        if vault.store().load(key).await?.is_some() {
            return Err("an expired session is still there".into());
        }
    }
    process::is_small(bounds, bounds::RESIDENT_IN_A_STORM)
}

/// Waits until the session is deleted from the file.
async fn until_gone(vault: &Vault, key: Key) -> Outcome {
    while vault.store().load(key).await?.is_some() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// People who look up sessions and sign in, in turn, until the sweep is over.
#[derive(Debug, Default)]
struct Crowd {
    logins: AtomicU64,
    is_over: AtomicBool,
}

impl Crowd {
    async fn work(
        &self,
        sessions: &Sessions,
        clock: &Clock,
        cookies: impl Iterator<Item = &String> + Clone,
    ) -> Outcome<(Vec<Duration>, Vec<Duration>)> {
        let (mut looks, mut logins) = (Vec::new(), Vec::new());
        for cookie in cookies.cycle() {
            let begun = Instant::now();
            if sessions.find(cookie).await?.is_none() {
                return Err("a session that lives was swept".into());
            }
            looks.push(begun.elapsed());
            let begun = Instant::now();
            login(sessions, clock, false).await?;
            logins.push(begun.elapsed());
            self.logins.fetch_add(1, Ordering::Relaxed);
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok((looks, logins))
    }
}

const AT_ONCE: usize = 16;
/// Sessions that are looked up: twice the number in the cache.
const AT_WORK: usize = 20_000;
