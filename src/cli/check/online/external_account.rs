//! Checks with a technical account: what Campaign reports about itself, and whether its external account agrees with the configuration.
//! Read only.

use std::sync::Arc;

use super::super::report::{CheckedKey, Item};
use crate::app::{TechnicalCaller, Unavailable};
use crate::cli::groups::GroupComparison;
use crate::config::{InstanceConfig, Places};

/// Each Campaign server by its name, and the technical account that it accepted or refused.
pub(super) type Callers = Result<Vec<(Arc<str>, Result<TechnicalCaller, Unavailable>)>, Unavailable>;

/// The servers that accepted the account.
pub(super) fn accepted(callers: &Callers) -> impl Iterator<Item = &TechnicalCaller> {
    callers.iter().flatten().filter_map(|(_, caller)| caller.as_ref().ok())
}

/// Findings that need a technical account.
pub(super) async fn check(config: InstanceConfig<'_>, callers: &Callers, places: &Places) -> Vec<Item> {
    let callers = match callers {
        Ok(callers) => callers,
        Err(unavailable) => return not_checked(places, unavailable, None),
    };
    let account = CheckedKey::new(places, ACCOUNT);
    let mut items = Vec::new();
    let mut accepted = Vec::new();
    for (server, caller) in callers {
        match caller {
            Ok(caller) => {
                let message = format!("{server} accepts the technical account {}", caller.client_id());
                items.push(account.ok(message));
                items.push(secure_header(caller, places));
                accepted.push(caller);
            }
            Err(unavailable) => items.push(refused(account, unavailable, server)),
        }
    }
    let Some(caller) = accepted.first().copied() else {
        let refusal = callers.iter().find_map(|(server, caller)| Some((server, caller.as_ref().err()?)));
        return refusal.map_or(items, |(server, reason)| not_checked(places, reason, Some(server)));
    };
    items.push(organization(config, caller, places).await);
    items.push(console(config, caller, places));
    items.extend(external_account(config, caller, places).await);
    items.push(groups(config, &accepted, places).await);
    items
}

pub(super) async fn end(callers: Callers) {
    for (_, caller) in callers.into_iter().flatten() {
        if let Ok(caller) = caller {
            caller.end().await;
        }
    }
}

fn refused(account: CheckedKey<'_>, unavailable: &Unavailable, server: &str) -> Item {
    let reason = format!("{server}: {}", unavailable.reason());
    account.warning(reason, unavailable.fix())
}

/// `server` is the server that refused the account. Without it, IMS refused.
fn not_checked(places: &Places, unavailable: &Unavailable, server: Option<&str>) -> Vec<Item> {
    let account = CheckedKey::new(places, ACCOUNT);
    let (reason, fix) = (unavailable.reason(), unavailable.fix());
    let open = |(id, what): (&str, &str)| {
        let reason = match unavailable {
            Unavailable::NoAccount => format!("{what}: {reason}"),
            Unavailable::Failed(_) => format!("{what}: the technical account was refused"),
        };
        account.named(id).not_checked(reason, "")
    };
    let first = match unavailable {
        Unavailable::NoAccount => account
            .not_checked("what only a session with Campaign shows: no account is configured for it", fix),
        Unavailable::Failed(_) => match server {
            Some(server) => refused(account, unavailable, server),
            None => account.warning(&*reason, fix),
        },
    };
    let rest = [
        ("ims.organization", "whether IMS knows the organisation"),
        ("campaign.secure_header", "whether Campaign sees HTTPS (NLSSLURL)"),
        ("campaign.console_build", "which console builds Campaign accepts"),
        ("campaign.external_account", "Campaign's external account beside this configuration"),
        ("campaign.groups", "whether Campaign has the groups that the mask gives"),
    ];
    [first].into_iter().chain(rest.map(open)).collect()
}

/// Whether IMS names the configured organisation among those of the account.
async fn organization(config: InstanceConfig<'_>, caller: &TechnicalCaller, places: &Places) -> Item {
    let key = CheckedKey::new(places, "ims.organization_id").named("ims.organization");
    let wanted = &config.instance.ims.organization_id;
    match caller.organizations().await {
        Err(error) => key.not_checked(format!("IMS names no organisation: {error}"), ""),
        Ok(known) if known.contains(wanted) => key.ok("is an organisation of the technical account at IMS"),
        Ok(known) if known.is_empty() => {
            key.not_checked("IMS names no organisation of the technical account", "")
        }
        Ok(known) => key.error(
            format!(
                "is no organisation of the technical account at IMS, which belongs to {}",
                known.join(", ")
            ),
            "write the organisation in which people have their groups, or use a technical account of that organisation",
        ),
    }
}

