//! A reload adds, renames and removes instances while people work at another one.

use http::StatusCode;

use crate::support::http1::{Answer, RawConnection};
use crate::support::request::RawRequest;
use crate::support::served::Served;
use crate::support::{Browser, wire};

const TRACKING: &str = "t.example.com";

async fn open(served: &Served) -> RawConnection {
    RawConnection::new(wire::connect(served.address, &served.trust, wire::HTTP_1).await)
}

async fn ask(served: &Served, path: &str, host: &str) -> Answer {
    let mut line = open(served).await;
    line.send(RawRequest::get(path).with("Accept: application/json").bytes(host)).await;
    line.answer(false).await.unwrap()
}

/// The same path at the second instance.
fn there(served: &Served, path: &str) -> String {
    format!("https://127.0.0.1:{}{path}", served.address.port())
}

async fn me(browser: &Browser, address: &str) -> StatusCode {
    browser.get_json(address).await.status
}

#[tokio::test]
async fn instances_are_added_renamed_and_removed_and_the_others_go_on() {
    let served = Served::start(&format!(
        "[[instance]]\nname = \"acme\"\n[instance.ims]\n\
         [[instance]]\nname = \"tracking\"\nhosts = [\"{TRACKING}\"]\n"
    ))
    .await;
    let alice = served.signed_in("alice").await;
    let mut line = open(&served).await;
    let page = RawRequest::get("/view/home").session(&alice.session().unwrap()).keep_alive("localhost");
    let mut goes_on = async || {
        line.send(page.clone()).await;
        assert_eq!(line.answer(false).await.unwrap().status(), 200, "on the same connection");
        assert_eq!(me(&alice, "/ims/me").await, StatusCode::OK);
    };
    goes_on().await;
    let home = there(&served, "/view/home");
    let stage = format!("127.0.0.1:{}", served.address.port());
    assert_eq!(ask(&served, "/view/home", &stage).await.status(), 421);
    assert_eq!(ask(&served, "/r/test", TRACKING).await.status(), 200);
    assert_eq!(ask(&served, "/view/home", TRACKING).await.status(), 403);

    // A new instance, at its own host at once.
    served.append(&format!(
        "[[instance]]\nname = \"stage\"\n[instance.ims]\ncallback_server = \"https://{stage}\"\n"
    ));
    assert_eq!(ask(&served, "/view/home", &stage).await.status(), 421, "not yet");
    served.reload().await;
    goes_on().await;
    assert_eq!(ask(&served, "/view/home", &stage).await.status(), 401);
    let to_callback = alice.follow(&alice.get(&home).await).await;
    let signed_in = alice.follow(&to_callback).await;
    assert_eq!(signed_in.location(), "/view/home", "{}\n{}", signed_in.text(), served.log());
    assert_eq!(me(&alice, &there(&served, "/ims/me")).await, StatusCode::OK);

    // Another name is another instance: nobody is signed in there. The public one has nobody to sign out.
    served.edit("name = \"stage\"", "name = \"staging\"");
    served.edit("name = \"tracking\"", "name = \"links\"");
    served.reload().await;
    goes_on().await;
    assert_eq!(me(&alice, &there(&served, "/ims/me")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&served, "/r/test", TRACKING).await.status(), 200);
    served.edit("name = \"staging\"", "name = \"stage\"");
    served.reload().await;
    assert_eq!(me(&alice, &there(&served, "/ims/me")).await, StatusCode::OK, "its sessions are still stored");

    // Without the instance its host is served by none, with or without a session.
    served.edit(
        &format!("[[instance]]\nname = \"stage\"\n[instance.ims]\ncallback_server = \"https://{stage}\"\n"),
        "",
    );
    served.edit(&format!("hosts = [\"{TRACKING}\"]"), "hosts = [\"other.example.com\"]");
    served.reload().await;
    goes_on().await;
    for path in ["/view/home", "/ims/me", "/ims/callback?code=x&state=y", "/r/test", "/ims/jwks.json"] {
        assert_eq!(me(&alice, &there(&served, path)).await, StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert_eq!(ask(&served, path, TRACKING).await.status(), 421, "{path}");
    }
    assert_eq!(ask(&served, "/r/test", "other.example.com").await.status(), 200);
}
