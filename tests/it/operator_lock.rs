//! Campaign locks an operator after a few wrong passwords. Guesses through the gateway stay below that number.

use std::time::Duration;

use imsgate::config::NativeAccount;
use imsgate::demo::faults::{FaultFrequency, InjectedResponse};
use imsgate::internal::PublicPaths;

use crate::support::account::{token, with_account};
use crate::support::request::RawRequest;
use crate::support::{World, logs};

const SOAP: &str = "/nl/jsp/soaprouter.jsp";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const PASSWORD: &str = "demo-admin-password";

fn call(method: &str, parameters: &str) -> RawRequest {
    let envelope = format!(
        "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body><{method} xmlns='urn:xtk:session'>\
         {parameters}</{method}></E:Body></E:Envelope>"
    );
    RawRequest::post(SOAP, &envelope)
        .with("Content-Type: text/xml")
        .with(&format!("SoapAction: xtk:session#{method}"))
}

/// A password in each place where Campaign takes one.
fn guesses(login: &str, password: &str) -> Vec<RawRequest> {
    let form = format!("login={login}&password={password}&action=submit&target=%2Fview%2Fhome");
    let token = format!("__sessiontoken={login}%2F{password}");
    vec![
        call("Logon", &format!("<t/><a>{login}</a><b>{password}</b><c/>")),
        call("GetOption", &format!("<t>{login}/{password}</t><n>XtkDatabaseId</n>")),
        RawRequest::post("/nl/jsp/logon.jsp", &form).with(FORM),
        RawRequest::get(&format!("/nl/jsp/logon.jsp?{form}")),
        RawRequest::get(&format!("/demo/echo?{token}")),
        RawRequest::get(&format!("/webApp/approval?{token}")),
        RawRequest::post("/demo/echo", &token).with(FORM),
        RawRequest::post("/webApp/approval", &token).with(FORM),
    ]
}

/// Lists four accounts, from everywhere here.
fn listed(instance: &mut imsgate::config::Instance) {
    let account = |login: &str| NativeAccount {
        login: login.to_owned(),
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        paths: PublicPaths::default(),
        emergency: false,
    };
    instance.campaign.native_accounts = ["admin", "internal", "monitoring", "aemserver"].map(account).into();
}

