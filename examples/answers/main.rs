//! Writes the answers of a build of the gateway to a file, so that two builds can be compared.
//!
//! `cargo run --example answers -- --bin target/release/imsgate answers.txt` starts that program with simulators around it and
//! sends the request corpus, some logins, and every route and several paths for each kind of client and of session. The file
//! holds every answer and every request that reached Campaign, without ports, ids, tokens and times.
//! `cargo run --example answers -- --compare old.txt new.txt` prints what differs. It needs redis-server.

#![expect(clippy::print_stdout, reason = "it prints differences")]

mod browser;
mod corpus;
mod mask;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use browser::{Browser, Kind, Protocol, at_ims, button};
use wire::Message;
use world::World;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--bin", program, file] => write(Path::new(program), Path::new(file)).map(|()| true),
        ["--compare", old, new] => compare(Path::new(old), Path::new(new)),
        _ => Err("usage: --bin PROGRAM FILE, or --compare FILE FILE".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The sections of two files that are not the same; true when there are none.
fn compare(old: &Path, new: &Path) -> Outcome<bool> {
    let (old, new) = (std::fs::read_to_string(old)?, std::fs::read_to_string(new)?);
    let sections = |text: &str| -> Vec<(String, Vec<String>)> {
        let section = |section: &str| {
            let mut lines = section.lines().map(str::to_owned);
            (lines.next().unwrap_or_default(), lines.collect())
        };
        text.split(HEAD).map(section).collect()
    };
    let (old, new) = (sections(&old), sections(&new));
    let find = |all: &[(String, Vec<String>)], name: &str| {
        all.iter().find(|(known, _)| known == name).map(|(_, lines)| lines.clone()).unwrap_or_default()
    };
    let added = new.iter().filter(|(name, _)| !old.iter().any(|(known, _)| known == name));
    let mut count = 0;
    for (name, _) in old.iter().chain(added) {
        let (before, after) = (find(&old, name), find(&new, name));
        if before != after {
            count += 1;
            println!("{HEAD}{name}");
            before.iter().filter(|line| !after.contains(line)).for_each(|line| println!("- {line}"));
            after.iter().filter(|line| !before.contains(line)).for_each(|line| println!("+ {line}"));
            println!(
                "  {} lines before, {} after; lines only in another place are not shown",
                before.len(),
                after.len()
            );
        }
    }
    println!("{count} of {} sections differ", old.len());
    Ok(count == 0)
}

#[tokio::main]
async fn write(program: &Path, file: &Path) -> Outcome<()> {
    let mut world = World::start(program).await?;
    let mut report = Report::default();
    corpus::run(&world, &mut report).await?;
    logins(&world, &mut report).await?;
    saved_form(&world, &mut report).await?;
    for state in [State::Anonymous, State::SignedIn, State::Expired] {
        every_request(&world, &mut report, state, &[]).await?;
    }
    // They sign in at the first gateway, so that the other one has to ask the store for their sessions.
    let mut people = Vec::new();
    for _ in 0..ROUTES.len() + PATHS.len() {
        people.push(signed_in(&world).await?);
    }
    let mut late = Browser::default();
    let login = late.ask(&world, world.other, Protocol::Http1, Kind::Page, "GET /ims/login").await?;
    world.stop_redis()?;
    let callback = format!("GET {}", at_ims(&world, &login, Some("alice")).await?);
    report.step(&world, world.other, &mut late, "callback, store down", &callback).await?;
    every_request(&world, &mut report, State::AnonymousStoreDown, &[]).await?;
    every_request(&world, &mut report, State::StoreDown, &people).await?;
    world.stop_gateways()?;
    report.soap_calls(&world);
    Ok(std::fs::write(file, report.0)?)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Anonymous,
    SignedIn,
    Expired,
    AnonymousStoreDown,
    StoreDown,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::SignedIn => "signed in",
            Self::Expired => "expired",
            Self::AnonymousStoreDown => "anonymous, store down",
            Self::StoreDown => "signed in, store down",
        }
    }
}

/// All routes and paths for all kinds of clients over both protocols; `people` are signed in already.
async fn every_request(world: &World, report: &mut Report, state: State, people: &[Browser]) -> Outcome<()> {
    let down = matches!(state, State::AnonymousStoreDown | State::StoreDown);
    let gateway = if down { world.other } else { world.gateway };
    for (number, request) in ROUTES.iter().chain(PATHS).enumerate() {
        for (kind, kind_name) in [(Kind::Page, "page"), (Kind::Json, "JSON"), (Kind::Soap, "SOAP")] {
            for (protocol, protocol_name) in [(Protocol::Http1, "HTTP/1.1"), (Protocol::Http2, "HTTP/2")] {
                let mut browser = match state {
                    State::Anonymous | State::AnonymousStoreDown => Browser::default(),
                    State::SignedIn => signed_in(world).await?,
                    State::Expired => expired(world).await?,
                    State::StoreDown => people[number].clone(),
                };
                world.campaign.take();
                let response = browser.ask(world, gateway, protocol, kind, request).await;
                let name = format!("{}, {kind_name}, {protocol_name}: {request}", state.name());
                report.section(world, &name, response);
            }
        }
    }
    Ok(())
}

/// A browser in which alice signed in.
async fn signed_in(world: &World) -> Outcome<Browser> {
    let mut browser = Browser::default();
    browser.sign_in(world, world.gateway, "alice", "/view/home").await?;
    Ok(browser)
}

/// A browser whose session was ended by another browser with the same cookie.
async fn expired(world: &World) -> Outcome<Browser> {
    let browser = signed_in(world).await?;
    let mut other = browser.clone();
    other.ask(world, world.gateway, Protocol::Http1, Kind::Page, "POST /ims/logout").await?;
    Ok(browser)
}

