//! `[brand]`: how the pages for people look.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats;

/// `[brand]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Brand {
    /// Name at the top of every page, such as that of your company. Default: "Campaign sign-in" in the language of the page.
    #[schemars(with = "Option<formats::BrandName>")]
    pub name: Option<String>,
    /// Image at the top of every page: an SVG, PNG or JPEG file of at most 256 KB. It is read at start and at reload.
    #[schemars(with = "Option<formats::Logo>")]
    pub logo: Option<PathBuf>,
    /// Colour of buttons, such as "#1d4c9f". Its contrast with white must be at least 3:1. The dark theme lightens it if needed.
    #[schemars(with = "Option<formats::ButtonColor>")]
    pub primary_color: Option<String>,
    /// Colour of links and of the focus. Its contrast with the page must be at least 4.5:1. The dark theme lightens it if needed.
    #[schemars(with = "Option<formats::LinkColor>")]
    pub accent_color: Option<String>,
}
