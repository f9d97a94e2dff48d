//! Which native accounts of Campaign may send a request: from their networks, to their paths, and emergency accounts only while an emergency
//! is on.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::account_limits;
use super::public::PublicPaths;
use super::switches::Period;
use crate::unix_time::UnixTime;

/// What the configuration says about a native account.
#[derive(Clone, Copy, Debug)]
pub struct NativeLimits<'a> {
    /// Networks that it may call from.
    pub networks: &'a [IpNet],
    /// Paths that it may call; empty: all.
    pub paths: &'a PublicPaths,
    /// It may sign in only during an emergency.
    pub emergency: bool,
}

/// How a request proves its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeProof {
    /// It signs in, with login and password.
    SignIn,
    /// Login and password stand in the place of a session token.
    Password,
    /// The ticket of an earlier sign-in.
    Ticket(TicketOrigin),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketOrigin {
    /// By an account that needs no emergency.
    Usual,
    /// During an emergency, at this time.
    Emergency(UnixTime),
}

/// True when the account may send a request from this address to this path. `emergency` is the one that is on now.
///
/// An emergency account signs in during an emergency, and its tickets are good for that emergency alone. Its password never stands in the
/// place of a token, so that each of its sign-ins is seen.
pub fn may_send(
    account: NativeLimits<'_>,
    (address, path): (IpAddr, &str),
    proof: NativeProof,
    emergency: Option<Period>,
) -> bool {
    if account_limits::check(account.networks, account.paths, address, path).is_err() {
        return false;
    }
    match (account.emergency, proof) {
        (true, NativeProof::SignIn) => emergency.is_some(),
        (true, NativeProof::Ticket(TicketOrigin::Emergency(made))) => {
            emergency.is_some_and(|emergency| made >= emergency.since)
        }
        (false, NativeProof::SignIn | NativeProof::Password | NativeProof::Ticket(TicketOrigin::Usual)) => {
            true
        }
        // A password in place of a token; and tickets from before the configuration said otherwise.
        (true, NativeProof::Password | NativeProof::Ticket(TicketOrigin::Usual))
        | (false, NativeProof::Ticket(TicketOrigin::Emergency(_))) => false,
    }
}

/// The origin of the ticket for a sign-in at this time. `emergency` is the one that allowed it, for an emergency account.
pub fn ticket_origin(emergency: Option<Period>, now: UnixTime) -> TicketOrigin {
    // An emergency may begin in the second after `now`: see `Period::after`.
    emergency.map_or(TicketOrigin::Usual, |emergency| TicketOrigin::Emergency(now.max(emergency.since)))
}

/// True when the sign-in page at `page` offers its form to this address: an emergency account may sign in from there.
pub fn offers_form<'a>(
    accounts: impl IntoIterator<Item = NativeLimits<'a>>,
    address: IpAddr,
    page: &str,
) -> bool {
    let may_sign_in = |account: NativeLimits<'_>| {
        account.emergency && account_limits::check(account.networks, account.paths, address, page).is_ok()
    };
    accounts.into_iter().any(may_sign_in)
}

