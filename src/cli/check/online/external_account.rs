//! Checks with a technical account: what Campaign reports about itself, and whether its external account agrees with the configuration.
//! Read only.

use std::sync::Arc;

use super::super::report::Item;
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
    let mut items = Vec::new();
    let mut accepted = Vec::new();
    for (server, caller) in callers {
        match caller {
            Ok(caller) => {
                let message = format!("{server} accepts the technical account {}", caller.client_id);
                items.push(Item::ok(places, ACCOUNT, message).named("campaign.technical_account"));
                items.push(secure_header(caller, places));
                accepted.push(caller);
            }
            Err(unavailable) => items.push(refused(places, unavailable, server)),
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

/// Ends their sessions.
pub(super) async fn end(callers: Callers) {
    for (_, caller) in callers.into_iter().flatten() {
        if let Ok(caller) = caller {
            caller.end().await;
        }
    }
}

fn refused(places: &Places, unavailable: &Unavailable, server: &str) -> Item {
    let reason = format!("{server}: {}", unavailable.reason());
    Item::warning(places, ACCOUNT, reason, unavailable.fix()).named("campaign.technical_account")
}

/// `server` is the server that refused the account. Without it, IMS refused.
fn not_checked(places: &Places, unavailable: &Unavailable, server: Option<&str>) -> Vec<Item> {
    let (reason, fix) = (unavailable.reason(), unavailable.fix());
    let open = |(id, what): (&str, &str)| {
        let reason = match unavailable {
            Unavailable::NoAccount => format!("{what}: {reason}"),
            Unavailable::Failed(_) => format!("{what}: the technical account was refused"),
        };
        Item::not_checked(places, ACCOUNT, reason, "").named(id)
    };
    let first = match unavailable {
        Unavailable::NoAccount => Item::not_checked(
            places,
            ACCOUNT,
            "what only a session with Campaign shows: no account is configured for it",
            fix,
        ),
        Unavailable::Failed(_) => match server {
            Some(server) => refused(places, unavailable, server),
            None => Item::warning(places, ACCOUNT, &*reason, fix),
        },
    };
    let rest = [
        ("ims.organization", "whether IMS knows the organisation"),
        ("campaign.secure_header", "whether Campaign sees HTTPS (NLSSLURL)"),
        ("campaign.console_build", "which console builds Campaign accepts"),
        ("campaign.external_account", "Campaign's external account beside this configuration"),
        ("campaign.groups", "whether Campaign has the groups that the mask gives"),
    ];
    [first.named("campaign.technical_account")].into_iter().chain(rest.map(open)).collect()
}

/// Whether IMS names the configured organisation among those of the account.
async fn organization(config: InstanceConfig<'_>, caller: &TechnicalCaller, places: &Places) -> Item {
    const KEY: &str = "ims.organization_id";
    let wanted = &config.instance.ims.organization_id;
    let item = match caller.organizations().await {
        Err(error) => Item::not_checked(places, KEY, format!("IMS names no organisation: {error}"), ""),
        Ok(known) if known.contains(wanted) => {
            Item::ok(places, KEY, "is an organisation of the technical account at IMS")
        }
        Ok(known) if known.is_empty() => {
            Item::not_checked(places, KEY, "IMS names no organisation of the technical account", "")
        }
        Ok(known) => Item::error(
            places,
            KEY,
            format!(
                "is no organisation of the technical account at IMS, which belongs to {}",
                known.join(", ")
            ),
            "write the organisation in which people have their groups, or use a technical account of that organisation",
        ),
    };
    item.named("ims.organization")
}

/// Campaign marks its cookie `Secure` only if it sees HTTPS.
fn secure_header(caller: &TechnicalCaller, places: &Places) -> Item {
    const KEY: &str = "campaign.upstream";
    let server = caller.server();
    let item = match caller.is_secure {
        Some(true) => {
            Item::ok(places, KEY, format!("{server} sees HTTPS (NLSSLURL): its session cookie is Secure"))
        }
        Some(false) => Item::warning(
            places,
            KEY,
            format!(
                "{server} does not see HTTPS: its session cookie is not Secure, and a zone without allowHTTP opens no session"
            ),
            "let the machine between pass the header NLSSLURL",
        ),
        None => Item::not_checked(
            places,
            KEY,
            "whether Campaign sees HTTPS shows only with a Campaign session",
            "",
        ),
    };
    item.named("campaign.secure_header")
}

fn console(config: InstanceConfig<'_>, caller: &TechnicalCaller, places: &Places) -> Item {
    const KEY: &str = "campaign.min_console_build";
    let item = match (config.instance.campaign.min_console_build, caller.facts.min_console_build) {
        (_, None) => {
            Item::not_checked(places, KEY, "Campaign does not say which console builds it accepts", "")
        }
        (Some(ours), Some(theirs)) if ours < theirs => Item::warning(
            places,
            KEY,
            format!("is below {theirs}, the oldest console build that Campaign accepts"),
            format!("write {theirs}, or leave the key out"),
        ),
        (_, Some(theirs)) => {
            Item::ok(places, KEY, format!("Campaign accepts console builds from {theirs} on"))
        }
    };
    item.named("campaign.console_build")
}

async fn external_account(
    config: InstanceConfig<'_>,
    caller: &TechnicalCaller,
    places: &Places,
) -> Vec<Item> {
    let open = |reason: String| {
        vec![Item::not_checked(places, ACCOUNT, reason, FIX_RIGHTS).named("campaign.external_account")]
    };
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
        return vec![Item::warning(places, ACCOUNT, message, fix).named("campaign.integration_package")];
    }
    let installed = Item::ok(
        places,
        ACCOUNT,
        "the integration package is installed: external accounts have fields for IMS",
    )
    .named("campaign.integration_package");
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
    if let [account] = active.as_slice() {
        let name = account.field("name");
        items.push(
            Item::ok(
                places,
                ACCOUNT,
                format!("exactly one external account of the Experience Cloud is active: {name}"),
            )
            .named("campaign.external_account"),
        );
        items.extend(account.compare(config, places));
    } else {
        let message = format!(
            "{} external accounts of the Experience Cloud are active; there must be exactly one",
            active.len()
        );
        let fix = "Administration > Platform > External accounts: enable one, disable the others";
        items.push(Item::warning(places, ACCOUNT, message, fix).named("campaign.external_account"));
    }
    items.push(
        Item::not_checked(
            places,
            ACCOUNT,
            "who may edit the external account is not part of its record",
            "look at Administration > Platform > External accounts > Properties > Security: only the administrator",
        )
        .named("campaign.external_account.rights"),
    );
    items
}

/// Key, end of the id, field of Campaign, our value, and how values are compared.
type ComparedField<'a> = (&'a str, &'a str, &'a str, String, fn(&str, &str) -> bool);

