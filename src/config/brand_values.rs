//! What the values of `[brand]` may be.

use std::path::Path;

use toml::Value;

use super::value_error::ValueError;
use crate::policy::contrast::{BLACK, BUTTON, Color, LIGHT_GROUND, TEXT, WHITE};

const MAX_LOGO_BYTES: u64 = 256 * 1024;

/// The media type of a logo, from the end of its file name.
pub fn logo_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        _ => None,
    }
}

/// Checks `brand.name`.
pub(super) fn name(text: &str) -> Result<Option<Value>, ValueError> {
    if text.trim().is_empty() || text.chars().count() > 60 || text.chars().any(char::is_control) {
        return Err(ValueError::new(
            "must be a text of 1 to 60 characters in one line",
            "write a shorter name",
        ));
    }
    Ok(Some(Value::from(text.trim())))
}

/// Checks `brand.logo`.
pub(super) fn logo(text: &str) -> Result<Option<Value>, ValueError> {
    let path = Path::new(text);
    if logo_type(path).is_none() {
        return Err(ValueError::new(
            "is not the name of an SVG, PNG or JPEG file",
            "name a file that ends in .svg, .png, .jpg or .jpeg",
        ));
    }
    match std::fs::metadata(path) {
        Ok(file) if file.len() > MAX_LOGO_BYTES => Err(ValueError::new(
            format!("is larger than 256 KB ({} bytes)", file.len()),
            "make the image smaller: it is shown 40 pixels high",
        )),
        Ok(file) if file.is_file() => Ok(Some(Value::from(text))),
        Ok(_) => Err(ValueError::new("is not a file", "name an image file")),
        Err(error) => Err(ValueError::new(
            format!("cannot be read: {error}"),
            "check the name and the rights of the file",
        )),
    }
}

/// Checks `brand.primary_color`. Text on a button is black or white, whichever is readable.
pub(super) fn button_color(text: &str) -> Result<Option<Value>, ValueError> {
    readable(text, WHITE, BUTTON, "a button")
}

/// Checks `brand.accent_color`.
pub(super) fn link_color(text: &str) -> Result<Option<Value>, ValueError> {
    readable(text, LIGHT_GROUND, TEXT, "a link")
}

fn readable(text: &str, ground: Color, least: f64, what: &str) -> Result<Option<Value>, ValueError> {
    let Some(color) = Color::parse(text) else {
        return Err(ValueError::new("is not a colour", "write it in hexadecimal, such as \"#1d4c9f\""));
    };
    let ratio = color.contrast(ground);
    if ratio >= least {
        return Ok(Some(Value::from(color.to_string())));
    }
    let darker = color.towards(BLACK, ground, least);
    // Rounded down: 4.49 is not enough.
    let ratio = (ratio * 100.0).floor() / 100.0;
    Err(ValueError::new(
        format!("has a contrast of {ratio:.2}:1 with the page; {what} needs {least}:1 (WCAG 2.2 level AA)"),
        format!("use a darker colour, such as \"{darker}\""),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_that_is_hard_to_see_is_refused_with_its_ratio_and_a_better_one() {
        let wrong = link_color("#ff9900").unwrap_err();
        assert!(
            wrong.message.contains("1.94:1") && wrong.message.contains("needs 4.5:1"),
            "{}",
            wrong.message
        );
        let better = wrong.fix.split('"').nth(1).unwrap();
        assert!(link_color(better).is_ok(), "{better}");
        assert!(button_color("#ffdd00").unwrap_err().message.contains("a button needs 3:1"));
        assert!(button_color("#d83b01").is_ok());
        assert!(link_color("blue").is_err());
    }

    #[test]
    fn a_logo_is_a_small_image_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: usize| {
            let path = folder.path().join(name);
            std::fs::write(&path, vec![b'x'; bytes]).unwrap();
            path.display().to_string()
        };
        assert!(logo(&file("logo.SVG", 10)).is_ok());
        assert!(logo(&file("logo.gif", 10)).is_err());
        assert!(logo(&file("big.png", 300_000)).unwrap_err().message.contains("larger than 256 KB"));
        assert!(logo("/nowhere/logo.png").unwrap_err().message.contains("cannot be read"));
    }
}
