//! The questions: what is asked, its default, and how an answer is checked.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::Value;

use super::absolute;
use super::prompt::AnswerReader;
use crate::cli::output::{out, paint, visible};
use crate::config::check_answer;
use crate::policy::mask::Mask;
use crate::{files, server};

pub(super) struct Answers {
    /// Keys with their values, in the order of the questions.
    pub(super) values: Vec<(&'static str, Value)>,
    pub(super) secrets: Vec<(&'static str, SecretString)>,
}

struct Question {
    key: &'static str,
    /// The label on the form of the external account, or a description.
    label: &'static str,
    help: &'static str,
    default: Option<&'static str>,
    kind: QuestionKind,
    /// Asks only if this key has this answer, or any answer if the text is empty.
    after: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QuestionKind {
    Text,
    /// An empty answer leaves the key out.
    Optional,
    Secret,
    Certificate,
    PrivateKey,
    SessionFile,
}

/// Asks each question until its answer is valid. `session_file` is the default for the session file.
///
/// # Errors
/// When the input ends.
pub(super) fn ask(prompt: &mut AnswerReader, session_file: &str) -> io::Result<Answers> {
    let mut answers = Answers { values: Vec::new(), secrets: Vec::new() };
    for question in QUESTIONS {
        if question.after.is_some_and(|(key, answer)| !answers.fits(key, answer)) {
            continue;
        }
        let default =
            if question.kind == QuestionKind::SessionFile { Some(session_file) } else { question.default };
        out(&format!("{}\n   {}\n", paint().bold(question.label), paint().dim(question.help)));
        let text = line(question, default);
        loop {
            let typed = prompt.ask(&text, question.kind == QuestionKind::Secret)?;
            let typed = typed.trim();
            let answer = if typed.is_empty() { default.unwrap_or_default() } else { typed };
            match accept(question, answer, &mut answers) {
                Ok(()) => break,
                Err((message, fix)) => {
                    let fix = if fix.is_empty() { fix } else { format!("\n     fix: {fix}") };
                    out(&paint().red(&format!("   ✗ {message}{fix}\n")));
                }
            }
        }
    }
    Ok(answers)
}

fn line(question: &Question, default: Option<&str>) -> String {
    let default = match (default, question.kind) {
        (Some(default), _) => format!(" [{default}]"),
        (None, QuestionKind::Optional) => " [none]".to_owned(),
        (None, _) => String::new(),
    };
    format!("   {}{default}: ", question.key)
}

/// Checks an answer and adds it.
fn accept(question: &Question, answer: &str, answers: &mut Answers) -> Result<(), (String, String)> {
    let key = question.key;
    if answer.is_empty() {
        if question.kind == QuestionKind::Optional {
            return Ok(());
        }
        return Err(("an answer is needed".to_owned(), String::new()));
    }
    let is_path = matches!(
        question.kind,
        QuestionKind::Certificate | QuestionKind::PrivateKey | QuestionKind::SessionFile
    );
    let answer = if is_path { absolute(Path::new(answer)).display().to_string() } else { answer.to_owned() };
    let value = check_answer(key, &answer)?;
    match question.kind {
        QuestionKind::Secret => {
            answers.secrets.push((key, answer.into()));
            return Ok(());
        }
        QuestionKind::Certificate => certificate(Path::new(&answer))?,
        QuestionKind::PrivateKey => {
            let certificate = answers.path("listen.certificate");
            server::server_config([(certificate.as_path(), Path::new(&answer))], None).map_err(|error| {
                (
                    error.to_string(),
                    "name the private key of the certificate, readable only by its owner".to_owned(),
                )
            })?;
        }
        QuestionKind::SessionFile | QuestionKind::Text | QuestionKind::Optional => {}
    }
    if key == "ims.association_mask" {
        explain_mask(&answer);
    }
    answers.values.push((key, value));
    Ok(())
}

impl Answers {
    fn path(&self, wanted: &str) -> PathBuf {
        self.text(wanted).unwrap_or_default().into()
    }

    fn fits(&self, key: &str, wanted: &str) -> bool {
        self.text(key).is_some_and(|answer| wanted.is_empty() || answer == wanted)
    }

    /// The answer for this key.
    pub(super) fn text(&self, wanted: &str) -> Option<&str> {
        let found = self.values.iter().find(|(key, _)| *key == wanted);
        found.and_then(|(_, value)| value.as_str())
    }
}

fn certificate(path: &Path) -> Result<(), (String, String)> {
    let bytes = files::read(path)
        .map_err(|error| (format!("cannot read {}: {}", path.display(), error.reason()), error.fix()))?;
    crate::wire::pem::certificates(&bytes).map(drop).map_err(|error| {
        let fix = "name a PEM file with the certificate chain, the gateway's own certificate first";
        (format!("{}: {error}", path.display()), fix.to_owned())
    })
}

fn explain_mask(text: &str) {
    let Ok(mask) = Mask::parse(text) else { return };
    let name = if mask.is_prefix() { format!("{text}delivery") } else { text.replace("(.*)", "delivery") };
    if mask.group(&name) == Some("delivery") {
        out(&format!("   the name {} gives the Campaign group delivery\n", visible(&name)));
    }
}

/// This question is last, because most gateways have no technical account at first.
const ACCOUNT: &str = "campaign.technical_account[0].client_id";

/// A question for a text that is always needed and has no default.
const PLAIN: Question =
    Question { key: "", label: "", help: "", default: None, kind: QuestionKind::Text, after: None };

const QUESTIONS: &[Question] = &[
    Question {
        key: "ims.server",
        label: "IMS server",
        help: "Base URL of Adobe IMS.",
        default: Some("https://ims-na1.adobelogin.com"),
        ..PLAIN
    },
    Question {
        key: "ims.scope",
        label: "IMS scope",
        help: "Separated by commas. Adobe must have provisioned each for the client.",
        default: Some("openid,AdobeID,read_organizations,session,additional_info.projectedProductContext"),
        ..PLAIN
    },
    Question {
        key: "ims.client_id",
        label: "IMS client identifier",
        help: "Issued by Adobe, such as Campaign1.",
        ..PLAIN
    },
    Question {
        key: "ims.client_secret",
        label: "IMS client secret",
        help: "Issued by Adobe. It is not shown, and goes into a file of its own.",
        kind: QuestionKind::Secret,
        ..PLAIN
    },
    Question {
        key: "ims.callback_server",
        label: "Callback server",
        help: "The https address of this gateway as people type it, such as https://campaign.example.com.",
        ..PLAIN
    },
    Question {
        key: "ims.organization_id",
        label: "IMS organization ID",
        help: "24 hexadecimal digits and @AdobeOrg.",
        ..PLAIN
    },
    Question {
        key: "ims.association_mask",
        label: "Association mask",
        help: "Which part of a configuration name is the Campaign group, such as Campaign - acme - (.*).",
        ..PLAIN
    },
    Question {
        key: "ims.product_context",
        label: "Product context",
        help: "If the form has it, such as dma_campaign_classic.",
        kind: QuestionKind::Optional,
        ..PLAIN
    },
    Question {
        key: "experience_cloud.tenant",
        label: "Tenant",
        help: "The name of the Experience Cloud tenant.",
        kind: QuestionKind::Optional,
        ..PLAIN
    },
    Question {
        key: "campaign.upstream",
        label: "Campaign server",
        help: "Address of the Campaign web server behind this gateway.",
        default: Some("http://127.0.0.1:8080"),
        ..PLAIN
    },
    Question {
        key: "campaign.session",
        label: "Session mode",
        help: "bearer-logon: a Campaign session for each person (all builds). bearer: the IMS token with each request (8.5.1, 7.4.1, 7.3.5 and newer). headers: identity headers only.",
        default: Some("bearer-logon"),
        ..PLAIN
    },
    Question {
        key: "listen.https",
        label: "Address of the gateway",
        help: "IP address and port; 0.0.0.0 stands for all addresses of this machine.",
        default: Some("0.0.0.0:443"),
        ..PLAIN
    },
    Question {
        key: "listen.certificate",
        label: "Certificate",
        help: "PEM file with the chain, the gateway's own certificate first. It must cover the callback server.",
        kind: QuestionKind::Certificate,
        ..PLAIN
    },
    Question {
        key: "listen.private_key",
        label: "Private key of the certificate",
        help: "PEM file that only its owner can read.",
        kind: QuestionKind::PrivateKey,
        ..PLAIN
    },
    Question {
        key: "listen.admin",
        label: "Admin listener",
        help: "For the commands reload, sessions and why, the admin page and metrics. Never a public address.",
        default: Some("127.0.0.1:9090"),
        ..PLAIN
    },
    Question {
        key: "session.store",
        label: "Session store",
        help: "embedded: a file of this gateway. redis: several gateways share their sessions. memory: lost with a restart, to try it.",
        default: Some("embedded"),
        ..PLAIN
    },
    Question {
        key: "session.redis_url",
        label: "Address of Redis",
        help: "Such as rediss://user:password@redis.example.com. It is not shown, and goes into a file of its own.",
        kind: QuestionKind::Secret,
        after: Some(("session.store", "redis")),
        ..PLAIN
    },
    Question {
        key: "session.path",
        label: "Session file",
        help: "Sessions survive a restart in this file. The gateway makes it.",
        kind: QuestionKind::SessionFile,
        after: Some(("session.store", "embedded")),
        ..PLAIN
    },
    Question {
        key: ACCOUNT,
        label: "Technical account",
        help: "Client ID of a program that calls Campaign with an IMS token (OAuth server-to-server). With it, `imsgate check` also looks into Campaign.",
        kind: QuestionKind::Optional,
        ..PLAIN
    },
    Question {
        key: "campaign.technical_account[0].client_secret",
        label: "Secret of the technical account",
        help: "It is not shown, and goes into a file of its own.",
        kind: QuestionKind::Secret,
        after: Some((ACCOUNT, "")),
        ..PLAIN
    },
];
