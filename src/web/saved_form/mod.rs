//! Forms that arrive after their session has ended: saved, confirmed by their sender after the next login, and then sent to Campaign.

pub mod confirm;
pub mod replay;
pub mod save;
pub mod submit;
