//! Token refresh within one process.

use super::*;

pub(super) fn with_refresh_token(clock: &Clock) -> Tokens {
    Tokens { refresh: Some("refresh-1".into()), ..tokens(clock) }
}

pub(super) fn refreshed(clock: &Clock) -> Tokens {
    Tokens { access: "refreshed".into(), refresh: Some("refresh-2".into()), ..tokens(clock) }
}

fn refresh_token(session: &LiveSession) -> &str {
    use secrecy::ExposeSecret as _;
    session.data.tokens.refresh.as_ref().unwrap().expose_secret()
}

#[tokio::test]
async fn a_session_with_a_refresh_token_outlives_its_access_token() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let short =
        Tokens { access_expires: clock.now().plus(Duration::from_mins(5)), ..with_refresh_token(&clock) };
    let session = sessions.create(identity(), short, None, None).await.unwrap();
    assert!(!session.is_refresh_due(clock.now()));
    clock.advance(Duration::from_secs(270));
    assert!(session.is_refresh_due(clock.now()) && !session.has_access_token_expired(clock.now()));
    clock.advance(Duration::from_secs(30));
    let found = sessions.find(&session.cookie_value()).await.unwrap().unwrap();
    assert!(found.is_refresh_due(clock.now()) && found.has_access_token_expired(clock.now()));
}

#[tokio::test]
async fn new_tokens_are_saved_when_refresh_returns_and_the_rest_stays() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    clock.advance(Duration::from_secs(10));
    let fresh = sessions.refresh(&session, async |_| Ok(refreshed(&clock))).await.unwrap();
    assert_eq!(fresh.credentials.authorization, "Bearer refreshed");
    assert_eq!((&fresh.data.identity, fresh.data.ends), (&session.data.identity, session.data.ends));
    assert!(fresh.data.as_of.tokens > session.data.as_of.tokens);
    sessions.live.invalidate_all();
    let loaded = sessions.find(&session.cookie_value()).await.unwrap().unwrap();
    assert_eq!(
        (refresh_token(&loaded), &loaded.credentials.authorization),
        ("refresh-2", &fresh.credentials.authorization)
    );
    // A caller with the old tokens gets the new ones without another exchange.
    let again = sessions.refresh(&session, async |_| panic!("no refresh is due")).await.unwrap();
    assert_eq!(again.credentials.authorization, fresh.credentials.authorization);
}

#[tokio::test]
async fn a_response_without_a_refresh_token_keeps_the_old_one() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    let without = Tokens { refresh: None, ..refreshed(&clock) };
    let fresh = sessions.refresh(&session, async |_| Ok(without)).await.unwrap();
    assert_eq!(
        (refresh_token(&fresh), fresh.credentials.authorization.to_str().unwrap()),
        ("refresh-1", "Bearer refreshed")
    );
}

#[tokio::test]
async fn concurrent_changes_do_not_undo_each_other() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    // Groups change during the exchange; both began with the same data.
    let exchange = async |_| {
        sessions.change(&session, |data| data.identity.groups = vec!["admin".to_owned()]).await.unwrap();
        Ok(refreshed(&clock))
    };
    let fresh = sessions.refresh(&session, exchange).await.unwrap();
    assert_eq!(
        (
            fresh.credentials.identity.groups.to_str().unwrap(),
            fresh.credentials.authorization.to_str().unwrap()
        ),
        ("admin", "Bearer refreshed")
    );
    let add = |data: &mut SessionData| data.identity.groups.push("late".to_owned());
    let late = sessions.change(&session, add).await.unwrap().unwrap();
    assert_eq!(
        (
            late.credentials.identity.groups.to_str().unwrap(),
            late.credentials.authorization.to_str().unwrap()
        ),
        ("admin,late", "Bearer refreshed")
    );
    let loaded = sessions.latest(&session).await.unwrap().unwrap();
    assert_eq!(
        (&loaded.credentials.identity.groups, &loaded.credentials.authorization),
        (&late.credentials.identity.groups, &late.credentials.authorization)
    );
}

#[tokio::test]
async fn a_temporary_error_changes_nothing_and_a_permanent_one_is_reported() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    let away =
        sessions.refresh(&session, async |_| Err(ExchangeError::Temporary("away".to_owned(), None))).await;
    assert!(matches!(away, Err(RefreshError::Unavailable(..))), "{away:?}");
    let over =
        sessions.refresh(&session, async |_| Err(ExchangeError::Permanent("invalid_grant".to_owned()))).await;
    assert!(matches!(over, Err(RefreshError::Refused(_))), "{over:?}");
    let found = sessions.find(&session.cookie_value()).await.unwrap().unwrap();
    assert_eq!(refresh_token(&found), "refresh-1");
}

#[tokio::test]
async fn tokens_after_the_end_are_returned_and_restore_nothing() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), with_refresh_token(&clock), None, None).await.unwrap();
    let exchange = async |_| {
        sessions.end(&session).await.unwrap();
        Ok(refreshed(&clock))
    };
    assert!(matches!(sessions.refresh(&session, exchange).await, Err(RefreshError::Ended(Some(_)))));
    assert!(sessions.vault.get(session.key).await.unwrap().is_none());
    assert!(sessions.find(&session.cookie_value()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_change_does_not_count_as_use() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = sessions.create(identity(), tokens(&clock), None, None).await.unwrap();
    for _ in 0..3 {
        clock.advance(LIFETIMES.idle / 3);
        sessions.change(&session, |data| data.as_of.groups = clock.now()).await.unwrap().unwrap();
    }
    assert!(sessions.find(&session.cookie_value()).await.unwrap().is_none(), "nobody used it for 30 minutes");
}

#[test]
fn a_record_without_confirmation_times_was_confirmed_at_its_login() {
    let created = UnixTime(1_790_000_000);
    let mut record = data("alice", created).to_record();
    record.get_mut("imsgate/1").unwrap().as_object_mut().unwrap().remove("as_of").unwrap();
    let read = SessionData::from_record(&record).unwrap();
    assert_eq!((read.as_of.tokens, read.as_of.groups), (created, created));
}

#[tokio::test]
async fn groups_are_due_once_an_interval_and_a_failed_check_is_postponed() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let interval = Duration::from_mins(10);
    let session = sessions.create(identity(), tokens(&clock), None, None).await.unwrap();
    assert!(sessions.due_for_recheck(interval).is_empty());
    clock.advance(interval);
    let due = sessions.due_for_recheck(interval);
    assert_eq!(due.len(), 1);
    due[0].postpone_recheck(clock.now().plus(Duration::from_mins(1)));
    assert!(sessions.due_for_recheck(interval).is_empty());
    clock.advance(Duration::from_mins(1));
    assert_eq!(sessions.due_for_recheck(interval).len(), 1);
    sessions.change(&session, |data| data.as_of.groups = clock.now()).await.unwrap();
    assert!(sessions.due_for_recheck(interval).is_empty());
}