/// Campaign marks its cookie `Secure` only if it sees HTTPS.
fn secure_header(caller: &TechnicalCaller, places: &Places) -> Item {
    let key = CheckedKey::new(places, "campaign.upstream").named("campaign.secure_header");
    let server = caller.server();
    match caller.is_secure {
        Some(true) => key.ok(format!("{server} sees HTTPS (NLSSLURL): its session cookie is Secure")),
        Some(false) => key.warning(
            format!(
                "{server} does not see HTTPS: its session cookie is not Secure, and a zone without allowHTTP opens no session"
            ),
            "let the machine between pass the header NLSSLURL",
        ),
        None => key.not_checked("whether Campaign sees HTTPS shows only with a Campaign session", ""),
    }
}

fn console(config: InstanceConfig<'_>, caller: &TechnicalCaller, places: &Places) -> Item {
    let key = CheckedKey::new(places, "campaign.min_console_build").named("campaign.console_build");
    match (config.instance.campaign.min_console_build, caller.facts.min_console_build) {
        (_, None) => key.not_checked("Campaign does not say which console builds it accepts", ""),
        (Some(ours), Some(theirs)) if ours < theirs => key.warning(
            format!("is below {theirs}, the oldest console build that Campaign accepts"),
            format!("write {theirs}, or leave the key out"),
        ),
        (_, Some(theirs)) => key.ok(format!("Campaign accepts console builds from {theirs} on")),
    }
}

async fn external_account(
    config: InstanceConfig<'_>,
    caller: &TechnicalCaller,
    places: &Places,
) -> Vec<Item> {
    let about = |id| CheckedKey::new(places, ACCOUNT).named(id);
    let account = about("campaign.external_account");
    let package = about("campaign.integration_package");
    let open = |reason: String| vec![account.not_checked(reason, FIX_RIGHTS)];
    let declared = match caller.attributes(SCHEMA).await {
        Ok(declared) => declared,
        Err(error) => return open(error),
    };
    if !declared.contains("imsOrgId") {
        let packages: Vec<&str> = caller.facts.packages.iter().map(String::as_str).collect();
        let message = format!(
            "external accounts have no field for an IMS organisation; packages: {}",
            packages.join(", ")
        );
        let fix = "install the package \"Integration with the Adobe Experience Cloud\" (Tools > Advanced > Import package)";
        return vec![package.warning(message, fix)];
    }
    let installed = package.ok("the integration package is installed: external accounts have fields for IMS");
    // Older builds do not have every field.
    let wanted: Vec<&str> = FIELDS.iter().copied().filter(|name| declared.contains(*name)).collect();
    let rows = match caller.records(SCHEMA, "extAccount", &wanted).await {
        Ok(rows) => rows,
        Err(error) => return open(error),
    };
    let accounts: Vec<AccountRecord<'_>> = rows
        .iter()
        .map(|values| AccountRecord { names: &wanted, values })
        .filter(|account| !account.field("imsOrgId").is_empty() || NAMES.contains(&account.field("name")))
        .collect();
    let active: Vec<_> = accounts.iter().filter(|account| account.is_active()).collect();
    let mut items = vec![installed];
    if let [record] = active.as_slice() {
        let name = record.field("name");
        items.push(
            account.ok(format!("exactly one external account of the Experience Cloud is active: {name}")),
        );
        items.extend(record.compare(config, places));
    } else {
        let message = format!(
            "{} external accounts of the Experience Cloud are active; there must be exactly one",
            active.len()
        );
        let fix = "Administration > Platform > External accounts: enable one, disable the others";
        items.push(account.warning(message, fix));
    }
    items.push(about("campaign.external_account.rights").not_checked(
        "who may edit the external account is not part of its record",
        "look at Administration > Platform > External accounts > Properties > Security: only the administrator",
    ));
    items
}

/// Key, end of the id, field of Campaign, our value, and how values are compared.
type ComparedField<'a> = (&'a str, &'a str, &'a str, String, fn(&str, &str) -> bool);

struct AccountRecord<'a> {
    names: &'a [&'a str],
    values: &'a [String],
}

