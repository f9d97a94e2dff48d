//! Programs that send session tokens of other sessions, or logins of native accounts. The running gateway counts them.

use serde_json::Value;

use super::report::Item;
use crate::cli::sessions::{AdminClient, AdminTarget};
use crate::config::{ForeignTokens, Loaded};

/// One finding for each such program. None without an admin listener or without a running gateway.
pub(super) fn check(loaded: &Loaded) -> Vec<Item> {
    let listen = &loaded.config.listen;
    let Some(address) = listen.admin else { return Vec::new() };
    let target = AdminTarget { address, token: listen.admin_token.clone() };
    let uses = AdminClient::new(target).and_then(|client| client.foreign_tokens());
    let Ok(uses) = uses else { return Vec::new() };
    let reports = loaded
        .config
        .instances
        .iter()
        .any(|instance| instance.campaign.foreign_tokens == ForeignTokens::Report);
    let mut items: Vec<_> = uses.iter().take(MOST).map(|used| item(loaded, used, reports)).collect();
    if uses.len() > MOST {
        let message = format!("{} further uses of foreign tokens are not listed", uses.len() - MOST);
        items.push(Item::warning(&loaded.places, KEY, message, "see /foreign-tokens of the admin listener"));
    }
    items
}

fn item(loaded: &Loaded, used: &Value, reports: bool) -> Item {
    let text = |name: &str| used[name].as_str().unwrap_or_default().to_owned();
    let account = match &*text("account") {
        "" => "a session token of another session".to_owned(),
        account => format!("the native account `{account}`"),
    };
    let what = if used["refused"] == true { "was refused" } else { "was forwarded" };
    let message = format!(
        "{account} {what}: {} {} from {}, {} times, last at {}",
        text("method"),
        text("path"),
        text("address"),
        used["times"],
        text("last"),
    );
    let fix = if reports {
        "let this program use a technical account, or allow it with [[campaign.native_account]], before you set refuse"
    } else {
        "let this program use a technical account, or allow it with [[campaign.native_account]]"
    };
    Item::warning(&loaded.places, KEY, message, fix)
}

const KEY: &str = "campaign.foreign_tokens";
/// Lines in the table.
const MOST: usize = 20;
