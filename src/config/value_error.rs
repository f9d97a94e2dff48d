//! What is wrong with one value.

use std::ops::Range;

use crate::files::FileError;

/// What is wrong with a value, and how to fix it. Never quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    pub(super) message: String,
    pub(super) fix: String,
    /// The wrong part of the text, in bytes; `None`: all of it.
    pub(super) part: Option<Range<usize>>,
}

impl ValueError {
    pub(super) fn new(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { message: message.into(), fix: fix.into(), part: None }
    }
}

impl From<&FileError> for ValueError {
    fn from(error: &FileError) -> Self {
        Self::new(format!("cannot use {}: {}", error.path.display(), error.reason()), error.fix())
    }
}
