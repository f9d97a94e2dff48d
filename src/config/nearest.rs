//! The known name nearest to an unknown one.

use strsim::osa_distance;

/// The known key nearest to `path`, by the whole path or by its last part (the right key in the wrong section).
pub(super) fn nearest<'a>(path: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |path: &'_ str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = last(path);
    known
        .filter_map(|candidate| {
            let by_path = osa_distance(path, candidate);
            let by_last = osa_distance(&wanted, &last(candidate)) + 1;
            let near = by_path <= 2.max(path.len() / 4) || by_last <= 1.max(wanted.len() / 4) + 1;
            near.then_some((by_path.min(by_last), by_path, candidate))
        })
        .min()
        .map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_keys_and_wrong_sections_are_recognised() {
        let known =
            || ["ims.client_id", "ims.client_secret", "campaign.upstream", "listen.https"].into_iter();
        assert_eq!(nearest("ims.client_ID", known()), Some("ims.client_id"));
        assert_eq!(nearest("ims.cleint_secret", known()), Some("ims.client_secret"));
        assert_eq!(nearest("client_id", known()), Some("ims.client_id"));
        assert_eq!(nearest("listen.upstream", known()), Some("campaign.upstream"));
        assert_eq!(nearest("campaign.upstreams", known()), Some("campaign.upstream"));
        assert_eq!(nearest("ims.colour", known()), None);
    }
}
