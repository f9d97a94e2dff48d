//! The networks and paths of a technical account.

use std::net::IpAddr;

use ipnet::IpNet;

use super::public::PublicPaths;

/// Why a technical account may not send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// The client's address is in none of the account's networks.
    #[error("the address is in none of the account's networks")]
    Network,
    /// The path is none of the account's paths.
    #[error("the path is none of the account's paths")]
    Path,
}

impl OutOfBounds {
    /// The code for the audit trail.
    pub fn code(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Path => "path",
        }
    }
}

/// Checks a request of an account. Empty lists allow everything. A path counts only if every program behind the gateway reads it as one
/// of `paths`.
///
/// # Errors
/// What does not fit.
pub fn check(
    networks: &[IpNet],
    paths: &PublicPaths,
    address: IpAddr,
    path: &str,
) -> Result<(), OutOfBounds> {
    let address = address.to_canonical();
    if !networks.is_empty() && !networks.iter().any(|network| network.contains(&address)) {
        return Err(OutOfBounds::Network);
    }
    if paths.iter().next().is_some() && !paths.is_public(path) {
        return Err(OutOfBounds::Path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(networks: &[&str], paths: &[&str], address: &str, path: &str) -> Result<(), OutOfBounds> {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
        let paths = PublicPaths::parse(paths.iter().copied()).unwrap();
        check(&networks, &paths, address.parse().unwrap(), path)
    }

    #[test]
    fn empty_lists_allow_everything_and_others_only_what_they_name() {
        let soap = "/nl/jsp/soaprouter.jsp";
        for (networks, paths, address, path, verdict) in [
            (&[][..], &[][..], "192.0.2.1", "/view/home", Ok(())),
            (&["10.0.0.0/8"], &[], "10.1.2.3", "/x", Ok(())),
            (&["10.0.0.0/8"], &[], "::ffff:10.1.2.3", "/x", Ok(())),
            (&["10.0.0.0/8"], &[], "11.1.2.3", "/x", Err(OutOfBounds::Network)),
            (&["10.0.0.0/8", "2001:db8::/32"], &[], "2001:db8::1", "/x", Ok(())),
            (&["10.0.0.0/8"], &[], "::1", "/x", Err(OutOfBounds::Network)),
            (&[], &[soap], "192.0.2.1", soap, Ok(())),
            (&[], &["/report/*"], "192.0.2.1", "/report/a", Ok(())),
            (&[], &[soap], "192.0.2.1", "/nl/jsp/soaprouter.JSP", Err(OutOfBounds::Path)),
            (&[], &[soap], "192.0.2.1", "/nl/jsp/soaprouter.jsp/x", Err(OutOfBounds::Path)),
            (&[], &[soap], "192.0.2.1", "/nl/jsp/soaprouter.jsp;x", Err(OutOfBounds::Path)),
            (&[], &["/report/*"], "192.0.2.1", "/report/..;/view/home", Err(OutOfBounds::Path)),
            (&[], &["/report/*"], "192.0.2.1", "/report/%2e%2e/view/home", Err(OutOfBounds::Path)),
            (&["10.0.0.0/8"], &[soap], "11.0.0.1", "/x", Err(OutOfBounds::Network)),
        ] {
            assert_eq!(
                judged(networks, paths, address, path),
                verdict,
                "{networks:?} {paths:?} {address} {path}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_address_fits_exactly_when_its_network_does(address: u32, network: u32, length in 0_u8..=32) {
            let (address, network) = (IpAddr::V4(address.into()), IpNet::new(IpAddr::V4(network.into()), length).unwrap());
            let verdict = check(&[network], &PublicPaths::default(), address, "/");
            prop_assert_eq!(verdict.is_ok(), network.contains(&address));
        }
    }
}
