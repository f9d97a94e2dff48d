//! Tokens renewed within one process.

use super::*;

pub(super) fn renewable(clock: &Clock) -> Tokens {
    Tokens { refresh: Some("refresh-1".into()), ..tokens(clock) }
}

pub(super) fn renewed(clock: &Clock) -> Tokens {
    Tokens { access: "renewed".into(), refresh: Some("refresh-2".into()), ..tokens(clock) }
}

fn refresh_token(auth: &Auth) -> &str {
    use secrecy::ExposeSecret as _;
    auth.data.tokens.refresh.as_ref().unwrap().expose_secret()
}

#[tokio::test]
async fn a_session_with_a_refresh_token_outlives_its_access_token() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let short = Tokens { access_expires: clock.now().plus(Duration::from_mins(5)), ..renewable(&clock) };
    let auth = sessions.create(identity(), short, None).await.unwrap();
    assert!(!auth.is_renewal_due(clock.now()));
    clock.advance(Duration::from_secs(270));
    assert!(auth.is_renewal_due(clock.now()) && !auth.has_expired(clock.now()));
    clock.advance(Duration::from_secs(30));
    let found = sessions.find(&auth.cookie_value()).await.unwrap().unwrap();
    assert!(found.is_renewal_due(clock.now()) && found.has_expired(clock.now()));
}

#[tokio::test]
async fn renewed_tokens_are_in_the_store_when_the_renewal_returns_and_keep_the_rest() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let auth = sessions.create(identity(), renewable(&clock), None).await.unwrap();
    clock.advance(Duration::from_secs(10));
    let fresh = sessions.renew(&auth, async |_| Ok(renewed(&clock))).await.unwrap();
    assert_eq!(fresh.bearer, "Bearer renewed");
    assert_eq!((&fresh.data.identity, fresh.data.ends), (&auth.data.identity, auth.data.ends));
    assert!(fresh.data.as_of.tokens > auth.data.as_of.tokens);
    sessions.live.invalidate_all();
    let loaded = sessions.find(&auth.cookie_value()).await.unwrap().unwrap();
    assert_eq!((refresh_token(&loaded), &loaded.bearer), ("refresh-2", &fresh.bearer));
    // Who still holds the old ones gets the new ones, without another exchange.
    let again = sessions.renew(&auth, async |_| panic!("there is nothing to renew")).await.unwrap();
    assert_eq!(again.bearer, fresh.bearer);
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let auth = sessions.create(identity(), renewable(&clock), None).await.unwrap();
    let without = Tokens { refresh: None, ..renewed(&clock) };
    let fresh = sessions.renew(&auth, async |_| Ok(without)).await.unwrap();
    assert_eq!((refresh_token(&fresh), fresh.bearer.to_str().unwrap()), ("refresh-1", "Bearer renewed"));
}

#[tokio::test]
async fn changes_that_cross_do_not_undo_each_other() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let auth = sessions.create(identity(), renewable(&clock), None).await.unwrap();
    // Groups are changed while the exchange is under way; each began with the session as it was.
    let exchange = async |_| {
        sessions.change(&auth, |data| data.identity.groups = vec!["admin".to_owned()]).await.unwrap();
        Ok(renewed(&clock))
    };
    let fresh = sessions.renew(&auth, exchange).await.unwrap();
    assert_eq!(
        (fresh.identity.groups.to_str().unwrap(), fresh.bearer.to_str().unwrap()),
        ("admin", "Bearer renewed")
    );
    let add = |data: &mut SessionData| data.identity.groups.push("late".to_owned());
    let late = sessions.change(&auth, add).await.unwrap().unwrap();
    assert_eq!(
        (late.identity.groups.to_str().unwrap(), late.bearer.to_str().unwrap()),
        ("admin,late", "Bearer renewed")
    );
    let loaded = sessions.latest(&auth).await.unwrap().unwrap();
    assert_eq!((&loaded.identity.groups, &loaded.bearer), (&late.identity.groups, &late.bearer));
}

#[tokio::test]
async fn a_passing_error_leaves_the_session_as_it_was_and_a_final_one_is_told() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let auth = sessions.create(identity(), renewable(&clock), None).await.unwrap();
    let away = sessions.renew(&auth, async |_| Err(ExchangeError::Passing("away".to_owned(), None))).await;
    assert!(matches!(away, Err(NotRenewed::Away(..))), "{away:?}");
    let over = sessions.renew(&auth, async |_| Err(ExchangeError::Final("invalid_grant".to_owned()))).await;
    assert!(matches!(over, Err(NotRenewed::Refused(_))), "{over:?}");
    let found = sessions.find(&auth.cookie_value()).await.unwrap().unwrap();
    assert_eq!(refresh_token(&found), "refresh-1");
}

#[tokio::test]
async fn tokens_that_come_after_the_end_are_handed_back_and_raise_nothing() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let auth = sessions.create(identity(), renewable(&clock), None).await.unwrap();
    let exchange = async |_| {
        sessions.end(&auth).await.unwrap();
        Ok(renewed(&clock))
    };
    assert!(matches!(sessions.renew(&auth, exchange).await, Err(NotRenewed::Ended(Some(_)))));
    assert!(sessions.store.kept(auth.key).await.unwrap().is_none());
    assert!(sessions.find(&auth.cookie_value()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_change_is_no_use_of_the_session() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let auth = sessions.create(identity(), tokens(&clock), None).await.unwrap();
    for _ in 0..3 {
        clock.advance(LIFETIMES.idle / 3);
        sessions.change(&auth, |data| data.as_of.groups = clock.now()).await.unwrap().unwrap();
    }
    assert!(sessions.find(&auth.cookie_value()).await.unwrap().is_none(), "nobody used it for 30 minutes");
}

#[test]
fn a_session_that_does_not_say_when_ims_was_asked_was_asked_at_its_login() {
    let created = UnixTime(1_790_000_000);
    let mut record = data("alice", created).to_record();
    record.get_mut("imsgate/1").unwrap().as_object_mut().unwrap().remove("as_of").unwrap();
    let read = SessionData::from_record(&record).unwrap();
    assert_eq!((read.as_of.tokens, read.as_of.groups), (created, created));
}

#[tokio::test]
async fn groups_are_due_once_an_interval_and_a_failed_question_is_put_off() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let interval = Duration::from_mins(10);
    let auth = sessions.create(identity(), tokens(&clock), None).await.unwrap();
    assert!(sessions.due_for_recheck(interval).is_empty());
    clock.advance(interval);
    let due = sessions.due_for_recheck(interval);
    assert_eq!(due.len(), 1);
    due[0].put_off_recheck(clock.now().plus(Duration::from_mins(1)));
    assert!(sessions.due_for_recheck(interval).is_empty());
    clock.advance(Duration::from_mins(1));
    assert_eq!(sessions.due_for_recheck(interval).len(), 1);
    sessions.change(&auth, |data| data.as_of.groups = clock.now()).await.unwrap();
    assert!(sessions.due_for_recheck(interval).is_empty());
}
