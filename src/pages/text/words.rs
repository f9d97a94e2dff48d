//! The words of a page, as the table of texts holds them.

/// The words of one page.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What happened, in a few words.
    pub headline: &'static str,
    /// What it means and what to do.
    pub paragraphs: &'static [&'static str],
    /// The label of the button, on pages that have one.
    pub button: &'static str,
}

/// The words of a page: headline, paragraphs, and the label of its button.
pub(super) const fn words(
    headline: &'static str,
    paragraphs: &'static [&'static str],
    button: &'static str,
) -> Words {
    Words { headline, paragraphs, button }
}

pub(super) const WAIT: &str = "Wait a moment, then try again.";
