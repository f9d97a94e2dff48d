//! `[ims]`: the external account.

use secrecy::ExposeSecret;
use url::Url;

use super::{Check, MASK, Wrong, proxy, values};
use crate::config::checked::{Ims, TokenAuth};
use crate::config::raw::{RawIms, RawTokenAuth};
use crate::policy::mask::Mask;

pub(super) fn ims(check: &mut Check<'_>, raw: RawIms) -> Option<Ims> {
    let server = check
        .required("ims.server", raw.server, "\"https://ims-na1.adobelogin.com\"")
        .and_then(|text| check.value("ims.server", text.trim_end_matches('/'), values::server));
    let discovery_url = match raw.discovery_url {
        Some(text) => check.value("ims.discovery_url", &text, values::server),
        None => server.as_ref().and_then(default_discovery_url),
    };
    let client_id = check
        .required("ims.client_id", raw.client_id, "\"…\", the IMS client identifier of the external account")
        .and_then(|text| check.name("ims.client_id", text));
    let client_secret = client_secret(check, raw.client_secret, raw.client_secret_file);
    let scopes = check
        .required("ims.scope", raw.scope, EXAMPLE_SCOPE)
        .and_then(|text| check.value("ims.scope", &text, values::scopes));
    let callback_server = check
        .required("ims.callback_server", raw.callback_server, "\"https://campaign.example.com\"")
        .and_then(|text| check.value("ims.callback_server", &text, values::callback_server));
    let organization_id = organization_id(check, raw.organization_id);
    let association_mask = mask(check, raw.association_mask);
    let product_context = raw.product_context.map(|text| check.name("ims.product_context", text));
    if let (Some(Some(_)), Some(scopes)) = (&product_context, &scopes)
        && !scopes.iter().any(|scope| scope == values::PRODUCT_CONTEXT)
    {
        check.warn(
            "ims.product_context",
            "has no effect: product profiles are not asked for",
            format!("add {} to ims.scope, or remove the key", values::PRODUCT_CONTEXT),
        );
    }
    let timeout = check.timeout("ims.timeout", &raw.timeout);
    let clock_skew = check.value("ims.clock_skew", &raw.clock_skew, values::duration);
    if clock_skew.is_some_and(|skew| skew > LARGE_SKEW) {
        check.warn(
            "ims.clock_skew",
            "lets tokens live on long after their end",
            "set the clocks by NTP and write \"60s\"",
        );
    }
    let ca_file = check.path("ims.ca_file", raw.ca_file);
    let proxy = proxy::proxy(check, raw.proxy, raw.proxy_file, discovery_url.as_ref());
    Some(Ims {
        server: server?,
        discovery_url: discovery_url?,
        id_token_issuers: raw.id_token_issuers,
        client_id: client_id?,
        client_secret: client_secret?,
        scopes: scopes?,
        callback_server: callback_server?,
        organization_id: organization_id?,
        association_mask: association_mask?,
        product_context: match product_context {
            Some(checked) => Some(checked?),
            None => None,
        },
        token_auth: match raw.token_auth {
            RawTokenAuth::Post => TokenAuth::Post,
            RawTokenAuth::Basic => TokenAuth::Basic,
        },
        timeout: timeout?,
        clock_skew: clock_skew?,
        token_calls: raw.token_calls,
        ca_file,
        proxy: proxy?,
    })
}

pub(super) fn mask(check: &mut Check<'_>, text: Option<String>) -> Option<Mask> {
    let text = check.required(MASK, text, "'Campaign - tenant - (.*)'")?;
    match Mask::parse(&text) {
        Ok(mask) => Some(mask),
        Err(error) => {
            let places = &check.tree.places;
            let location =
                error.span().map_or_else(|| places.location(MASK), |span| places.part(MASK, &text, span));
            check.tree.error(MASK, location, Wrong::new(error.to_string(), error.mend()));
            None
        }
    }
}

fn default_discovery_url(server: &Url) -> Option<Url> {
    let server = server.as_str().trim_end_matches('/');
    Url::parse(&format!("{server}/.well-known/openid-configuration")).ok()
}

fn client_secret(
    check: &mut Check<'_>,
    value: Option<secrecy::SecretString>,
    file: Option<std::path::PathBuf>,
) -> Option<secrecy::SecretString> {
    const PATH: &str = "ims.client_secret";
    let names = [PATH, "ims.client_secret_file"];
    if !names.iter().any(|name| check.is_set(name) || check.is_misspelt(name)) {
        check.error(
            PATH,
            Wrong::new(
                "is missing",
                "add: client_secret_file = \"…\", a file with the secret that Adobe issued",
            ),
        );
    }
    let secret = check.secret(PATH, value, file)?;
    if secret.expose_secret() == PLACEHOLDER {
        check.warn(
            PATH,
            "is still the placeholder of the reference file",
            "write the secret that Adobe issued",
        );
    } else if secret.expose_secret().trim() != secret.expose_secret() {
        check.warn(
            PATH,
            "begins or ends with a blank",
            "remove the blank, unless it is really part of the secret",
        );
    }
    Some(secret)
}

fn organization_id(check: &mut Check<'_>, text: Option<String>) -> Option<String> {
    const PATH: &str = "ims.organization_id";
    let text = check.required(PATH, text, "\"…@AdobeOrg\"")?;
    let looks_right = check.value(PATH, &text, values::organization_id)?;
    if !looks_right {
        check.warn(
            PATH,
            "does not look like Adobe's IDs, which have 24 hexadecimal digits before the `@`",
            "compare it with the external account",
        );
    }
    Some(text)
}

const EXAMPLE_SCOPE: &str =
    "\"openid,AdobeID,read_organizations,session,additional_info.projectedProductContext\"";
/// What the reference file has for a secret.
const PLACEHOLDER: &str = "replace-me";
const LARGE_SKEW: std::time::Duration = std::time::Duration::from_mins(5);
