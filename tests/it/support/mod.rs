//! What the tests share: [`World`] runs the gateway and its simulators, [`Browser`] is a person's browser, [`logs`] records
//! the log lines of the gateway. Test modules import from here and never from each other.

pub mod account;
pub mod admin;
mod answer;
pub mod assertion;
pub mod behind;
pub mod bodies;
mod browser;
mod checked;
pub mod corpus;
mod eventually;
mod front;
pub mod http1;
pub mod http2_frames;
mod instance;
pub mod instances;
mod jar;
mod lag;
mod load;
mod login_run;
pub mod logs;
pub mod markdown;
mod missing;
pub mod named_tests;
mod open_login;
mod process;
mod redis;
pub mod request;
mod reserved;
pub mod saved_form;
pub mod served;
mod site;
pub mod switches;
pub mod tunnel;
pub mod upstream;
pub mod upstreams;
pub mod websocket;
pub mod wire;
mod world;

#[expect(dead_code, reason = "these tests need plain servers and a Sentinel")]
#[expect(clippy::print_stdout, reason = "it says what is skipped")]
#[path = "../../../src/session/tests/servers.rs"]
pub mod redis_servers;

pub use answer::Answer;
pub use browser::Browser;
pub use checked::{Checked, Finding};
pub use eventually::eventually;
pub use front::Front;
pub use instance::Instance;
pub use lag::Lag;
pub use load::{Load, Tally};
pub use login_run::LoginRun;
pub use missing::missing;
pub use open_login::OpenLogin;
pub use process::{Process, files};
pub use redis::{KEY, Redis};
pub use site::{Site, installed};
pub use world::{Builder, World};

/// Writes a file that belongs to its owner alone.
pub fn write_secret(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
