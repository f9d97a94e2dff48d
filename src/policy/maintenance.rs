//! Which requests maintenance stops.

use super::decision::{Route, is_public};
use super::path::CanonicalPath;
use super::public::PublicPaths;
use super::request_rules::MatchedRules;

/// True when a request for this path gets the answer about maintenance: it would go to Campaign with a session, or begin or finish a
/// sign-in, which needs Campaign. Public paths are still forwarded. The gateway still answers what needs no Campaign: health, sign-out,
/// `/ims/me`.
pub fn stops(path: &CanonicalPath<'_>, public: &PublicPaths, rules: MatchedRules) -> bool {
    match Route::of(path) {
        Route::Gateway => NEED_CAMPAIGN.contains(&path.as_str()),
        // A closed path has the same answer during maintenance.
        Route::Closed => false,
        Route::SignIn => true,
        Route::Campaign => !is_public(path, public, rules),
    }
}

/// The gateway's own addresses that need Campaign: to sign in, and to send saved forms.
const NEED_CAMPAIGN: [&str; 3] = ["/ims/login", "/ims/callback", "/ims/resume"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_stopped(path: &str, public: &[&str]) -> bool {
        let public = PublicPaths::parse(public.iter().copied()).unwrap();
        stops(&CanonicalPath::parse(path).unwrap(), &public, MatchedRules::default())
    }

    #[test]
    fn what_needs_campaign_stops_and_everything_else_goes_on() {
        for path in [
            "/",
            "/view/home",
            "/nl/jsp/soaprouter.jsp",
            "/nl/jsp/logon.jsp",
            "/nms/imslogin.jssp",
            "/ims/login",
            "/ims/callback",
            "/ims/resume",
            "/imsx",
        ] {
            assert!(is_stopped(path, &["/r/*"]), "{path}");
        }
        for path in [
            "/r/test",
            "/res/x.jsp",
            "/ims/health/live",
            "/ims/health/ready",
            "/ims/health/sign-in",
            "/ims/logout",
            "/ims/signed-out",
            "/ims/me",
            "/ims/jwks.json",
            "/ims/backchannel-logout",
            "/ims/brand/logo",
            "/ims/nothing",
        ] {
            assert!(!is_stopped(path, &["/r/*"]), "{path}");
        }
    }

    proptest! {
        #[test]
        fn every_path_for_campaign_stops_unless_it_is_public(path in "/[a-z/.%;25]{0,24}") {
            let public = PublicPaths::parse(["/r/*", "*.css"]).unwrap();
            let Ok(canonical) = CanonicalPath::parse(&path) else { return Ok(()) };
            let rules = MatchedRules::default();
            if Route::of(&canonical) == Route::Campaign {
                prop_assert_eq!(stops(&canonical, &public, rules), !is_public(&canonical, &public, rules));
            }
        }
    }
}
