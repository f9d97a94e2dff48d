//! The one world every test lives in: [`World`] runs the servers, [`Browser`] is a person in front of them, [`logs`]
//! hears what the gateway says about it.

mod answer;
mod browser;
mod front;
mod instance;
mod jar;
mod lag;
mod load;
pub mod logs;
mod missing;
mod open_login;
mod patient;
mod process;
mod redis;
mod reserved;
mod site;
pub mod wire;
mod world;

pub use answer::Answer;
pub use browser::Browser;
pub use front::Front;
pub use instance::Instance;
pub use lag::Lag;
pub use load::{Load, Tally};
pub use missing::missing;
pub use open_login::OpenLogin;
pub use patient::Story;
pub use process::{Process, files};
pub use redis::{KEY, Redis};
pub use site::{Site, installed};
pub use world::{Builder, World};

/// Writes a file that belongs to its owner alone.
pub fn write_secret(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
