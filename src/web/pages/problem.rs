//! Everything that went wrong and needs no page of its own: one template, several wordings.

use std::time::Duration;

use askama::Template;
use http::StatusCode;

use super::Page;
use crate::clock::UnixTime;

/// A page with a headline, a few sentences and perhaps one link.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "problem.html")]
pub struct Problem<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub headline: &'a str,
    /// What it means and what to do; each line is a paragraph.
    pub text: &'a str,
    /// Where the button leads, a path on this origin; empty: no button.
    pub link: &'a str,
    /// What the button says.
    pub link_text: &'a str,
    /// Sent as `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

impl<'a> Problem<'a> {
    /// A problem without a link.
    pub fn new(status: StatusCode, headline: &'a str, text: &'a str, plain: Plain<'a>) -> Self {
        let Plain { request_id, support, now } = plain;
        Self { status, headline, text, link: "", link_text: "", retry_after: None, request_id, support, now }
    }

    fn headline(&self) -> &str {
        self.headline
    }

    fn paragraphs(&self) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter(|line| !line.trim().is_empty())
    }
}

/// Any problem, worded by the caller.
pub fn problem(problem: &Problem<'_>) -> Page {
    let page = Page::render(problem.status, problem);
    match problem.retry_after {
        Some(after) => page.retry_after(after),
        None => page,
    }
}

/// What a page needs that has nothing else to say.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// Campaign does not answer, or not in time.
#[derive(Clone, Copy, Debug)]
pub struct CampaignUnavailable<'a> {
    /// 502, 503 or 504.
    pub status: StatusCode,
    /// The request came with a session; otherwise it was for a public path, perhaps from a reader of a mailing.
    pub signed_in: bool,
    /// The path to try again; empty: no button (a repeated POST could do its work twice).
    pub retry: &'a str,
    /// Sent as `Retry-After`.
    pub retry_after: Duration,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// Whom to ask; empty: "your Campaign administrator".
    pub support: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// 502, 503 or 504 with `Retry-After`: Campaign does not answer. A session, if there is one, stays.
pub fn campaign_unavailable(page: &CampaignUnavailable<'_>) -> Page {
    let CampaignUnavailable { status, signed_in, retry, retry_after, request_id, support, now } = *page;
    let (headline, text) = if signed_in {
        (
            "Campaign is not answering",
            "The Campaign server is busy or being restarted. You are still signed in.\n\
             Wait a moment, then try again.",
        )
    } else {
        (
            "This page is not available right now",
            "The server is busy or being restarted.\nWait a moment, then try again.",
        )
    };
    problem(&Problem {
        link: retry,
        link_text: "Try again",
        retry_after: Some(retry_after),
        ..Problem::new(status, headline, text, Plain { request_id, support, now })
    })
}

/// 400: the request is not one the gateway may pass on.
pub fn bad_request(plain: Plain<'_>) -> Page {
    problem(&Problem::new(
        StatusCode::BAD_REQUEST,
        "This address cannot be opened",
        "The address is damaged or holds characters that are not allowed. If you copied it, check that it is \
         complete. If you followed a link, tell the person who sent it.",
        plain,
    ))
}

/// 404: the gateway has no such page.
pub fn not_found(plain: Plain<'_>) -> Page {
    problem(&Problem::new(
        StatusCode::NOT_FOUND,
        "There is no page here",
        "The address may be mistyped, or the page may have moved.",
        plain,
    ))
}

/// 403: a path that is closed to everybody.
pub fn denied(plain: Plain<'_>) -> Page {
    problem(&Problem::new(
        StatusCode::FORBIDDEN,
        "This address is closed",
        "Nobody can open this address, whatever their rights. Signing in again does not change that.",
        plain,
    ))
}

/// 421: a host name this gateway does not serve (RFC 9110 §15.5.20).
pub fn misdirected(plain: Plain<'_>) -> Page {
    problem(&Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "Wrong address",
        "Campaign is not served under this host name. Check the first part of the address, up to the first single \
         slash.",
        plain,
    ))
}

/// 413: the body is larger than allowed.
pub fn too_large(plain: Plain<'_>) -> Page {
    problem(&Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "The file is too large",
        "What you sent is larger than this server accepts, so nothing was saved. Send a smaller file or split it.",
        plain,
    ))
}

/// 500: our own fault.
pub fn internal(plain: Plain<'_>) -> Page {
    problem(&Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong here",
        "The sign-in service made a mistake. It is not your fault, and it has been logged. Try again in a minute.",
        plain,
    ))
}
