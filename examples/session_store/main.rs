//! Measures the embedded session store and compares the figures with the promises of docs/sessions.md.
//!
//! `cargo run --release --example session_store -- [--check] 1000000 [DIRECTORY]` fills a file with that many sessions. Then
//! separate processes measure, one after the other: the bytes that a start reads (after a clean stop, and after `kill -9`), resident
//! memory, the bytes that a look-up outside the cache reads, logins acknowledged per second, whether a crash loses an acknowledged
//! login, and how long logins wait while a tenth of all sessions is swept.
//!
//! With `--check` it fails when a bound is broken. Bytes, reads and turns have bounds; times are printed only, because they depend on
//! how busy the machine is. The bounds do not depend on the number of sessions: 200,000 show the same as 1,000,000.

#![expect(clippy::print_stdout, reason = "it is there to print figures")]

mod bounds;
mod fill;
mod look_up;
mod process;
mod storm;
mod sweep;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use imsgate::clock::Clock;
use imsgate::internal::{
    CampaignSession, Embedded, Identity, Lifetimes, LiveSession, Sessions, Tokens, Vault,
};
use imsgate::internal::{KeyRing, random_text};

use bounds::Bounds;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The allocator of the gateway, because resident memory depends on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, words): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|word| word.starts_with("--"));
    let checks = flags == ["--check"];
    let mut bounds = Bounds::default();
    let outcome = match words.as_slice() {
        _ if !checks && !flags.is_empty() => Err("no option but --check is known".into()),
        ["fill", directory, count] => count
            .parse()
            .map_err(Into::into)
            .and_then(|count| run(fill::fill(Path::new(directory), count, &mut bounds))),
        ["read", directory] => run(look_up::read(Path::new(directory), &mut bounds)),
        ["write", directory] => run(storm::write(Path::new(directory), &mut bounds)),
        ["storm", directory] => run(storm::storm(Path::new(directory))),
        ["sweep", directory] => run(sweep::sweep(Path::new(directory), &mut bounds)),
        [count] => everything(count, None, checks),
        [count, directory] => everything(count, Some(Path::new(directory)), checks),
        _ => Err("how many sessions?".into()),
    };
    match outcome {
        Ok(()) if checks && bounds.are_broken() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(part: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(part)
}

fn everything(count: &str, directory: Option<&Path>, checks: bool) -> Outcome {
    let temporary = tempfile::tempdir()?;
    let directory = directory.unwrap_or(temporary.path());
    std::fs::create_dir_all(directory)?;
    let mut broken = Vec::new();
    let mut part = |name, arguments: &[&str]| -> Outcome {
        let flag = checks.then_some("--check");
        let status = Command::new(std::env::current_exe()?)
            .args(flag)
            .arg(name)
            .arg(directory)
            .args(arguments)
            .status()?;
        if !status.success() {
            broken.push(name);
        }
        Ok(())
    };
    part("fill", &[count])?;
    println!("-- after a clean stop");
    part("read", &[])?;
    part("write", &[])?;
    println!("-- after kill -9 in the middle of logins");
    storm::kill_in_the_middle(directory)?;
    part("read", &[])?;
    println!("-- a tenth of the sessions expires");
    part("sweep", &[])?;
    if broken.is_empty() { Ok(()) } else { Err(format!("failed: {}", broken.join(", ")).into()) }
}

const LIFETIMES: Lifetimes = Lifetimes { idle: Duration::from_hours(12), absolute: Duration::from_hours(12) };

/// How long a session of the tenth that is swept lives; docs/sessions.md says how much longer it is kept.
const SHORT: Duration = Duration::from_hours(2);

/// Sessions in the cache, as in the gateway.
const CACHED: u64 = 10_000;

fn file(directory: &Path) -> PathBuf {
    directory.join("sessions.redb")
}

/// The cookies of the sessions that stay.
fn cookies(directory: &Path) -> PathBuf {
    directory.join("cookies")
}

type Opened = (Sessions, Arc<Vault>);

fn open(directory: &Path, clock: &Clock, bounds: &mut Bounds) -> Outcome<Opened> {
    let (keys, _) = KeyRing::read_or_create(&directory.join("sessions.key"))?;
    let (before, begun) = (process::reads()?, Instant::now());
    let embedded = Embedded::open(&file(directory), clock.clone())?;
    println!("start: {:?} (2 s are promised)", begun.elapsed());
    let read = process::reads()?.since(before);
    let size = std::fs::metadata(file(directory))?.len();
    bounds.at_most("a start reads", "bytes", read.bytes, bounds::START_BYTES + size / bounds::START_SHARE);
    let store = Arc::new(Vault::new(embedded, &keys, clock.clone()));
    Ok((Sessions::new(store.clone(), CACHED, LIFETIMES, clock.clone()), store))
}

/// Creates a session as the callback does once IMS and Campaign have answered. A session without a refresh token lives as long as
/// its access token.
async fn login(sessions: &Sessions, clock: &Clock, is_short: bool) -> Outcome<Arc<LiveSession>> {
    let name = random_text::<8>();
    let identity = Identity {
        user: format!("{}@{}.e", random_text::<16>(), random_text::<16>()),
        email: Some(format!("{name}@example.com")),
        name: Some(name),
        organization: "4E3D60F754C8E5D0A4C98A2@AdobeOrg".to_owned(),
        organization_name: Some("Example".to_owned()),
        groups: vec!["delivery".to_owned(), "operation".to_owned()],
        ims_session: None,
        original: None,
        membership: None,
    };
    let ends = clock.now().plus(if is_short { SHORT } else { LIFETIMES.absolute });
    // The lengths of the tokens of IMS.
    let tokens = Tokens {
        access: random_text::<1100>().into(),
        access_expires: ends,
        refresh: (!is_short).then(|| random_text::<600>().into()),
    };
    let campaign = CampaignSession {
        session_token: random_text::<30>().into(),
        security_token: random_text::<40>().into(),
        ends,
        upstream: None,
        client: None,
    };
    Ok(sessions.create(identity, tokens, Some(campaign), None).await?)
}

/// Median and slowest times.
fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 1000).min(times.len().saturating_sub(1)));
    let at = |share| at(share).copied().unwrap_or_default();
    format!("median {:?}, 99 % {:?}, 99.9 % {:?}, worst {:?}", at(500), at(990), at(999), at(1000))
}