#[tokio::test]
async fn no_guess_reaches_campaign_with_a_session_or_without() {
    let world = World::start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    for login in ["admin", "alice@example.com"] {
        for guess in ["one", "two", "three", "four"] {
            // With a session, Logon with a login of Campaign's own is another test.
            let native_logon = usize::from(login == "admin");
            for request in guesses(login, guess).into_iter().skip(native_logon) {
                request.session(&alice).send_to(&world).await;
            }
            for request in guesses(login, guess) {
                request.send_to(&world).await;
            }
        }
    }
    assert_eq!(world.campaign.wrong_passwords(), Vec::<String>::new());
    assert!(world.campaign.locked_operators().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_person_or_a_technical_account_that_guesses_locks_nobody_and_is_in_the_audit_trail() {
    let world = with_account(|_| {}).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let token = token(&world);
    for as_person in [true, false] {
        for guess in ["one", "two", "three", "four"] {
            let request = guesses("admin", guess).remove(0);
            let request = if as_person { request.session(&alice) } else { request.bearer(&token) };
            let answer = request.send_to(&world).await;
            assert_eq!(answer.status(), 403);
            assert!(answer.text().contains("XSV-350012"), "{}", answer.text());
        }
    }
    // An e-mail address is the login of a person, whose password Campaign must not get.
    for request in [
        guesses("alice@example.com", "five").remove(0).bearer(&token),
        guesses("alice@example.com", "six").remove(0).session(&alice),
    ] {
        let answer = request.send_to(&world).await;
        assert!(answer.text().contains("XSV-350012"), "{}", answer.text());
    }
    let tried = logs::all("audit").into_iter().filter(|line| line.field("event") == "native_logon");
    assert!(tried.filter(|line| line.field("signed_in") == "false").count() >= 2);
    assert_eq!(world.campaign.wrong_passwords(), ["admin"]);
    assert!(world.campaign.locked_operators().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn without_console_passwords_campaign_gets_no_password_of_a_person_either() {
    let off = |i: &mut imsgate::config::Instance| {
        i.campaign.console_password = imsgate::config::ConsolePasswordMode::Off;
    };
    let world = World::builder().instance(off).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let answer = guesses("alice@example.com", "x").remove(0).session(&alice).send_to(&world).await;
    assert!(answer.text().contains("XSV-350012"), "{}", answer.text());
    assert_eq!(world.campaign.wrong_passwords(), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test]
async fn a_listed_native_account_is_left_alone_before_it_is_locked() {
    for which in [0, 1, 2, 4, 5, 6, 7] {
        let world = World::builder().instance(listed).start().await;
        for guess in ["one", "two", "three", "four"] {
            let answer = guesses("admin", guess).remove(which).send_to(&world).await;
            assert_ne!(answer.status(), 200, "{}", answer.text());
            // A request of an account that is left alone is a request of nobody.
            let is_left_alone = ["three", "four"].contains(&guess);
            assert!(!is_left_alone || which != 4 || answer.status() == 401, "{}", answer.text());
        }
        assert_eq!(world.campaign.wrong_passwords(), ["admin"], "it is listed: {which}");
        assert!(world.campaign.locked_operators().is_empty(), "{which}");
        assert!(!logs::say("=three") && !logs::say("/three"));
        world.stop().await;
    }
}

/// Adds an identity to a request.
type Sender<'a> = &'a dyn Fn(RawRequest) -> RawRequest;

#[tokio::test]
async fn wrong_passwords_of_a_listed_account_count_beside_another_right_and_from_other_pages() {
    let world = with_account(|_| {})
        .instance(listed)
        .campaign(|options| options.session_token_only = true)
        .start()
        .await;
    let (alice, token) = (world.signed_in("alice").await.session().unwrap(), token(&world));
    let from_a_page = |request: RawRequest| request.with("Origin: https://evil.example");
    let as_alice = |request: RawRequest| request.session(&alice);
    let as_account = |request: RawRequest| request.bearer(&token);
    let senders: [(Sender<'_>, &str, usize); 4] = [
        // Campaign takes the password before the cookie. Its refusal is no reason to send the request again.
        (&as_alice, "admin", 4),
        (&as_alice, "internal", 7),
        (&as_account, "monitoring", 4),
        (&from_a_page, "aemserver", 7),
    ];
    for (sender, login, which) in senders {
        for guess in ["one", "two", "three"] {
            sender(guesses(login, guess).remove(which)).send_to(&world).await;
        }
        let last = sender(guesses(login, "four").remove(which)).send_to(&world).await;
        assert_eq!(last.status(), 403, "{login} {which}: the gateway counts what the response does not tell");
    }
    assert!(!world.campaign.wrong_passwords().is_empty(), "some reached Campaign");
    assert_eq!(world.campaign.locked_operators(), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test]
async fn what_the_report_phase_lets_through_locks_nobody() {
    let report = |i: &mut imsgate::config::Instance| {
        i.campaign.foreign_tokens = imsgate::config::ForeignTokens::Report;
    };
    let world = World::builder().instance(report).start().await;
    for guess in ["one", "two", "three", "four"] {
        let query = guesses("admin", guess).remove(5).send_to(&world).await;
        guesses("internal", guess).remove(7).send_to(&world).await;
        assert_eq!(query.status(), if ["one", "two"].contains(&guess) { 302 } else { 403 }, "{guess}");
    }
    assert_eq!(world.campaign.wrong_passwords().len(), 2, "some reached Campaign");
    assert_eq!(world.campaign.locked_operators(), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test]
async fn guesses_at_once_and_guesses_whose_client_goes_away_lock_nobody() {
    let world = World::builder().instance(listed).start().await;
    let alice = world.signed_in("alice").await.session().unwrap();
    let at_once = |login: &'static str, which: usize| {
        let requests = (0..12).map(move |number| guesses(login, &format!("guess{number}")).remove(which));
        requests.map(|request| request.session(&alice)).collect::<Vec<_>>()
    };
    for (login, which) in [("admin", 0), ("internal", 4), ("monitoring", 2)] {
        let requests = at_once(login, which);
        futures_util::future::join_all(requests.iter().map(|request| request.send_to(&world))).await;
    }
    for number in 0..6 {
        let mut line = crate::support::request::connect(&world).await;
        line.send(guesses("other", &number.to_string()).remove(0).session(&alice).bytes("localhost")).await;
        drop(line);
    }
    let last = guesses("other", "last").remove(0).session(&alice).send_to(&world).await;
    assert!(last.text().contains("XSV-350012"), "{}", last.text());
    assert!(world.campaign.wrong_passwords().contains(&"admin".to_owned()), "some reached Campaign");
    assert_eq!(world.campaign.locked_operators(), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test]
async fn a_program_with_the_right_password_sends_any_number_of_requests_at_once() {
    let world = World::builder().instance(listed).start().await;
    let target = format!("/demo/echo?__sessiontoken=admin%2F{PASSWORD}");
    assert_eq!(RawRequest::get(&target).send_to(&world).await.status(), 200);
    let request = RawRequest::get(&target);
    let all = futures_util::future::join_all((0..12).map(|_| request.send_to(&world))).await;
    assert!(all.iter().all(|answer| answer.status() == 200));
    world.stop().await;
}

#[tokio::test]
async fn the_first_requests_of_a_program_may_come_at_once() {
    for which in [0, 1, 2, 4, 5, 6] {
        let world = World::builder().instance(listed).start().await;
        let request = guesses("admin", PASSWORD).remove(which);
        let all = futures_util::future::join_all((0..12).map(|_| request.send_to(&world))).await;
        let refused = all.iter().find(|answer| [401, 403].contains(&answer.status()));
        assert!(refused.is_none(), "{which}: {}", refused.unwrap().text());
        assert!(world.campaign.wrong_passwords().is_empty());
        world.stop().await;
    }
}

#[tokio::test]
async fn guesses_that_wait_for_others_lock_nobody() {
    let world = World::builder().instance(listed).start().await;
    for (login, which) in [("admin", 0), ("internal", 1), ("monitoring", 2), ("aemserver", 4)] {
        let requests = (0..12).map(|number| guesses(login, &format!("guess{number}")).remove(which));
        let requests: Vec<_> = requests.collect();
        let all =
            futures_util::future::join_all(requests.iter().map(|request| request.send_to(&world))).await;
        assert!(all.iter().all(|answer| answer.status() != 200), "{login}");
    }
    assert_eq!(world.campaign.wrong_passwords().len(), 4, "some reached Campaign");
    assert_eq!(world.campaign.locked_operators(), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test]
async fn a_right_password_makes_up_for_a_wrong_one() {
    let world = World::builder().instance(listed).start().await;
    for _ in 0..3 {
        guesses("admin", "wrong").remove(0).send_to(&world).await;
        let answer = guesses("admin", PASSWORD).remove(0).send_to(&world).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn a_guess_without_a_response_counts_as_wrong() {
    let world = World::builder()
        .instance(listed)
        .instance(|instance| instance.campaign.response_timeout = Duration::from_millis(300))
        .start()
        .await;
    world.campaign.faults().answer(FaultFrequency::Always, InjectedResponse::Never);
    for guess in ["one", "two"] {
        assert_eq!(guesses("admin", guess).remove(4).send_to(&world).await.status(), 504);
    }
    world.campaign.faults().clear();
    world.campaign.forget_requests();
    assert_eq!(guesses("admin", PASSWORD).remove(4).send_to(&world).await.status(), 403);
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn an_error_of_campaign_says_nothing_about_a_password() {
    let world = World::builder().instance(listed).start().await;
    let error = || world.campaign.faults().answer(FaultFrequency::Always, InjectedResponse::Status(500));
    // It was not accepted: it may not come any number of times.
    error();
    guesses("admin", "wrong").remove(4).send_to(&world).await;
    world.campaign.faults().clear();
    let request = guesses("admin", "wrong").remove(4);
    futures_util::future::join_all((0..12).map(|_| request.send_to(&world))).await;
    assert_eq!(world.campaign.locked_operators(), Vec::<String>::new());
    // A request that is refused for another token sends no password.
    let foreign =
        RawRequest::get(&format!("/demo/echo?__sessiontoken=monitoring%2F{PASSWORD}&__sessiontoken=other"));
    for _ in 0..3 {
        assert_eq!(foreign.send_to(&world).await.status(), 403);
    }
    guesses("monitoring", "wrong").remove(4).send_to(&world).await;
    assert!(world.campaign.wrong_passwords().contains(&"monitoring".to_owned()));
    // Nor was it refused: the account is not left alone.
    error();
    for _ in 0..3 {
        guesses("internal", PASSWORD).remove(0).send_to(&world).await;
    }
    world.campaign.faults().clear();
    let last = guesses("internal", "wrong").remove(0).send_to(&world).await;
    assert!(world.campaign.wrong_passwords().contains(&"internal".to_owned()), "{}", last.text());
    world.stop().await;
}

#[tokio::test]
async fn a_logon_of_nobody_never_reaches_campaign_even_if_the_method_needs_no_sign_in() {
    let open = |i: &mut imsgate::config::Instance| {
        i.campaign.console_password = imsgate::config::ConsolePasswordMode::Off;
        i.campaign.anonymous_soap.push("xtk:session#Logon".to_owned());
    };
    let world = World::builder().instance(open).start().await;
    let answer = guesses("admin", "guess").remove(0).send_to(&world).await;
    assert!(answer.text().contains("XSV-350012"), "{}", answer.text());
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}

#[tokio::test]
async fn the_sign_in_page_asks_for_no_session_of_15_days() {
    let world = World::start().await;
    let browser = world.browser();
    browser.sign_in("alice", "/nl/jsp/logon.jsp?target=%2Fview%2Fhome&rememberMe=1").await;
    assert_eq!(world.campaign.sessions().len(), 1);
    world.clock.advance(Duration::from_hours(25));
    assert!(world.campaign.sessions().is_empty(), "it lasts a day");
    world.stop().await;
}

#[tokio::test]
async fn a_session_that_was_logged_off_is_used_no_more_though_another_node_would_accept_it() {
    let cached = Duration::from_mins(10);
    let world = World::builder().campaign(move |options| options.session_cache = cached).start().await;
    let browser = world.signed_in("alice").await;
    let alice = browser.session().unwrap();
    let old = world.campaign.sessions()[0].session_token.clone();
    let with_old = |request: RawRequest| request.with(&format!("X-Session-Token: {old}"));
    browser.post_form("/ims/logout", &[]).await;
    world.eventually(|| world.campaign.logoffs() == [old.clone()]).await;
    world.campaign.forget_requests();
    for request in [
        RawRequest::get("/demo/echo").with(&format!("Cookie: __sessiontoken={old}")),
        RawRequest::get(&format!("/demo/echo?__sessiontoken={old}")),
        with_old(RawRequest::get("/demo/echo")),
        with_old(RawRequest::get("/demo/echo")).session(&alice),
        call("GetOption", &format!("<t>{old}</t><n>XtkDatabaseId</n>")),
    ] {
        let answer = request.send_to(&world).await;
        assert!([401, 403].contains(&answer.status()), "{}", answer.text());
    }
    assert!(world.campaign.requests().is_empty());
    world.stop().await;
}
