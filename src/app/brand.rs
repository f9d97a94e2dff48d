//! How the pages look, from the configuration.

use crate::config::{self, logo_type};
use crate::pages::{Logo, PageBrand};
use crate::policy::contrast::Color;

/// Name, logo and colours of the pages. The configuration check has read the logo. If it cannot be read now, pages have none.
pub(super) fn brand(brand: &config::Brand) -> PageBrand {
    let logo = brand.logo.as_deref().and_then(|path| {
        let read = std::fs::read(path);
        let bytes = read.inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error, "brand.logo cannot be read: pages are shown without it");
        });
        Some(Logo { media_type: logo_type(path)?, bytes: bytes.ok()?.into() })
    });
    let color = |text: &Option<String>| text.as_deref().and_then(Color::parse);
    PageBrand::new(
        brand.name.as_deref().unwrap_or_default(),
        logo,
        color(&brand.primary_color),
        color(&brand.accent_color),
    )
}
