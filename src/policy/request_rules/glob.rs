//! Compares texts with a pattern, given as the pieces between its stars.

use memchr::memmem;

/// True when the text consists of the pieces in this order, with any text between them. A single piece must equal the text.
pub(super) fn matches(pieces: &[Box<[u8]>], text: &[u8]) -> bool {
    match pieces {
        [] => false,
        [whole] => *text == **whole,
        [first, between @ .., last] => {
            let ends = text.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last));
            let rest = between.iter().try_fold(ends, |rest, piece| {
                let rest = rest?;
                Some(memmem::find(rest, piece).map(|at| &rest[at + piece.len()..]))
            });
            rest.flatten().is_some()
        }
    }
}

/// A part of a text of which not every byte is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Byte(u8),
    /// Any bytes without a slash, perhaps none.
    Unknown,
    /// Any bytes without a slash and a dot, perhaps none.
    UnknownEnding,
}

/// True when some text that fits the parts matches the pieces. Takes time in proportion to both lengths.
pub(super) fn may_match(pieces: &[Box<[u8]>], text: &[Part]) -> bool {
    // `None` is a star.
    let mut pattern: Vec<Option<u8>> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        pattern.extend((index > 0).then_some(None));
        pattern.extend(piece.iter().copied().map(Some));
    }
    // For each position in the pattern: true when the text read so far can match the pattern up to there.
    let mut places = vec![false; pattern.len() + 1];
    places[0] = true;
    pass_stars(&pattern, &mut places);
    let mut next = places.clone();
    for part in text {
        next.fill(false);
        for at in (0..places.len()).filter(|at| places[*at]) {
            match (pattern.get(at).copied().flatten(), part) {
                (Some(wanted), Part::Byte(byte)) => next[at + 1] |= wanted == *byte,
                (Some(_), Part::Unknown | Part::UnknownEnding) => next[at] = true,
                // A star takes any byte. At the end of the pattern, unknown bytes fit only because there may be none of them.
                (None, part) => next[at] |= at < pattern.len() || !matches!(part, Part::Byte(_)),
            }
        }
        if !matches!(part, Part::Byte(_)) {
            // The unknown bytes may contain the next bytes of the pattern.
            let may_hold = |byte| byte != b'/' && (byte != b'.' || *part == Part::Unknown);
            for at in 0..pattern.len() {
                next[at + 1] |= next[at] && pattern[at].is_none_or(may_hold);
            }
        }
        pass_stars(&pattern, &mut next);
        std::mem::swap(&mut places, &mut next);
    }
    places[pattern.len()]
}

/// A star may stand for nothing.
fn pass_stars(pattern: &[Option<u8>], places: &mut [bool]) {
    for at in 0..pattern.len() {
        places[at + 1] |= places[at] && pattern[at].is_none();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(pattern: &str) -> Vec<Box<[u8]>> {
        pattern.split('*').map(|piece| piece.as_bytes().into()).collect()
    }

    /// `?` stands for unknown bytes, `#` for those of an ending.
    fn parts(text: &str) -> Vec<Part> {
        let part = |byte| match byte {
            b'?' => Part::Unknown,
            b'#' => Part::UnknownEnding,
            byte => Part::Byte(byte),
        };
        text.bytes().map(part).collect()
    }

    #[test]
    fn unknown_bytes_stand_for_any_text_without_a_slash() {
        for (pattern, text, expected) in [
            ("/webapp/*", "/?/x", true),
            ("/webapp/x", "/?/x", true),
            ("/webapp/x", "/?/y", false),
            ("/a/b", "/?", false),
            ("/a/*", "/?", false),
            ("/*", "/?", true),
            ("*.jssp", "/?.jss#", true),
            ("*.png", "/?.jss?", true),
            ("*.png", "/?.jss#", false),
            ("/a/*/c", "/a/?/c", true),
            ("/a", "/a?", true),
            ("/a", "/b?", false),
            ("/a*", "/?/b", true),
        ] {
            assert_eq!(may_match(&pieces(pattern), &parts(text)), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn both_functions_agree_where_every_byte_is_known(pattern in "[ab/*]{0,8}", text in "[ab/]{0,8}") {
            let pieces = pieces(&pattern);
            prop_assert_eq!(matches(&pieces, text.as_bytes()), may_match(&pieces, &parts(&text)));
        }

        #[test]
        fn whatever_the_unknown_bytes_are_the_text_may_match(pattern in "[ab/*]{0,8}", before in "[ab/]{0,3}", hidden in "[ab]{0,4}", after in "[ab/]{0,3}") {
            let pieces = pieces(&pattern);
            if matches(&pieces, format!("{before}{hidden}{after}").as_bytes()) {
                let text = format!("{before}?{after}");
                prop_assert!(may_match(&pieces, &parts(&text)));
            }
        }
    }
}
