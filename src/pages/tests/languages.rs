//! What holds for the messages of every language.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentResource;
use http::header;
use regex::Regex;

use super::super::language::Language;
use super::super::messages::source;
use super::super::messages::tests::used;
use super::super::samples::{Words, every_page};
use super::headers;

#[test]
fn no_message_lacks_in_any_language_and_none_has_other_placeholders() {
    let english = messages(Language::English);
    assert!(english.len() > 100);
    for language in Language::ALL {
        let messages = messages(language);
        for (name, placeholders) in &english {
            let translated = messages.get(name).unwrap_or_else(|| panic!("{language:?} lacks {name}"));
            assert_eq!(translated, placeholders, "{name} in {language:?}");
        }
        let more: Vec<_> = messages.keys().filter(|name| !english.contains_key(*name)).collect();
        assert!(more.is_empty(), "only in {language:?}: {more:?}");
    }
}

/// A message is used when a page shows it. Terms, which begin with `-`, are parts of messages.
#[test]
fn no_message_is_unused() {
    for language in Language::ALL {
        for support in ["", "help desk", "campaign-help@example.com"] {
            every_page(Words { support, language, ..Words::usual() });
        }
    }
    let (used, source) = (used(), source(Language::English));
    let unused: Vec<_> = messages(Language::English)
        .into_keys()
        .filter(|name| match name.strip_prefix('-') {
            Some(_) => !source.contains(&format!("{{ {name} }}")),
            None => !used.contains(name),
        })
        .collect();
    assert!(unused.is_empty(), "no page shows {unused:?}");
}

/// A message is written into HTML as it is.
#[test]
fn no_message_holds_html() {
    for language in Language::ALL {
        assert!(FluentResource::try_new(source(language).to_owned()).is_ok(), "{language:?}");
        for line in source(language).lines().filter(|line| !line.starts_with('#')) {
            let text = line.replace("->", "");
            assert!(!text.contains(['<', '>', '&', '"', '\'']), "{language:?}: {line}");
        }
    }
}

#[test]
fn every_page_says_its_language() {
    for language in Language::ALL {
        for (name, page) in every_page(Words { language, ..Words::usual() }) {
            assert!(page.html.contains(&format!("<html lang=\"{}\">", language.tag())), "{name}");
            let headers = headers(page);
            assert_eq!(headers[header::CONTENT_LANGUAGE], language.tag(), "{name}");
            assert_eq!(headers[header::VARY], "Accept-Language", "{name}");
        }
    }
}

#[test]
fn a_page_in_another_language_has_no_english_text() {
    let text = |language| {
        let tags = Regex::new("(?s)<style>.*?</style>|<[^>]*>").unwrap();
        let lines = |(_, page): (_, super::Page)| {
            let lines: Vec<_> = tags.replace_all(&page.html, "\n").lines().map(str::to_owned).collect();
            lines
        };
        let pages = every_page(Words { language, ..Words::usual() });
        pages.into_iter().flat_map(lines).filter(|line| line.trim().len() > 30).collect::<BTreeSet<_>>()
    };
    let english = text(Language::English);
    for language in Language::ALL.into_iter().skip(1) {
        let same: Vec<_> = english
            .intersection(&text(language))
            .filter(|line| !line.contains("0193f2a7"))
            .cloned()
            .collect();
        assert!(same.is_empty(), "{language:?}: {same:?}");
    }
}

/// The messages and attributes of a language by name, each with its placeholders.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let name = Regex::new(r"^(-?[a-z][a-z0-9-]*) =|^    (\.[a-z0-9]+) =").unwrap();
    let placeholder = Regex::new(r"\{ \$([a-z]+)").unwrap();
    let (mut messages, mut message, mut current) = (BTreeMap::new(), String::new(), String::new());
    for line in source(language).lines().filter(|line| !line.starts_with('#')) {
        if let Some(found) = name.captures(line) {
            current = match (found.get(1), found.get(2)) {
                (Some(found), _) => {
                    message = found.as_str().to_owned();
                    message.clone()
                }
                (_, attribute) => format!("{message}{}", attribute.map_or("", |found| found.as_str())),
            };
            let earlier = messages.insert(current.clone(), BTreeSet::new());
            assert!(earlier.is_none(), "{language:?} has {current} twice");
        }
        for found in placeholder.captures_iter(line) {
            messages.get_mut(&current).unwrap().insert(found[1].to_owned());
        }
    }
    messages
}
