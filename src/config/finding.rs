//! Findings: what is wrong in a configuration, where, and how to fix it.

use std::fmt::{self, Display, Formatter, Write as _};
use std::sync::Arc;

use super::source::{Location, RedactedFile};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

/// One finding in the configuration. Never holds the value of a secret.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Error or warning.
    pub level: Level,
    /// `ims.client_id`; empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub fix: String,
    /// Where it is.
    pub location: Location,
    /// The file without secrets, unknown values and comments.
    pub(super) shown: Option<Arc<RedactedFile>>,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but a value is probably wrong.
    Warning,
}

/// One line `place: level: key: message`, and a second one with the fix.
impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{}: {level}: {}", self.location, Titled(self))?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "\n    fix: {}", self.fix) }
    }
}

/// Key and message.
struct Titled<'a>(&'a Finding);

impl Display for Titled<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.key.as_str() {
            "" => f.write_str(&self.0.message),
            // A quoted key can contain control characters for the terminal.
            key if key.contains(char::is_control) => {
                write!(f, "`{}`: {}", key.escape_debug(), self.0.message)
            }
            key => write!(f, "`{key}`: {}", self.0.message),
        }
    }
}

/// All findings that make a configuration unusable; at least one.
#[derive(Clone, Debug)]
pub struct ConfigErrors(pub(super) Vec<Finding>);

/// Findings that do not make a configuration unusable.
#[derive(Clone, Debug, Default)]
pub struct Warnings(pub(super) Vec<Finding>);

/// Format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingStyle {
    /// Plain lines `file:line:column: …`, for logs and other programs.
    Plain,
    /// With the lines of the file, for a terminal this many columns wide.
    Terminal {
        /// Columns.
        width: usize,
        /// Whether colours are wanted.
        colour: bool,
    },
}

impl ConfigErrors {
    /// The findings in order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// The findings as text that ends with a line break.
    pub fn render(&self, look: FindingStyle) -> String {
        render(&self.0, look)
    }
}

impl Warnings {
    /// The findings in order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings as text; empty when there are none.
    pub fn render(&self, look: FindingStyle) -> String {
        render(&self.0, look)
    }
}

impl Display for ConfigErrors {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(render(&self.0, FindingStyle::Plain).trim_end())
    }
}

impl std::error::Error for ConfigErrors {}

fn render(findings: &[Finding], look: FindingStyle) -> String {
    let mut text = String::new();
    for finding in findings {
        match look {
            FindingStyle::Plain => {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{finding}");
            }
            FindingStyle::Terminal { width, colour } => {
                let theme =
                    if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
                let handler = GraphicalReportHandler::new_themed(theme)
                    .with_width(width)
                    .with_links(false)
                    .with_context_lines(1)
                    .without_syntax_highlighting();
                let _ = handler.render_report(&mut text, &RenderedFinding(finding));
                text.push('\n');
            }
        }
    }
    text
}

/// A finding as a miette diagnostic.
#[derive(Debug)]
struct RenderedFinding<'a>(&'a Finding);

impl Display for RenderedFinding<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // With a snippet, miette writes the place above it.
        match (&self.0.location, &self.0.shown) {
            (Location::File { .. }, Some(_)) => write!(f, "{}", Titled(self.0)),
            (location, _) => write!(f, "{location}: {}", Titled(self.0)),
        }
    }
}

impl std::error::Error for RenderedFinding<'_> {}

impl Diagnostic for RenderedFinding<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.0.level {
            Level::Error => miette::Severity::Error,
            Level::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        (!self.0.fix.is_empty()).then(|| Box::new(&self.0.fix) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match (&self.0.location, &self.0.shown) {
            (Location::File { .. }, Some(shown)) => Some(&**shown),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Location::File { span, .. } = &self.0.location else { return None };
        let label = LabeledSpan::new_primary_with_span(None, span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}
