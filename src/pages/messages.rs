//! The messages of each language: Fluent files in `locales/`, compiled in, parsed once.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use super::language::Language;
use super::markup::Markup;

/// The file of a language, as compiled in.
pub(super) fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("../../locales/en.ftl"),
        Language::Spanish => include_str!("../../locales/es.ftl"),
        Language::French => include_str!("../../locales/fr.ftl"),
        Language::German => include_str!("../../locales/de.ftl"),
        Language::Japanese => include_str!("../../locales/ja.ftl"),
    }
}

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<[Bundle; 5]> = LazyLock::new(|| Language::ALL.map(bundle));

/// The bundle of a language. A message with a syntax error is left out; a test detects it.
fn bundle(language: Language) -> Bundle {
    let identifier: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![identifier]);
    // `Markup::text` isolates untrusted text.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source(language).to_owned()).unwrap_or_else(|(parsed, _)| parsed);
    bundle.add_resource_overriding(resource);
    bundle
}

/// The value of an argument of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<'a> {
    /// A number, which chooses the plural form.
    Number(u64),
    Html(&'a Markup),
    /// Text of the gateway without any character of HTML.
    Plain(&'a str),
}

/// The message `id` of a language; of its attribute, when `attribute` is not empty. `None` when there is none.
pub(super) fn message(
    language: Language,
    id: &str,
    attribute: &str,
    args: &[(&str, Arg<'_>)],
) -> Option<Markup> {
    let bundle = &BUNDLES[language as usize];
    let message = bundle.get_message(id)?;
    let pattern =
        if attribute.is_empty() { message.value()? } else { message.get_attribute(attribute)?.value() };
    #[cfg(test)]
    tests::note(id, attribute);
    let args: FluentArgs<'_> = args
        .iter()
        .map(|(name, value)| {
            let value = match *value {
                Arg::Number(number) => FluentValue::from(number),
                Arg::Html(html) => html.as_str().into(),
                Arg::Plain(text) => text.into(),
            };
            (*name, value)
        })
        .collect();
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
    debug_assert!(errors.is_empty(), "{id} {attribute} in {language:?}: {errors:?}");
    Some(Markup::message(text))
}

/// The same; the id when there is no such message, which a test rules out.
pub(super) fn say(language: Language, id: &str, attribute: &str, args: &[(&str, Arg<'_>)]) -> Markup {
    message(language, id, attribute, args).unwrap_or_else(|| Markup::message(id.to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static USED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Records that a message was used.
    pub(super) fn note(id: &str, attribute: &str) {
        let name = if attribute.is_empty() { id.to_owned() } else { format!("{id}.{attribute}") };
        USED.with_borrow_mut(|used| used.insert(name));
    }

    /// The messages that this thread has used.
    pub(in crate::pages) fn used() -> BTreeSet<String> {
        USED.take()
    }
}
