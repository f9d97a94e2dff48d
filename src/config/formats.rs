//! Formats of texts: how each is checked, and what serde reads in its place.
//!
//! A key names its format with `#[schemars(with = "formats::…")]`. The schema holds the name, and `check` finds the function by
//! it. So every value is checked without the section around it, and all mistakes are found at once.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use rustls_pki_types::ServerName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use super::address::{ListenAddress, UpstreamAddress};
use super::redis::RedisAddress;
use super::value_error::ValueError;
use super::{brand_values, proxy, values};
use crate::files::{self, FileProblem};
use crate::policy::cookies::CookieSuffix as Suffix;
use crate::policy::mask::Mask;
use crate::policy::public::{PatternError, PublicPaths};
use crate::policy::request_rules::{NotARate, RuleRate as Rate};

/// Checks a text; gives what serde reads in its place, `None` where it reads nothing: an empty text can mean that the key is not set.
pub(super) type Read = fn(&str) -> Result<Option<Value>, ValueError>;

/// A text, or a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes in the schema what the tree turns into a list")]
pub(super) enum OneOrMany<One, Item = One> {
    One(One),
    Many(Vec<Item>),
}

/// Declares formats: a type for `schemars(with)`, the name in the schema, and the check.
macro_rules! formats {
    ($($(#[doc = $doc:literal])* $format:ident = $name:literal, $read:expr;)*) => {
        $(
            $(#[doc = $doc])*
            pub(super) struct $format;

            impl JsonSchema for $format {
                fn schema_name() -> Cow<'static, str> {
                    $name.into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": "string", "format": $name })
                }
            }
        )*

        /// The check of each format.
        pub(super) fn find(name: &str) -> Option<Read> {
            let formats: &[(&str, Read)] = &[$(($name, $read)),*];
            formats.iter().find(|(known, _)| *known == name).map(|(_, read)| *read)
        }
    };
}

formats! {
    /// A duration, zero included.
    Span = "time-span", |text| Ok(Some(duration(values::duration(text)?)));
    /// A duration longer than zero.
    Timeout = "timeout", timeout;
    /// An https address, or an http one on loopback.
    ServerUrl = "server-url", |text| same(text, values::server(text));
    /// The public origin of the gateway.
    PublicOrigin = "public-origin", |text| same(text, values::callback_server(text));
    /// An origin, or `unix:` and the absolute path of a socket.
    UpstreamUrl = "upstream", |text| same(text, UpstreamAddress::try_from(text.to_owned()));
    /// A URL of Redis.
    RedisUrl = "redis-url", |text| same(text, RedisAddress::parse(text));
    /// The address of an HTTP proxy, or `none`.
    ProxyUrl = "proxy-url", |text| Ok(proxy::parse(text, "")?.map(|_| Value::from(text)));
    /// An IP address and a port, a Unix socket, or systemd's sockets.
    ListenPlace = "listen-address", |text| same(text, ListenAddress::try_from(text.to_owned()));
    /// An IP address and a port.
    SocketAddress = "socket-address", |text| same(text, values::socket(text));
    /// A network, or a single address.
    Network = "network", |text| Ok(Some(Value::from(values::network(text)?.to_string())));
    /// A host name or address without port; serde reads it in lower case.
    Host = "host", |text| Ok(Some(Value::from(values::host(text)?)));
    /// A name that a certificate can hold.
    TlsName = "tls-server-name", tls_name;
    /// Octal permissions.
    OctalMode = "octal-mode", |text| Ok(Some(Value::from(values::mode(text)?)));
    /// A value of the external account.
    Name = "name", |text| same(text, values::name(text));
    /// The name of an instance.
    InstanceName = "instance-name", |text| same(text, values::instance_name(text));
    /// OAuth scopes; serde reads a list.
    Scopes = "scopes", |text| Ok(Some(Value::from(values::scopes(text)?)));
    /// An IMS organisation ID.
    OrganizationId = "organization-id", |text| same(text, values::organization_id(text));
    /// A regular expression with one group, or a literal prefix.
    AssociationMask = "association-mask", mask;
    /// A path pattern.
    PublicPath = "path-pattern", public_path;
    /// A path of a URL, perhaps with a query.
    UrlPath = "url-path", url_path;
    /// A path pattern of an account.
    AccountPath = "account-path-pattern", account_path;
    /// A path pattern of a rule.
    RulePath = "rule-path-pattern", rule_path;
    /// Requests in a period.
    RuleRate = "rule-rate", rule_rate;
    /// OAuth scopes of an account; serde reads a list.
    AccountScopes = "account-scopes", |text| Ok(Some(Value::from(values::scope_list(text)?)));
    /// An origin of a web application, as browsers write it.
    Origin = "origin", |text| Ok(Some(Value::from(values::web_origin(text)?)));
    /// A SOAP method, `schema#Method`.
    SoapMethod = "soap-method", |text| same(text, values::soap_method(text));
    /// A file name; relative ones start at the folder of the configuration file.
    File = "file", file;
    /// A file that only its owner can read. A missing file is reported when it is read.
    PrivateFile = "private-file", private_file;
    /// A secret that is not empty.
    Secret = "secret", secret;
    /// A secret that fits into a header and cannot be guessed by trying.
    HeaderSecret = "header-secret", header_secret;
    /// A suffix that distinguishes the cookies of two gateways.
    CookieSuffix = "cookie-suffix", cookie_suffix;
    /// A name on pages.
    BrandName = "brand-name", brand_values::name;
    /// An image file for pages.
    Logo = "logo-file", brand_values::logo;
    /// A colour that is visible as a button.
    ButtonColor = "button-color", brand_values::button_color;
    /// A colour that is readable as a link.
    LinkColor = "link-color", brand_values::link_color;
    /// A filter of log lines.
    LogFilter = "log-filter", log_filter;
}

/// The unchanged text, when it can be read.
fn same<T>(text: &str, read: Result<T, ValueError>) -> Result<Option<Value>, ValueError> {
    read.map(|_| Some(Value::from(text)))
}

/// As serde reads a duration.
fn duration(duration: Duration) -> Value {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let nanos = i64::from(duration.subsec_nanos());
    Table::from_iter([("secs".to_owned(), seconds.into()), ("nanos".to_owned(), nanos.into())]).into()
}

fn timeout(text: &str) -> Result<Option<Value>, ValueError> {
    match values::duration(text)? {
        Duration::ZERO => {
            Err(ValueError::new("must be longer than zero", "write a duration such as \"30s\""))
        }
        longer => Ok(Some(duration(longer))),
    }
}

fn tls_name(text: &str) -> Result<Option<Value>, ValueError> {
    let name = ServerName::try_from(text);
    let wrong = |_| ValueError::new("is not a name that a certificate can hold", "write only the host name");
    same(text, name.map_err(wrong))
}

fn mask(text: &str) -> Result<Option<Value>, ValueError> {
    let mask = Mask::parse(text);
    same(
        text,
        mask.map_err(|error| ValueError {
            part: error.span(),
            ..ValueError::new(error.to_string(), error.fix())
        }),
    )
}

fn url_path(text: &str) -> Result<Option<Value>, ValueError> {
    let is_path = text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let wrong =
        || ValueError::new("is not a path", "begin with `/` and write it as in a URL, such as \"/r/test\"");
    if is_path { Ok(Some(Value::from(text))) } else { Err(wrong()) }
}

fn public_path(text: &str) -> Result<Option<Value>, ValueError> {
    let wrong = |error: PatternError| {
        let fix = match error {
            PatternError::Start(_) => "begin the path with `/`",
            PatternError::Everything(_) => "name the paths that recipients and trackers need",
            PatternError::NotAPath(..) => "write only the path, without a query",
        };
        ValueError::new(error.to_string(), fix)
    };
    same(text, PublicPaths::parse([text]).map_err(wrong))
}

fn account_path(text: &str) -> Result<Option<Value>, ValueError> {
    match PublicPaths::parse([text]) {
        Err(PatternError::Everything(_)) => Err(ValueError::new(
            "allows every path",
            "leave the list out, or name the paths that the account calls",
        )),
        _ => public_path(text),
    }
}

fn rule_path(text: &str) -> Result<Option<Value>, ValueError> {
    if text == "/ims" || text.starts_with("/ims/") {
        let fix = "remove it: addresses below /ims/ belong to the gateway, and rules are about Campaign's";
        return Err(ValueError::new("is no path of Campaign", fix));
    }
    match PublicPaths::parse([text]) {
        Err(PatternError::Everything(_)) => Ok(Some(Value::from(text))),
        _ => public_path(text),
    }
}

fn rule_rate(text: &str) -> Result<Option<Value>, ValueError> {
    let wrong = |error: NotARate| ValueError::new(error.to_string(), "write for instance \"20/minute\"");
    same(text, text.parse::<Rate>().map_err(wrong))
}

fn file(text: &str) -> Result<Option<Value>, ValueError> {
    if text.is_empty() {
        return Err(ValueError::new("is empty", "write the path of a file, or remove the key"));
    }
    Ok(Some(Value::from(text)))
}

fn private_file(text: &str) -> Result<Option<Value>, ValueError> {
    let checked = file(text)?;
    match files::check_private(Path::new(text)) {
        Err(error) if matches!(error.problem, FileProblem::Open(_)) => Err(ValueError::from(&error)),
        _ => Ok(checked),
    }
}

fn secret(text: &str) -> Result<Option<Value>, ValueError> {
    if text.trim().is_empty() {
        return Err(ValueError::new("is empty", "write the secret that Adobe issued"));
    }
    Ok(Some(Value::from(text)))
}

fn header_secret(text: &str) -> Result<Option<Value>, ValueError> {
    if text.len() >= SHORTEST_SECRET && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(Value::from(text)));
    }
    Err(ValueError::new(
        format!(
            "is shorter than {SHORTEST_SECRET} characters, or holds a space or another character than visible ASCII"
        ),
        "make one with: openssl rand -hex 32",
    ))
}

fn cookie_suffix(text: &str) -> Result<Option<Value>, ValueError> {
    if text.is_empty() {
        return Ok(None);
    }
    let suffix = Suffix::parse(text).ok_or_else(|| {
        ValueError::new(
            "must be 1 to 32 letters and digits, and not login, fresh, was or kept",
            "write a short name of this gateway, for instance \"stage\"",
        )
    });
    same(text, suffix)
}

fn log_filter(text: &str) -> Result<Option<Value>, ValueError> {
    let filter = tracing_subscriber::EnvFilter::builder().parse(text);
    let wrong =
        |error| ValueError::new(format!("is not a log filter ({error})"), "write info or info,imsgate=debug");
    same(text, filter.map_err(wrong))
}

/// A number where 0 means that there is no limit.
pub(super) fn zero_is_none<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + Default + PartialEq,
{
    Ok(Some(N::deserialize(deserializer)?).filter(|number| *number != N::default()))
}

/// Characters of `listen.forward_auth_secret`.
const SHORTEST_SECRET: usize = 16;
