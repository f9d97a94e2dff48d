//! What was sent without a session: kept and waiting, or not kept.

use askama::Template;
use http::StatusCode;

use super::Page;
use super::problem::{Plain, Problem, problem};
use crate::clock::UnixTime;
use crate::policy::saved_form::NotSaved;

/// The question whether to send what was kept.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "resume.html")]
pub struct Resume<'a> {
    /// What is kept, the latest first; not empty.
    pub waiting: &'a [Waiting],
    /// E-mail or name of the person signed in.
    pub person: &'a str,
    /// The request's id, for the operator.
    pub request_id: &'a str,
    /// The time of the request.
    pub now: UnixTime,
}

/// One kept form.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Path and query it goes to.
    pub target: String,
    /// Its size.
    pub bytes: u64,
    /// When it was sent.
    pub sent: UnixTime,
    /// Until when it is kept.
    pub until: UnixTime,
    /// What names it, for the session of this page only.
    pub mark: String,
}

/// 200: asks whether to send what was kept. The button posts to the form's own address.
pub fn resume(page: &Resume<'_>) -> Page {
    Page::render(StatusCode::OK, page).with_form()
}

impl Resume<'_> {
    #[expect(clippy::unused_self, reason = "the base template asks every page in the same way")]
    fn headline(&self) -> &'static str {
        "Send what you entered?"
    }
}

impl Waiting {
    /// Without the query, which may hold what is nobody's business.
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn size(&self) -> String {
        match self.bytes {
            1 => "1 byte".to_owned(),
            bytes @ ..1000 => format!("{bytes} bytes"),
            bytes => format!("{} kB", bytes.div_ceil(1000)),
        }
    }
}

/// 401: what was sent without a session is not kept, and why. `retry` is the path that begins a login.
pub fn not_kept(why: NotSaved, retry: &str, plain: Plain<'_>) -> Page {
    let reason = match why {
        NotSaved::Stranger => "You are not signed in, so what you sent went nowhere.",
        NotSaved::Foreign => {
            "You are not signed in, and what you sent came from another site, so it went nowhere."
        }
        NotSaved::TooLarge => {
            "Your session had ended when you sent this. It is larger than 1 MB, too large to be kept for you."
        }
        NotSaved::Odd => {
            "Your session had ended when you sent this, and it is of a kind that cannot be kept for you."
        }
        NotSaved::Full | NotSaved::Store => {
            "Your session had ended when you sent this, and it cannot be kept for you at the moment."
        }
    };
    let text = format!(
        "{reason}\n\
         Your browser may still have what you typed: go back one page and copy it. Then sign in and send it again."
    );
    problem(&Problem {
        link: retry,
        link_text: "Sign in",
        ..Problem::new(StatusCode::UNAUTHORIZED, "What you entered was not sent", &text, plain)
    })
}

/// 409: what was kept belongs to somebody else and is gone now.
pub fn kept_for_another(return_to: &str, plain: Plain<'_>) -> Page {
    problem(&Problem {
        link: return_to,
        link_text: "Go on",
        ..Problem::new(
            StatusCode::CONFLICT,
            "Nothing was sent",
            "Somebody else was signed in when this was entered. It is not sent in your name and is not kept any longer.",
            plain,
        )
    })
}

/// 410: it was sent already, or discarded, or its time was over.
pub fn kept_no_more(plain: Plain<'_>) -> Page {
    problem(&Problem {
        link: "/",
        link_text: "Open Campaign",
        ..Problem::new(
            StatusCode::GONE,
            "This was sent already, or is not kept any more",
            "What you entered is sent once only, and kept for a limited time. It was not sent again now.\n\
             Look in Campaign whether it is there before you enter it again.",
            plain,
        )
    })
}

/// Campaign could not be reached: it is kept on.
pub fn still_kept(status: StatusCode, plain: Plain<'_>) -> Page {
    problem(&Problem {
        link: "/ims/resume",
        link_text: "Try again",
        retry_after: Some(std::time::Duration::from_secs(10)),
        ..Problem::new(
            status,
            "Campaign is not answering",
            "The Campaign server is busy or being restarted. What you entered was not sent and is still kept.\n\
             Wait a moment, then try again.",
            plain,
        )
    })
}