/// One external account.
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
            items.push(if is_same(&ours, theirs) {
                Item::ok(places, key, "as in Campaign's external account").named(&id)
            } else {
                let message = format!("`{ours}` here, but `{theirs}` in Campaign's external account");
                let fix = "make both the same: Campaign maps groups by its own external account";
                if key == "ims.organization_id" {
                    Item::error(places, key, message, fix)
                } else {
                    Item::warning(places, key, message, fix)
                }
                .named(&id)
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
    const KEY: &str = "ims.association_mask";
    let item = match GroupComparison::read(config, callers).await {
        Err(error) => Item::not_checked(places, KEY, error, FIX_RIGHTS),
        Ok(comparison) => {
            let missing = comparison.missing_in_campaign();
            if let Some(other) = comparison.differing_servers().first() {
                Item::warning(
                    places,
                    "campaign.upstream",
                    format!("{other} has other operator groups than the first server"),
                    "name only servers of one Campaign instance in campaign.upstream",
                )
            } else if missing.is_empty() {
                let count = comparison.in_campaign();
                Item::ok(
                    places,
                    KEY,
                    format!(
                        "every group of the names seen so far is one of Campaign's {count} operator groups"
                    ),
                )
            } else {
                let groups = missing.join(", ");
                Item::warning(
                    places,
                    KEY,
                    format!("gives groups that Campaign does not have: {groups}"),
                    "create these operator groups in Campaign, or correct the names in the Admin Console; `imsgate groups` shows both sides",
                )
            }
        }
    };
    item.named("campaign.groups")
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
