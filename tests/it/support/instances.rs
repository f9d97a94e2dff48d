//! A gateway with three Campaign instances in one process: `acme` at `localhost`, `stage` at `127.0.0.1`, and `tracking`, which serves public
//! paths only. Both instances have the external account of the demo, each with its own callback server.

use std::sync::Arc;

use imsgate::config::{Campaign, Config, NativeAccount, PublicInstance};
use imsgate::internal::PublicPaths;

use super::account::{CLIENT, account};
use super::request::{self, RawRequest};
use super::{Browser, Builder, World};

/// The host of `tracking`.
pub const TRACKING: &str = "t.example.com";

/// A world with the three instances. `acme` knows a technical account, and both know the native account `admin`.
pub fn three_instances() -> Builder {
    World::builder()
        .ims(|ims| {
            let stage: Vec<String> = ims.redirect_uris.iter().map(|uri| at_stage(uri)).collect();
            ims.redirect_uris.extend(stage);
            ims.technical_clients = vec![imsgate::demo::ims::TechnicalClient::new(
                CLIENT,
                imsgate::demo::ORGANIZATION_ID,
                imsgate::demo::TENANT,
                &["report"],
            )];
        })
        .config(three)
}

fn three(config: &mut Config) {
    let mut acme = (*config.instances[0]).clone();
    let native = NativeAccount {
        login: "admin".to_owned(),
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        paths: PublicPaths::default(),
        emergency: false,
    };
    acme.campaign.native_accounts = vec![native];
    let mut stage = acme.clone();
    "acme".clone_into(&mut acme.name);
    "stage".clone_into(&mut stage.name);
    stage.ims.callback_server = at_stage(acme.ims.callback_server.as_str()).parse().unwrap();
    acme.campaign.technical_accounts = vec![account(CLIENT)];
    let mut campaign = Campaign { hosts: vec![TRACKING.to_owned()], ..stage.campaign.clone() };
    campaign.native_accounts = Vec::new();
    config.instances = vec![Arc::new(acme), Arc::new(stage)];
    config.public_instances = vec![Arc::new(PublicInstance { name: "tracking".to_owned(), campaign })];
}

/// The same address at `stage`.
pub fn at_stage(address: &str) -> String {
    address.replace("localhost", "127.0.0.1")
}

/// `Host` of `stage`.
pub fn stage(world: &World) -> String {
    at_stage(request::host(world))
}

/// A path at `stage`, for a browser.
pub fn address_at_stage(world: &World, path: &str) -> String {
    format!("{}{path}", at_stage(&world.origin))
}

/// Signs the owner of this browser in at `stage` too; the value of the session cookie there. IMS knows the person.
pub async fn sign_in_at_stage(world: &World, browser: &Browser) -> String {
    let to_ims = browser.get(&address_at_stage(world, "/view/home")).await;
    let to_callback = browser.follow(&to_ims).await;
    let signed_in = browser.follow(&to_callback).await;
    let cookie = signed_in.session_cookie().unwrap_or_else(|| panic!("{}", signed_in.text()));
    cookie.split(';').next().unwrap().trim_start_matches("__Host-imsgate=").to_owned()
}

/// A SOAP call of `xtk:session` with these parameters.
pub fn session_call(method: &str, parameters: &str) -> RawRequest {
    let envelope = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body><{method} xmlns='urn:xtk:session'>\
         {parameters}</{method}></E:Body></E:Envelope>"
    );
    RawRequest::post("/nl/jsp/soaprouter.jsp", &envelope)
        .with("Content-Type: text/xml")
        .with(&format!("SoapAction: xtk:session#{method}"))
}