/// How long an emergency lasts at most.
pub const LONGEST_EMERGENCY: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOAP: &str = "/nl/jsp/soaprouter.jsp";

    fn network() -> Vec<IpNet> {
        vec!["10.0.0.0/8".parse().unwrap()]
    }

    fn proofs(made: UnixTime) -> [NativeProof; 4] {
        [
            NativeProof::SignIn,
            NativeProof::Password,
            NativeProof::Ticket(TicketOrigin::Usual),
            NativeProof::Ticket(TicketOrigin::Emergency(made)),
        ]
    }

    fn any_period() -> impl Strategy<Value = Option<Period>> {
        prop::option::of((any::<i16>(), any::<u8>()).prop_map(|(since, lasts)| {
            let since = UnixTime(since.into());
            Period { since, until: Some(since.plus(Duration::from_secs(lasts.into()))) }
        }))
    }

    proptest! {
        #[test]
        fn nobody_gets_in_from_another_network_or_to_another_path(
            address: u32, emergency: bool, made: i16, period in any_period(), path in prop::sample::select(vec![SOAP, "/x"]),
        ) {
            let (networks, paths) = (network(), PublicPaths::parse([SOAP]).unwrap());
            let account = NativeLimits { networks: &networks, paths: &paths, emergency };
            let address = IpAddr::V4(address.into());
            for proof in proofs(UnixTime(made.into())) {
                if may_send(account, (address, path), proof, period) {
                    prop_assert!(networks[0].contains(&address) && path == SOAP);
                }
            }
        }

        #[test]
        fn an_emergency_account_gets_in_only_during_an_emergency_and_by_a_sign_in_of_it(made: i16, period in any_period()) {
            let (networks, paths) = (network(), PublicPaths::default());
            let account = NativeLimits { networks: &networks, paths: &paths, emergency: true };
            let made = UnixTime(made.into());
            for proof in proofs(made) {
                let expected = period.is_some_and(|period| match proof {
                    NativeProof::SignIn => true,
                    NativeProof::Ticket(TicketOrigin::Emergency(made)) => made >= period.since,
                    NativeProof::Password | NativeProof::Ticket(TicketOrigin::Usual) => false,
                });
                prop_assert_eq!(may_send(account, ("10.1.2.3".parse().unwrap(), "/x"), proof, period), expected);
            }
        }

        #[test]
        fn an_emergency_changes_nothing_for_other_accounts(made: i16, period in any_period()) {
            let (networks, paths) = (network(), PublicPaths::default());
            let account = NativeLimits { networks: &networks, paths: &paths, emergency: false };
            let asked = ("10.1.2.3".parse().unwrap(), "/x");
            for proof in proofs(UnixTime(made.into())) {
                let is_of_emergency = matches!(proof, NativeProof::Ticket(TicketOrigin::Emergency(_)));
                prop_assert_eq!(may_send(account, asked, proof, period), !is_of_emergency, "{:?}", proof);
            }
        }

        #[test]
        fn a_ticket_of_one_emergency_is_worth_nothing_in_a_later_one(
            first in any::<i16>(), signed_in in 0_u8.., off in 0_u8.., again in 0_u8..,
        ) {
            let first = Period { since: UnixTime(first.into()), until: None };
            let signed_in = first.since.plus(Duration::from_secs(signed_in.into()));
            let off = signed_in.plus(Duration::from_secs(off.into()));
            let origin = ticket_origin(Some(first), signed_in);
            let later = Period::after(off, off.plus(Duration::from_secs(again.into())), None);
            let (networks, paths) = (network(), PublicPaths::default());
            let account = NativeLimits { networks: &networks, paths: &paths, emergency: true };
            let asked = ("10.1.2.3".parse().unwrap(), "/x");
            let used_in = |period| may_send(account, asked, NativeProof::Ticket(origin), Some(period));
            prop_assert!(used_in(first) && !used_in(later));
            let fresh = NativeProof::Ticket(ticket_origin(Some(later), off));
            prop_assert!(may_send(account, asked, fresh, Some(later)), "sign-ins of the later one work at once");
        }
    }

    #[test]
    fn the_form_is_for_addresses_of_emergency_accounts() {
        let (networks, paths) = (network(), PublicPaths::default());
        let account = |emergency| NativeLimits { networks: &networks, paths: &paths, emergency };
        let offers = |accounts: &[NativeLimits<'_>], address: &str| {
            offers_form(accounts.iter().copied(), address.parse().unwrap(), "/nl/jsp/logon.jsp")
        };
        assert!(offers(&[account(false), account(true)], "10.1.2.3"));
        assert!(!offers(&[account(true)], "192.0.2.1"));
        assert!(!offers(&[account(false)], "10.1.2.3"), "the form is for emergencies alone");
        assert!(!offers(&[], "10.1.2.3"));
    }
}
