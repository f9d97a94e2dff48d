//! Rules about `[[campaign.technical_account]]`, `[[campaign.native_account]]` and the keys that only count with one.

use toml::Value;

use super::tree::Tree;
use super::value_error::ValueError;
use crate::policy::identity::bytes_of_groups;

pub(super) fn apply(tree: &mut Tree) {
    native(tree);
    let accounts: Vec<String> = tree.elements(ACCOUNTS).collect();
    let mut known: Vec<String> = Vec::new();
    for account in &accounts {
        if !tree.is_set(&format!("{account}.organization_id")) {
            let organization = tree.get::<Value>("ims.organization_id");
            tree.put(&format!("{account}.organization_id"), organization);
        }
        groups(tree, account);
        let key = format!("{account}.client_id");
        let Some(client) = tree.get::<String>(&key) else { continue };
        if known.contains(&client) {
            let fix = "keep one [[campaign.technical_account]] for each client ID";
            tree.fail(&key, ValueError::new("is also the client ID of another technical account", fix));
        }
        known.push(client);
    }
    if accounts.is_empty() {
        for key in ["campaign.cors_origins", "ims.validate_token"] {
            let is_used =
                tree.get::<Vec<String>>(key).map_or(tree.get(key) == Some(true), |list| !list.is_empty());
            if is_used {
                let fix = "add a [[campaign.technical_account]], or remove the key";
                tree.warn(key, "has no effect without a technical account", fix);
            }
        }
    }
}

/// Each native account once.
fn native(tree: &mut Tree) {
    let mut known: Vec<String> = Vec::new();
    for account in tree.elements(NATIVE).collect::<Vec<_>>() {
        let key = format!("{account}.login");
        let Some(login) = tree.get::<String>(&key) else { continue };
        if known.contains(&login) {
            let fix = "keep one [[campaign.native_account]] for each login";
            tree.fail(&key, ValueError::new("is also the login of another native account", fix));
        }
        known.push(login);
    }
}

/// Groups that fit into a request head. With the client ID of the gateway, the tokens of people would count as the account.
fn groups(tree: &mut Tree, account: &str) {
    let key = format!("{account}.groups");
    let Some(groups) = tree.get::<Vec<String>>(&key) else { return };
    let (bytes, most) = (bytes_of_groups(&groups), tree.get::<usize>("campaign.groups_bytes"));
    if most.is_some_and(|most| bytes > most) {
        let message = format!("takes {bytes} bytes of a request head, more than campaign.groups_bytes");
        tree.fail(&key, ValueError::new(message, "name fewer groups, or raise campaign.groups_bytes"));
    }
    let own = tree.get::<String>("ims.client_id");
    if own.is_some() && own == tree.get(&format!("{account}.client_id")) {
        tree.warn(
            &key,
            "gives these groups to every person's access token: the client ID is that of ims.client_id",
            "remove the key, so that IMS is asked for the groups of each token's owner",
        );
    }
}

const NATIVE: &str = "campaign.native_account";
const ACCOUNTS: &str = "campaign.technical_account";
