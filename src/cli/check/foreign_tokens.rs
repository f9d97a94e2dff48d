//! Programs that send session tokens of other sessions, or logins of native accounts. The running gateway counts them.

use serde_json::Value;

use super::report::{CheckedKey, Item};
use crate::cli::sessions::AdminClient;
use crate::config::{ForeignTokens, Loaded};

/// One finding for each such program. None without an admin listener or without a running gateway.
pub(super) fn check(loaded: &Loaded) -> Vec<Item> {
    let uses = AdminClient::of(&loaded.config.listen).and_then(|client| client.foreign_tokens().ok());
    let Some(uses) = uses else { return Vec::new() };
    let key = CheckedKey::new(&loaded.places, "campaign.foreign_tokens");
    let reports = loaded
        .config
        .instances
        .iter()
        .any(|instance| instance.campaign.foreign_tokens == ForeignTokens::Report);
    let mut items: Vec<_> = uses.iter().take(MOST).map(|used| item(key, used, reports)).collect();
    if uses.len() > MOST {
        let message = format!("{} further uses of foreign tokens are not listed", uses.len() - MOST);
        items.push(key.warning(message, "see /foreign-tokens of the admin listener"));
    }
    items
}

fn item(key: CheckedKey<'_>, used: &Value, reports: bool) -> Item {
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
    key.warning(message, fix)
}

/// Lines in the table.
const MOST: usize = 20;