impl AccountRecord<'_> {
    fn field(&self, name: &str) -> &str {
        let at = self.names.iter().position(|known| *known == name);
        at.and_then(|at| self.values.get(at)).map_or("", String::as_str)
    }

    fn is_active(&self) -> bool {
        matches!(self.field("active"), "1" | "true")
    }

    /// Compares each field with the configuration. An empty field of Campaign is skipped.
    fn compare(&self, config: InstanceConfig<'_>, places: &Places) -> Vec<Item> {
        let ims = &config.instance.ims;
        let same_text = |ours: &str, theirs: &str| ours == theirs;
        let experience_cloud = &config.instance.experience_cloud;
        let rows: [ComparedField<'_>; 7] = [
            ("ims.organization_id", "organization_id", "imsOrgId", ims.organization_id.clone(), same_text),
            (
                "ims.association_mask",
                "association_mask",
                "imsRightsMask",
                ims.association_mask.as_str().to_owned(),
                same_text,
            ),
            ("ims.scope", "scope", "userScope", ims.scopes.join(","), same_scopes),
            ("ims.callback_server", "callback_server", "callbackServer", ims.origin(), same_origin),
            ("experience_cloud.server", "server", "server", experience_cloud.server.to_string(), same_origin),
            ("experience_cloud.tenant", "tenant", "tenant", experience_cloud.tenant.clone(), same_text),
            ("ims.client_id", "client_id", self.client_field(), ims.client_id.clone(), same_text),
        ];
        let mut items = Vec::new();
        for (key, id, field, ours, is_same) in rows {
            let theirs = self.field(field);
            let id = format!("campaign.external_account.{id}");
            if theirs.is_empty() || ours.is_empty() {
                continue;
            }
            let about = CheckedKey::new(places, key).named(&id);
            items.push(if is_same(&ours, theirs) {
                about.ok("as in Campaign's external account")
            } else {
                let message = format!("`{ours}` here, but `{theirs}` in Campaign's external account");
                let fix = "make both the same: Campaign maps groups by its own external account";
                if key == "ims.organization_id" {
                    about.error(message, fix)
                } else {
                    about.warning(message, fix)
                }
            });
        }
        items
    }

    /// The field with the IMS client. Which one Campaign uses is not documented, so both are read.
    fn client_field(&self) -> &'static str {
        if self.field("clientId").is_empty() { "account" } else { "clientId" }
    }
}

fn same_scopes(ours: &str, theirs: &str) -> bool {
    fn set(text: &str) -> std::collections::BTreeSet<&str> {
        text.split([',', ' ']).filter(|scope| !scope.is_empty()).collect()
    }
    set(ours) == set(theirs)
}

fn same_origin(ours: &str, theirs: &str) -> bool {
    ours.trim_end_matches('/').eq_ignore_ascii_case(theirs.trim_end_matches('/'))
}

async fn groups(config: InstanceConfig<'_>, callers: &[&TechnicalCaller], places: &Places) -> Item {
    let key = CheckedKey::new(places, "ims.association_mask").named("campaign.groups");
    match GroupComparison::read(config, callers).await {
        Err(error) => key.not_checked(error, FIX_RIGHTS),
        Ok(comparison) => {
            let missing = comparison.missing_in_campaign();
            if let Some(other) = comparison.differing_servers().first() {
                CheckedKey::new(places, "campaign.upstream").named("campaign.groups").warning(
                    format!("{other} has other operator groups than the first server"),
                    "name only servers of one Campaign instance in campaign.upstream",
                )
            } else if missing.is_empty() {
                let count = comparison.in_campaign();
                key.ok(format!(
                    "every group of the names seen so far is one of Campaign's {count} operator groups"
                ))
            } else {
                let groups = missing.join(", ");
                key.warning(
                    format!("gives groups that Campaign does not have: {groups}"),
                    "create these operator groups in Campaign, or correct the names in the Admin Console; `imsgate groups` shows both sides",
                )
            }
        }
    }
}

const ACCOUNT: &str = "campaign.technical_account";
const SCHEMA: &str = "nms:extAccount";
const FIX_RIGHTS: &str =
    "give the operator of the technical account the right to read external accounts and groups";
/// Internal names of the built-in account.
const NAMES: [&str; 2] = ["Adobe_Marketing_Cloud", "Adobe_Experience_Cloud"];
const FIELDS: [&str; 10] = [
    "name",
    "active",
    "imsOrgId",
    "imsRightsMask",
    "userScope",
    "callbackServer",
    "server",
    "tenant",
    "clientId",
    "account",
];
