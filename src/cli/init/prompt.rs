//! Asks questions at a terminal or through a pipe.

use std::io::{self, BufRead as _, IsTerminal as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::cli::output::out;

/// Reads answers from standard input, one a line.
pub(super) struct AnswerReader {
    is_terminal: bool,
}

impl AnswerReader {
    pub(super) fn of_stdin() -> Self {
        Self { is_terminal: io::stdin().is_terminal() }
    }

    /// Shows the question and reads one line without its end. A secret is not shown while it is typed.
    ///
    /// # Errors
    /// When the input ends.
    pub(super) fn ask(&mut self, question: &str, is_secret: bool) -> io::Result<String> {
        out(question);
        let mut line = String::new();
        let hidden = (is_secret && self.is_terminal).then(Hidden::begin).flatten();
        let read = io::stdin().lock().read_line(&mut line);
        let was_hidden = hidden.is_some();
        drop(hidden);
        if was_hidden || !self.is_terminal {
            out("\n");
        }
        if read? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the input ended before the last answer",
            ));
        }
        Ok(line.trim_end_matches(['\n', '\r']).to_owned())
    }
}

/// Hides what is typed at the terminal until it is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).ok()?;
        Some(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
