//! Which of the offered languages a browser prefers, from `Accept-Language` (RFC 9110 §12.5.4, RFC 4647 §3.4).

/// Bytes of the field that are read. Browsers send less.
const MAX_BYTES: usize = 512;

/// The index of the offered language that fits best; 0, the default, when none does.
///
/// `offered` holds primary subtags in lower case, such as `de`. A region is ignored: `fr-CA` is French.
pub fn best(accept_language: &[u8], offered: &[&str]) -> usize {
    let read = &accept_language[..accept_language.len().min(MAX_BYTES)];
    let mut best = (0, 0);
    for range in read.split(|byte| *byte == b',') {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let tag = parts.next().unwrap_or_default();
        let weight = parts.next().map_or(Some(1000), weight).unwrap_or(0);
        let primary = tag.split(|byte| *byte == b'-').next().unwrap_or_default();
        let found = match primary {
            b"*" => Some(0),
            _ => offered.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(primary)),
        };
        // Among equal weights, the first one wins.
        if let Some(found) = found
            && weight > best.1
        {
            best = (found, weight);
        }
    }
    best.0
}

/// `q=0.8` in thousandths (RFC 9110 §12.4.2); `None` when malformed.
fn weight(parameter: &[u8]) -> Option<u32> {
    let value = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="))?;
    let (whole, fraction) = match value {
        [whole @ (b'0' | b'1')] => (*whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] => (*whole, fraction),
        _ => return None,
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let thousandths =
        (0..3).fold(0, |sum, at| sum * 10 + fraction.get(at).map_or(0, |digit| u32::from(digit - b'0')));
    let weight = u32::from(whole - b'0') * 1000 + thousandths;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OFFERED: [&str; 5] = ["en", "es", "fr", "de", "ja"];

    fn chosen(field: &str) -> &'static str {
        OFFERED[best(field.as_bytes(), &OFFERED)]
    }

    #[test]
    fn the_language_with_the_highest_weight_is_chosen() {
        for (field, language) in [
            ("", "en"),
            ("de", "de"),
            ("DE-at", "de"),
            ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
            ("en;q=0.5, ja;q=0.9", "ja"),
            ("en ; q=0.5 , es ; q=0.501", "es"),
            ("de;q=0.8,fr;q=0.8", "de"),
            ("pt-BR,pt;q=0.9", "en"),
            ("pt-BR,pt;q=0.9,es;q=0.1", "es"),
            ("zh-Hant-TW, *;q=0.5", "en"),
            ("de;q=0, fr;q=0.1", "fr"),
            ("de;q=0", "en"),
            ("ja;q=1.000", "ja"),
        ] {
            assert_eq!(chosen(field), language, "{field:?}");
        }
    }

    #[test]
    fn a_malformed_weight_does_not_count() {
        for field in
            ["de;q=", "de;q=2", "de;q=1.001", "de;q=0.1234", "de;q=-1", "de;x=1", "deutsch", "d,e", ";q=1"]
        {
            assert_eq!(chosen(field), "en", "{field:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_offered_language(field in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(best(&field, &OFFERED) < OFFERED.len());
        }

        #[test]
        fn a_heavier_language_wins_in_any_order(a in 0usize..5, b in 0usize..5, low in 1u32..1000, swap: bool) {
            prop_assume!(a != b);
            let (heavy, light) = (OFFERED[a].to_owned(), format!("{};q=0.{low:03}", OFFERED[b]));
            let field = if swap { format!("{heavy},{light}") } else { format!("{light}, {heavy}") };
            prop_assert_eq!(best(field.as_bytes(), &OFFERED), a);
        }
    }
}
