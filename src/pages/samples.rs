//! Every page with made-up content, for tests and for a review in a browser.

use std::sync::LazyLock;
use std::time::Duration;

use axum::response::IntoResponse as _;
use http::{StatusCode, header};

use super::page::Page;
use super::{
    ConfirmForms, EmergencyNotice, EmergencySignIn, Language, Logo, Me, NewConsolePassword, NoAccess,
    OwnSession, PageBrand, PageContext, Problem, Text, Waiting, confirm_forms, confirm_sign_out,
    console_password, emergency_sign_in, framed, me, refused, signed_out,
};
use crate::policy::contrast::Color;
use crate::policy::device::{Browser, Device, System};
use crate::policy::saved_form::NotSaved;
use crate::unix_time::UnixTime;

pub(super) const NOW: UnixTime = UnixTime(1_795_343_343);

/// What a caller may put on a page.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub person: &'a str,
    pub name: &'a str,
    pub organization: &'a str,
    pub group: &'a str,
    pub link: &'a str,
    pub request_id: &'a str,
    pub support: &'a str,
    pub language: Language,
    pub brand: &'a PageBrand,
}

static PLAIN: LazyLock<PageBrand> = LazyLock::new(PageBrand::default);

impl<'a> Words<'a> {
    /// Ordinary content.
    pub fn usual() -> Words<'static> {
        Words {
            person: "alice@example.com",
            name: "Alice Example",
            organization: "Acme Corporation",
            group: "workflowSupervisor",
            link: "/ims/login?return_to=%2Fview%2Fhome",
            request_id: "0193f2a7-c1d4-7e1f-9a35-6b0c2f11d8e4",
            support: "campaign-help@example.com",
            language: Language::English,
            brand: &PLAIN,
        }
    }

    pub fn context(&self) -> PageContext<'a> {
        PageContext {
            request_id: self.request_id,
            support: self.support,
            now: NOW,
            language: self.language,
            brand: self.brand,
        }
    }
}

pub(super) const TEXTS: [(&str, Text); 48] = [
    ("bad-address", Text::BadAddress),
    ("not-found", Text::NotFound),
    ("closed", Text::Closed),
    ("rule-unmet", Text::RuleUnmet),
    ("unknown-host", Text::UnknownHost),
    ("foreign-origin", Text::ForeignOrigin),
    ("foreign-token", Text::ForeignToken),
    ("no-console-password", Text::NoConsolePassword),
    ("bad-envelope", Text::BadEnvelope),
    ("head-too-large", Text::HeadTooLarge),
    ("bad-framing", Text::BadFraming),
    ("method", Text::Method),
    ("store", Text::StoreUnavailable),
    ("restarting", Text::Restarting),
    ("maintenance", Text::Maintenance),
    ("maintenance-form", Text::MaintenanceFormSaved),
    ("maintenance-form-lost", Text::MaintenanceFormNotSaved),
    ("token-expired", Text::TokenExpired),
    ("too-many", Text::TooMany),
    ("body-too-large", Text::BodyTooLarge),
    ("body-incomplete", Text::BodyIncomplete),
    ("internal", Text::Internal),
    ("campaign-unavailable", Text::CampaignUnavailable),
    ("public-page-unavailable", Text::PublicPageUnavailable),
    ("campaign-refused", Text::CampaignRefused),
    ("campaign-operator", Text::CampaignOperator),
    ("campaign-zone", Text::CampaignZone),
    ("campaign-address", Text::CampaignAddress),
    ("campaign-restarting", Text::CampaignRestarting),
    ("no-campaign-session", Text::NoCampaignSession),
    ("not-processed", Text::NotProcessed),
    ("stale-page", Text::StalePage),
    ("ims-unavailable", Text::ImsUnavailable),
    ("sign-ins-busy", Text::SignInsBusy),
    ("login-declined", Text::LoginDeclined),
    ("login-invalid", Text::LoginInvalid),
    ("login-cookie", Text::LoginCookieMissing),
    ("login-loop", Text::LoginLoop),
    ("login-clock", Text::LoginClock),
    ("form-of-another", Text::FormOfAnother),
    ("form-gone", Text::FormGone),
    ("form-still-saved", Text::FormStillSaved),
    ("form-unknown", Text::FormUnknown),
    ("form-not-saved-stranger", Text::FormNotSaved(NotSaved::NotSignedIn)),
    ("form-not-saved-foreign", Text::FormNotSaved(NotSaved::OtherOrigin)),
    ("form-not-saved-large", Text::FormNotSaved(NotSaved::TooLarge)),
    ("form-not-saved-kind", Text::FormNotSaved(NotSaved::Unsupported)),
    ("form-not-saved-full", Text::FormNotSaved(NotSaved::Full)),
];

