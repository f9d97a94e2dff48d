//! The book in `docs`: what it links to, configures, runs and names is there and works.

mod addresses;
mod commands;
mod configurations;
mod failures;
mod keys;
mod links;
mod reference;
