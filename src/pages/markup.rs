//! HTML that templates do not escape. Only this file turns text into HTML.

use std::fmt;

use askama::filters::{Escaper as _, Html, HtmlSafe};

/// A piece of HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// A message of the gateway. It holds no character of HTML (a test checks), and its arguments are markup.
    pub(super) fn message(html: String) -> Self {
        Self(html)
    }

    /// Untrusted text, isolated from the direction of the text around it (HTML §4.5.24).
    pub(super) fn text(text: &str) -> Self {
        Self(format!("<bdi>{}</bdi>", Escaped(text)))
    }

    /// Text without an element, for the title of a window.
    pub(super) fn plain(text: &str) -> Self {
        Self(Escaped(text).to_string())
    }

    /// An image. `src` must be an address of this origin.
    pub(super) fn image(src: &str, alt: &str) -> Self {
        Self(format!("<img src=\"{}\" alt=\"{}\">", Escaped(src), Escaped(alt)))
    }

    /// Emphasized untrusted text.
    pub(super) fn strong(text: &str) -> Self {
        Self(format!("<strong><bdi>{}</bdi></strong>", Escaped(text)))
    }

    /// A code that people copy.
    pub(super) fn code(text: &str) -> Self {
        Self(format!("<code>{}</code>", Escaped(text)))
    }

    /// A link. `href` must be an address of this origin or `mailto:`.
    pub(super) fn link(href: &str, text: &str) -> Self {
        Self(format!("<a href=\"{}\">{}</a>", Escaped(href), Escaped(text)))
    }

    /// A time: its machine-readable form, and the text to show.
    pub(super) fn time(datetime: &str, title: &str, text: &str) -> Self {
        let (datetime, title, text) = (Escaped(datetime), Escaped(title), Escaped(text));
        Self(format!("<time datetime=\"{datetime}\" title=\"{title}\">{text}</time>"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Text with the characters of HTML escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Html.write_escaped_str(f, self.0)
    }
}
