//! Colours, and whether people can tell them apart (WCAG 2.2 §1.4.3, §1.4.11).

use std::fmt;

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    /// Red, green and blue.
    rgb: [u8; 3],
}

/// White, the ground of the light theme's content.
pub const WHITE: Color = Color { rgb: [255; 3] };
pub const BLACK: Color = Color { rgb: [0; 3] };
/// The ground of the light theme's pages, the darker one of its two.
pub const LIGHT_GROUND: Color = Color { rgb: [0xf3, 0xf4, 0xf7] };
/// The ground of the dark theme's content, the lighter one of its two.
pub const DARK_SHEET: Color = Color { rgb: [0x1c, 0x21, 0x2a] };

/// The least contrast of text with its ground (level AA).
pub const TEXT: f64 = 4.5;
/// The least contrast of a button with its ground (level AA).
pub const BUTTON: f64 = 3.0;

impl Color {
    /// Reads `#1d4c9f` or `#14f`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let digits: Vec<u8> = digits.chars().map(hex_digit).collect::<Option<_>>()?;
        let pair = |at: usize| {
            if digits.len() == 3 { [digits[at]; 2] } else { [digits[2 * at], digits[2 * at + 1]] }
        };
        matches!(digits.len(), 3 | 6).then(|| {
            let rgb = [0, 1, 2].map(|at| {
                let [high, low] = pair(at);
                high * 16 + low
            });
            Self { rgb }
        })
    }

    /// The contrast of two colours, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if a > b { a / b } else { b / a }
    }

    /// Black or white, whichever is easier to read on this colour. Its contrast is at least 4.5.
    pub fn text_on(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }

    /// This colour, mixed with as little of `end` as gives this contrast with `ground`.
    #[must_use]
    pub fn towards(self, end: Self, ground: Self, contrast: f64) -> Self {
        let mixes = (0..=STEPS).map(|step| self.mixed(end, step));
        mixes.into_iter().find(|mix| mix.contrast(ground) >= contrast).unwrap_or(end)
    }

    /// A slightly different colour, for a button under the pointer: darker, or lighter when it holds black text.
    #[must_use]
    pub fn hover(self) -> Self {
        let end = if self.text_on() == WHITE { BLACK } else { WHITE };
        self.mixed(end, STEPS / 4)
    }

    fn mixed(self, end: Self, step: u16) -> Self {
        let mut rgb = self.rgb;
        for (value, end) in rgb.iter_mut().zip(end.rgb) {
            let mixed = (u16::from(*value) * (STEPS - step) + u16::from(end) * step) / STEPS;
            *value = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
        Self { rgb }
    }

    /// Relative luminance (WCAG 2.2, definitions).
    fn luminance(self) -> f64 {
        let [r, g, b] = self.rgb.map(|value| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.rgb;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// Steps between two colours.
const STEPS: u16 = 50;

fn hex_digit(digit: char) -> Option<u8> {
    digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn color(text: &str) -> Color {
        Color::parse(text).unwrap()
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 1e-9);
        assert!((color("#777777").contrast(WHITE) - 4.48).abs() < 0.01);
        assert!((color("#767676").contrast(WHITE) - 4.54).abs() < 0.01);
        assert!((color("#1473e6").contrast(WHITE) - 4.54).abs() < 0.05);
        assert_eq!(color("#14f"), color("#1144FF"));
        assert_eq!(color("#1d4c9f").to_string(), "#1d4c9f");
    }

    #[test]
    fn only_hexadecimal_colours_are_read() {
        for text in ["", "#", "1d4c9f", "#12", "#1234", "#1d4c9g", "red", "#1d4c9f;}", "#éé", "rgb(1,2,3)"]
        {
            assert_eq!(Color::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_on_any_colour_can_be_read(rgb: [u8; 3]) {
            let ground = Color { rgb };
            prop_assert!(ground.contrast(ground.text_on()) >= TEXT);
        }

        #[test]
        fn any_colour_can_be_made_readable(rgb: [u8; 3]) {
            let color = Color { rgb };
            prop_assert!(color.towards(WHITE, DARK_SHEET, TEXT).contrast(DARK_SHEET) >= TEXT);
            prop_assert!(color.towards(BLACK, LIGHT_GROUND, TEXT).contrast(LIGHT_GROUND) >= TEXT);
            prop_assert!(color.towards(BLACK, WHITE, 0.0) == color, "no more than needed");
        }

        #[test]
        fn what_is_written_is_read(rgb: [u8; 3]) {
            let color = Color { rgb };
            prop_assert_eq!(Color::parse(&color.to_string()), Some(color));
        }
    }
}
