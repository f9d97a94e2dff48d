//! How the pages of one site look: name, logo and colours, rendered once for each configuration.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;

use crate::policy::contrast::{BUTTON, Color, DARK_SHEET, TEXT, WHITE};

/// The style sheet before the colours of a site.
pub const STYLE: &str = include_str!("../../templates/style.css");

/// Name, logo and style sheet of a site's pages.
#[derive(Debug)]
pub struct PageBrand {
    name: String,
    logo: Option<Logo>,
    style: String,
    /// The start of the content security policy.
    sources: String,
}

/// An image at the top of every page.
#[derive(Clone, Debug)]
pub struct Logo {
    pub media_type: &'static str,
    /// The content of its file.
    pub bytes: Bytes,
}

/// The address of the logo. Its query changes with the image, so browsers may cache it.
pub const LOGO: &str = "/ims/brand/logo";

impl PageBrand {
    /// `name` may be empty; `primary` is the colour of buttons, `accent` that of links.
    pub fn new(name: &str, logo: Option<Logo>, primary: Option<Color>, accent: Option<Color>) -> Self {
        let style = format!("{STYLE}{}", colors(primary, accent));
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let images = if logo.is_some() { " img-src 'self';" } else { "" };
        let sources = format!("default-src 'none';{images} style-src 'sha256-{hash}'");
        Self { name: name.to_owned(), logo, style, sources }
    }

    /// The image at the top of the pages.
    pub fn logo(&self) -> Option<&Logo> {
        self.logo.as_ref()
    }

    /// The name to show; empty: the default name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The style sheet. The hash in the content security policy is over exactly these bytes.
    pub(super) fn style(&self) -> &str {
        &self.style
    }

    /// The part of the content security policy (CSP Level 3) that allows style and logo.
    pub(super) fn sources(&self) -> &str {
        &self.sources
    }
}

impl Default for PageBrand {
    fn default() -> Self {
        Self::new("", None, None, None)
    }
}

impl Logo {
    pub(super) fn address(&self) -> String {
        let hash = digest(&SHA256, &self.bytes);
        format!("{LOGO}?v={}", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..9]))
    }
}

/// The rules that follow the style sheet. The dark theme lightens colours that have too little contrast.
fn colors(primary: Option<Color>, accent: Option<Color>) -> String {
    let (mut light, mut dark, mut plain) = (String::new(), String::new(), String::new());
    let set = |rules: &mut String, names: &[(&str, Color)]| {
        for (name, color) in names {
            let _ = write!(rules, " --{name}: {color};");
        }
    };
    if let Some(fill) = primary {
        for (rules, fill) in [(&mut light, fill), (&mut dark, fill.towards(WHITE, DARK_SHEET, BUTTON))] {
            set(rules, &[("fill", fill), ("on-fill", fill.text_on()), ("fill-hover", fill.hover())]);
        }
        let text = fill.text_on();
        // The first value of each pair is for browsers without variables.
        let _ = write!(
            plain,
            ".button {{ background: {fill}; background: var(--fill); border-color: {fill}; border-color: var(--fill); \
             color: {text}; color: var(--on-fill); }}\n\
             main {{ border-top: 4px solid {fill}; border-top: 4px solid var(--fill); }}\n"
        );
    }
    if let Some(link) = accent {
        set(&mut light, &[("link", link)]);
        set(&mut dark, &[("link", link.towards(WHITE, DARK_SHEET, TEXT))]);
        let _ = writeln!(plain, "a {{ color: {link}; color: var(--link); }}");
    }
    if plain.is_empty() {
        return plain;
    }
    format!(
        "@media screen {{\n:root {{{light} }}\n{plain}}}\n@media screen and (prefers-color-scheme: dark) {{ :root {{{dark} }} }}\n"
    )
}
