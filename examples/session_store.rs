//! Figures of the embedded session store: `cargo run --release --example session_store -- 1000000 [DIRECTORY]`.
//!
//! Fills a file with that many sessions, then asks processes of their own: how long a start takes (after a clean stop, and
//! after `kill -9`), how much memory is resident, what a look-up outside the cache costs, how many logins a second are
//! acknowledged, and how long anybody waits while a tenth of all sessions is swept.

#![expect(clippy::print_stdout, reason = "it is there to print figures")]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use imsgate::clock::Clock;
use imsgate::crypto::{KeyRing, random_text};
use imsgate::session::{
    CampaignSession, Embedded, Identity, Lifetimes, SealedStore, Sessions, Store as _, Tokens,
};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["fill", directory, count] => runtime.block_on(fill(Path::new(directory), count.parse()?)),
        ["read", directory] => runtime.block_on(read(Path::new(directory))),
        ["write", directory] => runtime.block_on(write(Path::new(directory))),
        ["sweep", directory] => runtime.block_on(sweep(Path::new(directory))),
        [count] => all(count, &tempfile::tempdir()?.keep()),
        [count, directory] => all(count, Path::new(directory)),
        _ => Err("how many sessions?".into()),
    }
}

fn all(count: &str, directory: &Path) -> Outcome {
    std::fs::create_dir_all(directory)?;
    let directory_text = directory.to_str().ok_or("a directory with a readable name")?;
    let part = |arguments: &[&str]| Command::new(std::env::current_exe()?).args(arguments).status();
    part(&["fill", directory_text, count])?;
    println!("-- after a clean stop");
    part(&["read", directory_text])?;
    part(&["write", directory_text])?;
    println!("-- after kill -9 in the middle of logins");
    let mut child = Command::new(std::env::current_exe()?)
        .args(["write", directory_text])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("its output")?).read_line(&mut line)?;
    std::thread::sleep(Duration::from_secs(2));
    child.kill()?;
    child.wait()?;
    part(&["read", directory_text])?;
    println!("-- a tenth of the sessions expires");
    part(&["sweep", directory_text])?;
    Ok(())
}

const LIFETIMES: Lifetimes = Lifetimes { idle: Duration::from_hours(12), absolute: Duration::from_hours(12) };

fn file(directory: &Path) -> PathBuf {
    directory.join("sessions.redb")
}

type Opened = (Sessions, Arc<SealedStore<Embedded>>);

fn open(directory: &Path, clock: &Clock) -> Result<Opened, Box<dyn Error>> {
    let begun = Instant::now();
    let (keys, _) = KeyRing::read_or_create(&directory.join("sessions.key"))?;
    let embedded = Embedded::open(&file(directory), clock.clone())?;
    let store = Arc::new(SealedStore::new(embedded, &keys, clock.clone()));
    println!("start: {:?}, resident {} MB", begun.elapsed(), resident());
    std::io::stdout().flush()?;
    Ok((Sessions::new(store.clone(), 10_000, LIFETIMES, clock.clone()), store))
}

async fn login(
    sessions: &Sessions,
    lifetime: Duration,
    clock: &Clock,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let name = random_text::<8>();
    let identity = Identity {
        user: format!("{}@{}.e", random_text::<16>(), random_text::<16>()),
        email: Some(format!("{name}@example.com")),
        name: Some(name),
        organization: "4E3D60F754C8E5D0A4C98A2@AdobeOrg".to_owned(),
        organization_name: Some("Example".to_owned()),
        groups: vec!["delivery".to_owned(), "operation".to_owned()],
        ims_session: None,
    };
    // As long as those of IMS.
    let tokens = Tokens {
        access: random_text::<1100>().into(),
        access_expires: clock.now().plus(lifetime),
        refresh: Some(random_text::<600>().into()),
    };
    let campaign = CampaignSession {
        session_token: random_text::<30>().into(),
        security_token: random_text::<40>().into(),
        ends: clock.now().plus(lifetime),
    };
    Ok(sessions.create(identity, tokens, Some(campaign)).await?.cookie_value())
}