pub(super) fn every_page(words: Words<'_>) -> Vec<(&'static str, Page)> {
    let (page, link) = (words.context(), words.link);
    let groups = [words.group.to_owned(), "delivery".to_owned()];
    let refusal = NoAccess {
        person: words.person,
        organization: words.organization,
        another: link,
        other_organization: false,
        too_many_groups: None,
        page,
    };
    let own = |browser, system, hours, is_this| OwnSession {
        device: Some(Device { browser, system }),
        created: NOW.minus(Duration::from_hours(hours)),
        seen: NOW.minus(Duration::from_mins(hours)),
        is_this,
    };
    let sessions = [
        own(Browser::Firefox, System::Windows, 0, true),
        own(Browser::Safari, System::Other, 1, false),
        own(Browser::Other, System::Android, 100, false),
        OwnSession { device: None, ..own(Browser::Other, System::Other, 2, false) },
    ];
    let who = Me {
        console: true,
        console_used: true,
        email: words.person,
        name: words.name,
        organization: words.organization,
        groups: &groups,
        ends: NOW.plus(Duration::from_hours(11)),
        sessions: Some(&sessions),
        page,
    };
    let waiting = |minutes| Waiting {
        page: "/view/home".to_owned(),
        target: words.link.to_owned(),
        sent: NOW.minus(Duration::from_mins(minutes)),
        until: NOW.plus(Duration::from_mins(30 - minutes)),
        mark: words.group.to_owned(),
    };
    let waiting = [waiting(2), waiting(29)];
    let one = ConfirmForms { waiting: &waiting[..1], person: words.person, page };
    let password = NewConsolePassword {
        login: words.person,
        password: words.group,
        ends: NOW.plus(Duration::from_secs(59)),
        once: true,
        page,
    };
    let emergency = EmergencySignIn { target: link, adobe: link, notice: None, page };
    let noticed = |notice| EmergencySignIn { notice: Some(notice), ..emergency };
    let mut pages = vec![
        ("framed", framed(link, page)),
        ("refused", refused(&refusal)),
        ("refused-groups", refused(&NoAccess { too_many_groups: Some(300), ..refusal })),
        ("refused-organization", refused(&NoAccess { other_organization: true, ..refusal })),
        ("signed-out", signed_out(page)),
        ("confirm-sign-out", confirm_sign_out(words.person, page)),
        ("me", me(&who)),
        ("me-without-groups", me(&Me { groups: &[], sessions: None, ends: NOW.plus(DAYS), ..who })),
        ("console-password", console_password(&password)),
        (
            "console-password-session",
            console_password(&NewConsolePassword { once: false, ends: NOW.plus(DAYS), ..password }),
        ),
        ("emergency", emergency_sign_in(&emergency)),
        ("emergency-refused", emergency_sign_in(&noticed(EmergencyNotice::Refused))),
        ("emergency-unavailable", emergency_sign_in(&noticed(EmergencyNotice::AdobeUnavailable))),
        ("confirm-form", confirm_forms(&one)),
        ("confirm-forms", confirm_forms(&ConfirmForms { waiting: &waiting, ..one })),
    ];
    let problem = |text: Text| Problem::new(StatusCode::BAD_GATEWAY, text).with_link(link).page(page);
    pages.extend(TEXTS.map(|(name, text)| (name, problem(text))));
    let ends = NOW.plus(Duration::from_mins(95));
    let maintenance = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Text::Maintenance).with_link(link);
    pages.push(("maintenance-until", maintenance.during_maintenance(Some(ends), NOW).page(page)));
    pages
}

/// A page in a browser.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is about.
    pub name: &'static str,
    /// Its HTML.
    pub html: String,
    /// Its `Content-Security-Policy`.
    pub policy: String,
}

/// Every page in the language with this tag, plain or with a brand.
pub fn samples(language: &str, branded: bool) -> Vec<Sample> {
    let language = Language::ALL.into_iter().find(|known| known.tag() == language).unwrap_or_default();
    let logo = Logo { media_type: "image/svg+xml", bytes: LOGO_FILE.into() };
    let (primary, accent) = (Color::parse("#7a1f5c"), Color::parse("#0b6b3a"));
    let brand = if branded {
        PageBrand::new("Acme Marketing", Some(logo), primary, accent)
    } else {
        PageBrand::default()
    };
    let words = Words { language, brand: &brand, ..Words::usual() };
    every_page(words)
        .into_iter()
        .map(|(name, page)| {
            let html = page.html.clone();
            let headers = page.into_response().headers().clone();
            let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
            Sample { name, html, policy: policy.unwrap_or_default().to_owned() }
        })
        .collect()
}

const LOGO_FILE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 120 40\"/>";

const DAYS: Duration = Duration::from_hours(24 * 9);
