//! Validates IMS access tokens at IMS.

use std::io;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use super::CampaignState;
use crate::demo::random::lock;

impl CampaignState {
    /// The login of a valid IMS access token; `None` if IMS does not accept it.
    pub(super) async fn login_of(&self, token: &str) -> io::Result<Option<String>> {
        let Some(ims) = lock(&self.ims).clone() else {
            return Ok(None);
        };
        let form =
            [("type", "access_token"), ("client_id", self.options.ims_client_id.as_str()), ("token", token)];
        let validated = self.client.post_form(&format!("{ims}/ims/validate_token/v1"), &[], &form).await?;
        let validated = json(&validated)?;
        if validated["valid"] != true {
            return Ok(None);
        }
        let authorization = format!("Bearer {token}");
        let url = format!("{ims}/ims/userinfo/v2");
        let userinfo = self.client.get(&url, &[("authorization", &authorization)]).await?;
        // A technical account has no userinfo. Its user id is its login.
        let email = json(&userinfo).ok().and_then(|info| info["email"].as_str().map(str::to_owned));
        Ok(email.or_else(|| validated["token"]["user_id"].as_str().map(str::to_owned)))
    }

    /// The operator groups that a logon takes over from IMS; empty if the instance does not.
    pub(super) async fn groups_of(&self, token: &str) -> Vec<String> {
        let Some(ims) = lock(&self.ims).clone().filter(|_| self.options.group_rights) else {
            return Vec::new();
        };
        let authorization = format!("Bearer {token}");
        let url = format!("{ims}/ims/organizations/v6");
        let Ok(answer) = self.client.get(&url, &[("authorization", &authorization)]).await else {
            return Vec::new();
        };
        let organizations = json(&answer).unwrap_or_default();
        let all = organizations.as_array().into_iter().flatten();
        let names = all
            .flat_map(|organization| organization["groups"].as_array().into_iter().flatten())
            .filter_map(|group| group["groupName"].as_str().or(group["groupDisplayName"].as_str()));
        let mask = format!("Campaign - {} - ", crate::demo::TENANT);
        names.filter_map(|name| name.strip_prefix(&mask)).map(str::to_owned).collect()
    }
}

fn json(response: &Response<Bytes>) -> io::Result<Value> {
    if response.status() != StatusCode::OK {
        return Err(io::Error::other(format!("IMS answered {}", response.status())));
    }
    serde_json::from_slice(response.body()).map_err(io::Error::other)
}
