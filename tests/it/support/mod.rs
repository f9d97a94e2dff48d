//! The one world every test lives in: [`World`] runs the servers, [`Browser`] is a person in front of them, [`logs`]
//! hears what the gateway says about it.

mod answer;
mod browser;
mod jar;
pub mod logs;
mod open_login;
mod process;
mod redis;
pub mod wire;
mod world;

pub use answer::Answer;
pub use browser::Browser;
pub use open_login::OpenLogin;
pub use process::{Process, files};
pub use redis::Redis;
pub use world::{Builder, World};
