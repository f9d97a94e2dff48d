//! Whether a Campaign server understands `Authorization: Bearer` with every request.
//!
//! It does from 8.5.1, and from 7.3.5, 7.3.2.IMS, 7.3.3.IMS and 7.4.1, once it is configured for it. Older ones know only
//! `BearerTokenLogon`.

/// Whether version and build are new enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerSupport {
    /// New enough.
    Yes,
    /// Too old.
    No,
    /// Version and build do not tell.
    Unknown,
}

/// Judges the `version` and the `build` of a server.
pub fn bearer_support(version: Option<&str>, build: Option<&str>) -> BearerSupport {
    if let Some(numbers) = version.and_then(numbers) {
        return match numbers {
            (9.., ..) => BearerSupport::Yes,
            (8, ..) if numbers >= (8, 5, 1) => BearerSupport::Yes,
            (7, ..) if numbers >= (7, 3, 5) => BearerSupport::Yes,
            // The special builds 7.3.2.IMS and 7.3.3.IMS.
            (7, 3, 2 | 3) => BearerSupport::Unknown,
            // Servers report the internal number 6.7 for version 7.
            (6, 7, _) => by_build(build),
            _ => BearerSupport::No,
        };
    }
    by_build(build)
}

fn by_build(build: Option<&str>) -> BearerSupport {
    match build.and_then(|build| build.parse::<u32>().ok()) {
        Some(build) if build >= BUILD_OF_7_3_5 => BearerSupport::Yes,
        Some(build) if build <= BUILD_OF_20_3 => BearerSupport::No,
        _ => BearerSupport::Unknown,
    }
}

fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
    Some((major, minor, parts.next().and_then(Result::ok).unwrap_or(0)))
}

/// Release notes of Campaign Classic, 2023.
const BUILD_OF_7_3_5: u32 = 9368;
/// The logon response in Adobe's documentation of the API has this build for release 20.3.
const BUILD_OF_20_3: u32 = 9219;

#[cfg(test)]
mod tests {
    use super::BearerSupport::{No, Unknown, Yes};
    use super::*;

    #[test]
    fn version_and_build_decide() {
        for (version, build, expected) in [
            (Some("8.5.1"), None, Yes),
            (Some("8.6"), None, Yes),
            (Some("8.4.2"), Some("9400"), No),
            (Some("7.4.1"), None, Yes),
            (Some("7.3.5"), None, Yes),
            (Some("7.3.3.IMS"), None, Unknown),
            (Some("7.3.1"), None, No),
            (Some("6.7.0"), Some("9219"), No),
            (Some("6.7.0"), Some("9368"), Yes),
            (Some("6.7.0"), None, Unknown),
            (None, Some("9350"), Unknown),
            (None, None, Unknown),
            (Some("x"), Some("y"), Unknown),
        ] {
            assert_eq!(bearer_support(version, build), expected, "{version:?} {build:?}");
        }
    }
}
