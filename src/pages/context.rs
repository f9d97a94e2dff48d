//! What every page shows beside its own content, and the messages in its language.

use super::brand::PageBrand;
use super::format::mail_link;
use super::language::Language;
use super::markup::Markup;
use super::messages::{Arg, message, say};
use super::times;
use crate::unix_time::UnixTime;

/// What every page shows beside its own content.
#[derive(Clone, Copy, Debug)]
pub struct PageContext<'a> {
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    pub now: UnixTime,
    pub language: Language,
    /// Name, logo and colours.
    pub brand: &'a PageBrand,
}

impl PageContext<'_> {
    /// The message `id`, which has no arguments.
    pub(super) fn say(&self, id: &str) -> Markup {
        self.format(id, "", &[])
    }

    /// The message `id` with arguments; its attribute when `attribute` is not empty.
    pub(super) fn format(&self, id: &str, attribute: &str, args: &[(&str, Arg<'_>)]) -> Markup {
        say(self.language, id, attribute, args)
    }

    /// Like [`format`](Self::format); `None` when there is no such attribute.
    pub(super) fn find(&self, id: &str, attribute: &str, args: &[(&str, Arg<'_>)]) -> Option<Markup> {
        message(self.language, id, attribute, args)
    }

    /// The message `id` with the name of a person.
    pub(super) fn say_person(&self, id: &str, attribute: &str, person: &str) -> Markup {
        self.format(id, attribute, &[("person", Arg::Html(&Markup::strong(person)))])
    }

    /// The message `id` with whom to ask.
    pub(super) fn say_contact(&self, id: &str, attribute: &str) -> Markup {
        let support = self.support.trim();
        let contact = match mail_link(support, self.request_id) {
            Some(href) => Markup::link(&href, support),
            None if support.is_empty() => self.say("administrator"),
            None => Markup::text(support),
        };
        self.format(id, attribute, &[("contact", Arg::Html(&contact))])
    }

    pub(super) fn title(&self, headline: &Markup) -> Markup {
        let product = self.product();
        self.format("title", "", &[("headline", Arg::Html(headline)), ("product", Arg::Html(&product))])
    }

    /// The name at the top: that of the brand, or the product.
    pub(super) fn product(&self) -> Markup {
        match self.brand.name() {
            "" => self.say("product"),
            name => Markup::plain(name),
        }
    }

    /// The image at the top, shown in place of the name; `None` without a logo.
    pub(super) fn logo(&self) -> Option<Markup> {
        let logo = self.brand.logo()?;
        Some(Markup::image(&logo.address(), self.brand.name()))
    }

    /// The line with the request's id.
    pub(super) fn reference(&self) -> Markup {
        self.format("footer-reference", "", &[("reference", Arg::Html(&Markup::code(self.request_id)))])
    }

    /// The line with the time of the request.
    pub(super) fn time(&self) -> Markup {
        self.format("footer-time", "", &[("time", Arg::Html(&times::exact(self.language, self.now)))])
    }

    /// A time as a distance from now, with the exact time behind it.
    pub(super) fn relative(&self, at: UnixTime) -> Markup {
        times::relative(self.language, self.now, at)
    }
}