async fn logins(world: &World, report: &mut Report) -> Outcome<()> {
    for who in ["alice", "bob", "carol", "dave", "erin"] {
        let mut browser = Browser::default();
        let name = |step| format!("login of {who}: {step}");
        let login =
            report.step(world, world.gateway, &mut browser, &name("login"), "GET /view/home?a=b").await?;
        let callback = format!("GET {}", at_ims(world, &login, Some(who)).await?);
        let mut copy = browser.clone();
        report.step(world, world.gateway, &mut browser, &name("callback"), &callback).await?;
        report.step(world, world.gateway, &mut browser, &name("callback again"), &callback).await?;
        report.step(world, world.gateway, &mut copy, &name("callback of another browser"), &callback).await?;
        report.step(world, world.gateway, &mut browser, &name("page"), "GET /view/home?a=b").await?;
        report.step(world, world.gateway, &mut browser, &name("logout"), "POST /ims/logout").await?;
    }
    let mut browser = Browser::default();
    let login = report.step(world, world.gateway, &mut browser, "declined: login", "GET /view/home").await?;
    let callback = at_ims(world, &login, Some("alice")).await?;
    let state = callback.split(['?', '&']).find(|pair| pair.starts_with("state=")).ok_or("a state")?;
    let declined = format!("GET /ims/callback?error=access_denied&{state}");
    report.step(world, world.gateway, &mut browser, "declined: callback", &declined).await?;
    Ok(())
}

async fn saved_form(world: &World, report: &mut Report) -> Outcome<()> {
    let mut browser = expired(world).await?;
    let gateway = world.gateway;
    let saved =
        report.step(world, gateway, &mut browser, "form: post", "POST /xtk/demo/form label=late&a=b").await?;
    let silent = format!("GET {}", at_ims(world, &saved, None).await?);
    let again =
        report.step(world, gateway, &mut browser, "form: nobody is signed in at IMS", &silent).await?;
    let callback = format!("GET {}", at_ims(world, &again, Some("alice")).await?);
    let resume = report.step(world, gateway, &mut browser, "form: callback", &callback).await?;
    let resume = format!("GET {}", resume.field("location").unwrap_or_default());
    let page = report.step(world, gateway, &mut browser, "form: question", &resume).await?;
    let (action, id) = button(&page)?;
    let send = format!("POST {action} imsgate-kept={id}");
    report.step(world, gateway, &mut browser, "form: confirmed", &send).await?;
    report.step(world, gateway, &mut browser, "form: confirmed again", &send).await?;
    Ok(())
}

/// What is written to the file.
#[derive(Default)]
struct Report(String);

impl Report {
    /// One answer, and the requests that reached Campaign since the last section.
    fn section(&mut self, world: &World, name: &str, response: Outcome<Message>) {
        let mut text = format!("{HEAD}{name}\n");
        match response {
            Ok(response) => response.print("<", &mut text),
            Err(error) => {
                let _ = writeln!(text, "< {error}");
            }
        }
        world.campaign.take().iter().for_each(|request| request.print(">", &mut text));
        self.0.push_str(&world.mask.apply(&text));
    }

    /// One request of a login or of a saved form, sent as a page.
    async fn step(
        &mut self,
        world: &World,
        gateway: std::net::SocketAddr,
        browser: &mut Browser,
        name: &str,
        request: &str,
    ) -> Outcome<Message> {
        world.campaign.take();
        let response = browser.ask(world, gateway, Protocol::Http1, Kind::Page, request).await?;
        self.section(world, name, Ok(response.clone()));
        Ok(response)
    }

    /// The gateway's own SOAP calls with their counts. Their order differs from run to run, because some are made in the background.
    fn soap_calls(&mut self, world: &World) {
        let mut counts = BTreeMap::<String, usize>::new();
        for call in world.campaign.soap_calls() {
            let mut text = String::new();
            call.print(">", &mut text);
            *counts.entry(world.mask.apply(&text)).or_default() += 1;
        }
        let _ = writeln!(self.0, "{HEAD}SOAP calls of the gateway");
        for (call, count) in counts {
            let _ = writeln!(self.0, "{count} times\n{call}");
        }
    }
}

const HEAD: &str = "### ";
/// The addresses of the gateway itself: method, target, and a body where there is one.
const ROUTES: &[&str] = &[
    "GET /ims/login?return_to=/view/home",
    "GET /ims/callback",
    "GET /ims/callback?code=x&state=y",
    "GET /ims/callback?error=access_denied&state=y",
    "GET /ims/logout",
    "POST /ims/logout",
    "POST /ims/sign-out-everywhere",
    "GET /ims/signed-out",
    "GET /ims/resume?return_to=/view/home",
    "POST /ims/resume/discard imsgate-kept=x",
    "POST /ims/backchannel-logout logout_token=x",
    "GET /ims/me",
    "HEAD /ims/me",
    "GET /ims/auth",
    "GET /ims/jwks.json",
    "GET /ims/health/live",
    "GET /ims/health/ready",
    "GET /ims/health/sign-in",
    "GET /ims/unknown",
    "DELETE /ims/me",
];
/// Public, closed and private paths, and some that are refused.
const PATHS: &[&str] = &[
    "GET /r/test",
    "POST /r/test a=b",
    "GET /view/home?x=1",
    "GET //view//home",
    "HEAD /view/home",
    "POST /xtk/demo/form a=b",
    "POST /nl/jsp/soaprouter.jsp <e/>",
    "GET /view/moved",
    "GET /view/expired",
    "POST /view/expired a=b",
    "GET /nl/jsp/ooconv.jsp",
    "GET /res/x.jsp",
    "GET /r/x%252e/y",
    "GET /view/../home",
    "TRACE /view/home",
];
