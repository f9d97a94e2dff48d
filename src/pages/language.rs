//! The languages of the pages.

use http::HeaderValue;

use crate::policy::accept_language;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Spanish,
    French,
    German,
    Japanese,
}

impl Language {
    /// All of them; the first is the default.
    pub const ALL: [Self; 5] = [Self::English, Self::Spanish, Self::French, Self::German, Self::Japanese];

    const TAGS: [&'static str; 5] = ["en", "es", "fr", "de", "ja"];

    /// The one that this `Accept-Language` prefers; English when it prefers none of them.
    pub fn preferred(accept_language: Option<&HeaderValue>) -> Self {
        accept_language
            .map_or(Self::English, |field| Self::ALL[accept_language::best(field.as_bytes(), &Self::TAGS)])
    }

    /// Its tag (RFC 5646), for `lang` and `Content-Language`.
    pub fn tag(self) -> &'static str {
        Self::TAGS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_is_found_by_its_tag() {
        for language in Language::ALL {
            let field = HeaderValue::from_static(language.tag());
            assert_eq!(Language::preferred(Some(&field)), language);
        }
        assert_eq!(Language::preferred(None), Language::English);
        assert_eq!(Language::preferred(Some(&HeaderValue::from_static("pt"))), Language::English);
    }
}
