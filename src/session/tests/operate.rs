//! Lists, ends and changes of sessions, and the maintenance that no request triggers.

use super::*;

fn maintained(sessions: &Sessions) {
    let sessions = sessions.clone();
    tokio::spawn(async move { sessions.maintain().await });
}

async fn login(sessions: &Sessions, user: &str) -> Arc<LiveSession> {
    let data = data(user, sessions.clock.now());
    sessions.create(data.identity, tokens(&sessions.clock), None, None).await.unwrap()
}

#[tokio::test]
async fn all_sessions_of_an_owner_end_except_one() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let mine =
        [login(&sessions, "alice").await, login(&sessions, "alice").await, login(&sessions, "alice").await];
    let other = login(&sessions, "bob").await;
    let owner = Owner::Email("Alice@Example.com");
    assert_eq!(sessions.end_of(owner, Some(mine[1].key), EndReason::Everywhere).await.unwrap(), 2);
    assert!(mine[0].ended.is_cancelled() && mine[2].ended.is_cancelled());
    assert!(sessions.find(&mine[0].cookie_value()).await.unwrap().is_none());
    for lives in [&mine[1], &other] {
        assert!(!lives.ended.is_cancelled());
        assert!(sessions.find(&lives.cookie_value()).await.unwrap().is_some());
    }
    assert_eq!(sessions.of(Owner::User("alice@B2.e")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_ends_by_the_sid_of_its_assertion() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let session = login(&sessions, "alice").await;
    for wrong in ["", "x", &session.cookie_value()] {
        assert!(!sessions.end_sid(wrong, EndReason::Operator).await.unwrap(), "{wrong}");
    }
    assert!(sessions.end_sid(&session.sid, EndReason::Operator).await.unwrap());
    assert!(session.ended.is_cancelled());
    assert!(sessions.find(&session.cookie_value()).await.unwrap().is_none());
    assert!(!sessions.end_sid(&session.sid, EndReason::Operator).await.unwrap());
}

#[tokio::test]
async fn a_list_has_all_sessions_and_their_last_use() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let auths =
        [login(&sessions, "alice").await, login(&sessions, "bob").await, login(&sessions, "carol").await];
    clock.advance(Duration::from_secs(30));
    sessions.find(&auths[0].cookie_value()).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = sessions.list(after, 2).await.unwrap();
        seen.extend(page.sessions);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 3);
    let first = seen.iter().find(|session| session.key == auths[0].key).unwrap();
    assert_eq!(first.data.seen, clock.now());
    assert!(!format!("{seen:?}").contains("secret"));
}

#[tokio::test]
async fn a_time_out_reaches_waiters_without_a_request() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    maintained(&sessions);
    let (idle, busy) = (login(&sessions, "alice").await, login(&sessions, "bob").await);
    let waited = async |session: &LiveSession| {
        tokio::time::timeout(Duration::from_secs(1), session.ended.cancelled()).await.is_ok()
    };
    clock.advance(Duration::from_mins(29));
    sessions.find(&busy.cookie_value()).await.unwrap();
    // Evicted from the cache: its WebSocket still waits for the end.
    sessions.live.invalidate(&idle.key);
    clock.advance(Duration::from_mins(2));
    assert!(waited(&idle).await, "idle");
    assert!(!waited(&busy).await, "it was used");
    clock.advance(Duration::from_mins(30));
    assert!(waited(&busy).await, "idle later");
}

#[tokio::test]
async fn a_change_keeps_cookie_and_end_and_an_old_touch_does_not_undo_it() {
    let clock = Clock::movable();
    let sessions = sessions(&clock);
    let before = login(&sessions, "alice").await;
    let fresh = |data: &mut SessionData| data.tokens.access = "refreshed".into();
    let after = sessions.change(&before, fresh).await.unwrap().unwrap();
    assert_eq!((after.cookie_value(), &after.sid), (before.cookie_value(), &before.sid));
    // A request with the old value of the session notes its use.
    clock.advance(TOUCH_INTERVAL);
    sessions.touch(&before, clock.now());
    tokio::task::yield_now().await;
    sessions.live.invalidate_all();
    let loaded = sessions.find(&after.cookie_value()).await.unwrap().unwrap();
    assert_eq!(loaded.credentials.authorization, "Bearer refreshed");
    sessions.end(&loaded).await.unwrap();
    assert!(before.ended.is_cancelled() && after.ended.is_cancelled());
    assert!(sessions.change(&after, |_| ()).await.unwrap().is_none());
}