async fn fill(directory: &Path, count: usize) -> Outcome {
    let clock = Clock::system();
    let (sessions, _) = open(directory, &clock)?;
    let begun = Instant::now();
    let mut cookies = std::io::BufWriter::new(std::fs::File::create(directory.join("cookies"))?);
    let at_once = 1024;
    for first in (0..count).step_by(at_once) {
        let logins = (first..count.min(first + at_once)).map(|number| {
            let (sessions, clock) = (sessions.clone(), clock.clone());
            let hours = if number % 10 == 0 { 2 } else { 12 };
            tokio::spawn(async move { login(&sessions, Duration::from_hours(hours), &clock).await })
        });
        for login in logins.collect::<Vec<_>>() {
            writeln!(cookies, "{}", login.await?.map_err(|error| error.to_string())?)?;
        }
    }
    cookies.flush()?;
    let seconds = begun.elapsed().as_secs_f64();
    let megabytes = std::fs::metadata(file(directory))?.len() / 1_000_000;
    println!("filled: {count} sessions in {seconds:.0} s, file {megabytes} MB, resident {} MB", resident());
    Ok(())
}

async fn read(directory: &Path) -> Outcome {
    let (sessions, _) = open(directory, &Clock::system())?;
    let cookies = std::fs::read_to_string(directory.join("cookies"))?;
    let cookies: Vec<&str> = cookies.lines().collect();
    let mut times = Vec::new();
    // Far from each other, and none twice.
    for cookie in cookies.iter().step_by((cookies.len() / 20_000).max(1)) {
        let begun = Instant::now();
        if sessions.find(cookie).await?.is_none() {
            return Err("a session is lost".into());
        }
        times.push(begun.elapsed());
    }
    println!("look-up outside the cache: {}, resident {} MB", spread(&mut times), resident());
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let begun = Instant::now();
        sessions.find(&random_text::<16>()).await?;
        times.push(begun.elapsed());
    }
    println!("look-up of unknown cookies: {}", spread(&mut times));
    Ok(())
}

async fn write(directory: &Path) -> Outcome {
    let clock = Clock::system();
    let (sessions, _) = open(directory, &clock)?;
    for at_once in [1, 16, 256] {
        let until = Instant::now() + Duration::from_secs(5);
        let tasks = (0..at_once).map(|_| {
            let (sessions, clock) = (sessions.clone(), clock.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let begun = Instant::now();
                    if login(&sessions, Duration::from_hours(12), &clock).await.is_ok() {
                        times.push(begun.elapsed());
                    }
                }
                times
            })
        });
        let mut times = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            times.extend(task.await?);
        }
        println!("logins, {at_once} at once: {}/s, {}", times.len() / 5, spread(&mut times));
    }
    println!("resident {} MB", resident());
    Ok(())
}

async fn sweep(directory: &Path) -> Outcome {
    let clock = Clock::movable();
    let (sessions, store) = open(directory, &clock)?;
    let cookies = std::fs::read_to_string(directory.join("cookies"))?;
    // The last of those that expire in two hours; the file sweeps in the order of time.
    let last = cookies.lines().step_by(10).last().ok_or("no session")?.to_owned();
    let stays = cookies.lines().skip(1).step_by(10).map(str::to_owned).collect::<Vec<_>>();
    let key = imsgate::session::Key::of(last.parse()?);
    clock.advance(Duration::from_hours(3));
    let begun = Instant::now();
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    for cookie in stays.iter().cycle() {
        let read = Instant::now();
        sessions.find(cookie).await?;
        reads.push(read.elapsed());
        let write = Instant::now();
        login(&sessions, Duration::from_hours(12), &clock).await.map_err(|error| error.to_string())?;
        writes.push(write.elapsed());
        // False as soon as it is swept: `remove` of what is not there.
        if store.page(None, 1).await?.keys.is_empty() || !present(&store, key).await? {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "swept in {:?}; meanwhile: look-ups {}; logins {}",
        begun.elapsed(),
        spread(&mut reads),
        spread(&mut writes)
    );
    println!("resident {} MB", resident());
    Ok(())
}

/// Whether the file still has it, expired or not.
async fn present(store: &SealedStore<Embedded>, key: imsgate::session::Key) -> Result<bool, Box<dyn Error>> {
    use imsgate::session::Backend as _;
    Ok(store.backend().load(key).await?.is_some())
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 1000).min(times.len().saturating_sub(1)));
    let at = |share| at(share).copied().unwrap_or_default();
    format!("median {:?}, 99 % {:?}, 99.9 % {:?}, worst {:?}", at(500), at(990), at(999), at(1000))
}

/// Resident memory of this process in MB (Linux).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or_default() / 1000
}
