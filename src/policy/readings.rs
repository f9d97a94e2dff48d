//! The readings of a path: the paths that programs behind the gateway may see before they look for a file or a rule.
//!
//! Each program is a list of pure steps. Programs can run one behind another, so every program is also applied to the results of the
//! others. Most paths have a single reading.

mod steps;

use steps::{Step, cut_at_query, drop_parameters, merge_slashes, resolve_dots, turn_backslashes};
pub(super) use steps::{cut_path_info, decode, decode_wide, fold, is_script, shorten_names};

/// The programs, each as its steps in order.
const PROGRAMS: &[&[Step]] = &[
    // nginx that passes `$uri` to the next program: a decoded `?`, `#` or NUL ends the path.
    &[decode, merge_slashes, resolve_dots, cut_at_query],
    // Apache httpd: text after a script is path info.
    &[decode, merge_slashes, resolve_dots, cut_path_info],
    // Tomcat removes parameters before decoding, other servlet engines after it.
    &[drop_parameters, decode, merge_slashes, resolve_dots, cut_path_info],
    &[decode, drop_parameters, merge_slashes, resolve_dots, cut_path_info],
    // IIS and Windows file names, including `%uXXXX` and best-fit characters.
    &[decode_wide, decode, fold, turn_backslashes, shorten_names, merge_slashes, resolve_dots, cut_path_info],
];

/// Most programs one behind another: two that decode, and a third to confirm that nothing is left to decode.
const ROUNDS: usize = 3;

/// More readings than any ordinary path has.
const MAX_READINGS: usize = 16;

/// All readings of one path; the first is the path itself.
#[derive(Debug)]
pub(super) struct Readings {
    all: Vec<Vec<u8>>,
    complete: bool,
}

impl Readings {
    /// Applies every program to the path and to the results.
    pub(super) fn of(path: &str) -> Self {
        let mut all = vec![path.as_bytes().to_vec()];
        let mut seen = 0;
        for _ in 0..ROUNDS {
            let known = all.len();
            for at in seen..known {
                for program in PROGRAMS {
                    if let Some(reading) = run(program, &all[at])
                        && !all.contains(&reading)
                    {
                        all.push(reading);
                    }
                }
                if all.len() > MAX_READINGS {
                    return Self { all, complete: false };
                }
            }
            seen = known;
        }
        let complete = seen == all.len();
        Self { all, complete }
    }

    /// True when all readings are known and `test` is true for each.
    pub(super) fn all(&self, test: impl Fn(&[u8]) -> bool) -> bool {
        self.complete && self.all.iter().all(|reading| test(reading))
    }

    /// True when `test` is true for some reading, or when not all readings are known.
    pub(super) fn any(&self, test: impl Fn(&[u8]) -> bool) -> bool {
        !self.complete || self.all.iter().any(|reading| test(reading))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn known(&self) -> impl Iterator<Item = &[u8]> {
        self.all.iter().map(Vec::as_slice)
    }

    /// The first known reading for which `test` is true.
    pub(super) fn find(&self, test: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
        self.known().find(|reading| test(reading))
    }
}

/// The result of a program; `None` when it leaves the path unchanged.
fn run(program: &[Step], path: &[u8]) -> Option<Vec<u8>> {
    program
        .iter()
        .fold(None, |changed: Option<Vec<u8>>, step| step(changed.as_deref().unwrap_or(path)).or(changed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn readings(path: &str) -> Vec<String> {
        let readings = Readings::of(path);
        assert!(readings.complete, "{path}");
        readings.all.iter().map(|reading| String::from_utf8_lossy(reading).into_owned()).collect()
    }

    #[test]
    fn an_ordinary_path_has_one_reading() {
        for path in ["/", "/view/home", "/r/a,b,c", "/nl/jsp/m.jsp", "/caf\u{e9}", "/a~b/.well-known/x"] {
            assert_eq!(readings(path), [path], "{path}");
        }
        assert_eq!(readings("/res/a%20b.png"), ["/res/a%20b.png", "/res/a b.png"]);
    }

    #[test]
    fn each_program_has_its_reading() {
        for (path, expected) in [
            ("/nl/jsp/soaprouter.jsp%3fx/sc.jssp", "/nl/jsp/soaprouter.jsp"),
            ("/view/home%23/sc.jssp", "/view/home"),
            ("/view/home%2500/sc.jssp", "/view/home"),
            ("/nl/jsp/soaprouter.jsp/sc.jssp", "/nl/jsp/soaprouter.jsp"),
            ("/nl/SOAP.JSSP/sc.jssp", "/nl/SOAP.JSSP"),
            ("/r;x/../view", "/view"),
            ("/r%3bx/y", "/r/y"),
            ("/r/%252e%252e/view", "/view"),
            ("/r/%25u002e%25u002E/view", "/view"),
            ("/r/%25c0%25ae%25c0%25ae/view", "/view"),
            ("/r/..¥view", "/view"),
            ("/r/\u{ff0e}\u{ff0e}\u{ff0f}view", "/view"),
            ("/RES./x.JSP", "/RES/x.JSP"),
            ("/res%20/x.jsp", "/res/x.jsp"),
            ("/res/x.jsp::$DATA", "/res/x.jsp"),
            ("/a\\b", "/a/b"),
            ("//a///b", "/a/b"),
        ] {
            assert!(readings(path).iter().any(|reading| reading == expected), "{path}: {:?}", readings(path));
        }
    }

    #[test]
    fn a_path_with_too_many_encodings_has_unknown_readings() {
        assert!(!Readings::of("/%2525252541").complete);
        assert!(!Readings::of("/%2525252541").all(|_| true));
        assert!(Readings::of("/%2525252541").any(|_| false));
    }

    proptest! {
        /// The result of any two programs in a row is among the readings.
        #[test]
        fn the_result_of_two_programs_in_a_row_is_a_known_reading(
            path in "(/|%2[05eEfF]|%3[aAbBfF]|%5c|%u002e|%c0%ae|\\.|;|:|\\\\|\\?|#| |[a-c]|\\.jsp|\u{ff0e}|\u{2215}){0,12}",
            first in 0..PROGRAMS.len(),
            second in 0..PROGRAMS.len(),
        ) {
            let readings = Readings::of(&path);
            let one = run(PROGRAMS[first], path.as_bytes()).unwrap_or_else(|| path.clone().into_bytes());
            let two = run(PROGRAMS[second], &one).unwrap_or(one);
            prop_assert!(!readings.complete || readings.all.contains(&two));
        }
    }
}
