//! Parses the text of a mask. Errors name the wrong part of the text.

use std::ops::Range;

use regex::RegexBuilder;
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{self, Ast, Visitor};
use regex_syntax::hir::translate::Translator;
use thiserror::Error;

use super::{Mask, MaskKind, literal};

/// Why a text is not a valid association mask.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MaskError {
    /// An empty mask: it would turn every configuration name into a group.
    #[error("the mask is empty: every configuration name would be a Campaign group")]
    Empty,
    /// Not a regular expression.
    #[error("the mask is not a valid regular expression: {message}")]
    Syntax {
        /// The error of the regular expression parser.
        message: String,
        /// Position of the error, in bytes.
        span: Range<usize>,
    },
    /// More than one capture group: it is unclear which one is the Campaign group.
    #[error("the mask has {count} capture groups, and only one can be the Campaign group")]
    Groups {
        /// Number of capture groups, including named ones.
        count: usize,
        /// Position of the second capture group, in bytes.
        second: Range<usize>,
    },
    /// The compiled expression exceeds the size limit.
    #[error("the mask is too large once compiled")]
    TooLarge,
    /// The expression cannot be anchored to the whole name, for example because of a trailing comment in `(?x)` mode.
    #[error("the mask cannot be anchored to the whole configuration name")]
    NotAnchored,
}

impl MaskError {
    /// The wrong part of the mask, in bytes, if the error has one position.
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Syntax { span, .. } => Some(span.clone()),
            Self::Groups { second, .. } => Some(second.clone()),
            Self::Empty | Self::TooLarge | Self::NotAnchored => None,
        }
    }

    pub fn fix(&self) -> &'static str {
        match self {
            Self::Empty => "write the mask of the external account, for example `Campaign - acme - (.*)`",
            Self::Syntax { .. } => {
                "fix the expression; to use one of the characters \\ . + * ? ( ) | [ ] { } ^ $ as itself, write \\ before it"
            }
            Self::Groups { .. } => {
                "keep ( ) around the Campaign group alone and write (?:…) for every other group"
            }
            Self::TooLarge => "shorten the expression; large repetitions such as {1000} multiply",
            Self::NotAnchored => "remove the comment or the (?x) mode",
        }
    }
}

/// Parses a mask. The expression is first compiled alone, so that `a)|(b` cannot break out of the group that anchors it.
pub(super) fn parse(text: &str) -> Result<Mask, MaskError> {
    if text.trim().is_empty() {
        return Err(MaskError::Empty);
    }
    let ast = Parser::new().parse(text).map_err(|error| syntax(error.kind(), *error.span()))?;
    let hir = Translator::new().translate(text, &ast).map_err(|error| syntax(error.kind(), *error.span()))?;
    compile(text, false).ok_or(MaskError::TooLarge)?;

    let groups = capture_groups(&ast);
    let kind = match groups.as_slice() {
        [] => MaskKind::Prefix,
        [_] => {
            let whole = format!(r"\A(?:{text})\z");
            MaskKind::Pattern {
                exact: compile(&whole, false).ok_or(MaskError::NotAnchored)?,
                any_case: compile(&whole, true),
            }
        }
        [_, second, ..] => return Err(MaskError::Groups { count: groups.len(), second: second.clone() }),
    };
    let (literal, literal_in_any_case) = match kind {
        MaskKind::Prefix => (text.to_owned(), false),
        MaskKind::Pattern { .. } => literal::before_group(&hir),
    };
    Ok(Mask { text: text.to_owned(), kind, literal, literal_in_any_case })
}

fn syntax(message: &impl ToString, span: ast::Span) -> MaskError {
    MaskError::Syntax { message: message.to_string(), span: span.start.offset..span.end.offset }
}

fn compile(text: &str, any_case: bool) -> Option<regex::Regex> {
    RegexBuilder::new(text).case_insensitive(any_case).size_limit(SIZE_LIMIT).build().ok()
}

fn capture_groups(ast: &Ast) -> Vec<Range<usize>> {
    struct Groups(Vec<Range<usize>>);

    impl Visitor for Groups {
        type Output = Vec<Range<usize>>;
        type Err = std::convert::Infallible;

        fn finish(self) -> Result<Self::Output, Self::Err> {
            Ok(self.0)
        }

        fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
            if let Ast::Group(group) = ast
                && group.is_capturing()
            {
                self.0.push(group.span.start.offset..group.span.end.offset);
            }
            Ok(())
        }
    }

    let Ok(groups) = ast::visit(ast, Groups(Vec::new()));
    groups
}

/// Largest compiled expression, in bytes: ample for any configuration name.
const SIZE_LIMIT: usize = 1 << 20;
