//! Compares the book in `docs` with the program: its links, configurations, commands, keys and names.

mod addresses;
mod commands;
mod configurations;
mod failures;
mod keys;
mod links;
mod reference;
