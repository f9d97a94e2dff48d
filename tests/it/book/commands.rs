//! Every `imsgate` command in the book is one that the program understands. Those in blocks marked `run` are run.
//!
//! A block is `sh` (commands) or `console` (commands behind `$`, and what they print).

use std::process::{Command, Output};

use imsgate::cli::parse_command_line;

use crate::support::markdown::{Block, Page, docs};

#[test]
fn every_command_is_understood() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for block in blocks() {
        for words in commands(&block) {
            count += 1;
            if let Err(problem) = parse_command_line(&words) {
                wrong.push(format!("{}: {words:?}: {problem}", block.place));
            }
        }
    }
    assert!(count >= 30, "the commands are found: {count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What follows a command in a block `console run` is what it prints, to the letter.
#[test]
fn what_a_command_prints_in_the_book_is_what_it_prints() {
    let mut count = 0;
    for block in blocks().into_iter().filter(|block| block.info.iter().eq(["console", "run"])) {
        let folder = tempfile::tempdir().unwrap();
        for step in block.text.split("$ ").filter(|step| !step.is_empty()) {
            let (line, expected) = step.split_once('\n').unwrap();
            let words = words(line);
            assert_eq!(words[0], "imsgate", "{}", block.place);
            let run = Command::new(env!("CARGO_BIN_EXE_imsgate"))
                .args(&words[1..])
                .current_dir(folder.path())
                .output();
            let Output { stdout, stderr, .. } = run.unwrap();
            let said = String::from_utf8([stdout, stderr].concat()).unwrap();
            assert_eq!(said.trim_end(), expected.trim_end(), "{}: {line}", block.place);
            count += 1;
        }
    }
    assert!(count >= 3, "the commands are found: {count}");
}

fn blocks() -> Vec<Block> {
    let pages = docs().into_iter().chain([Page::read("README.md")]);
    let blocks = pages.flat_map(|page| page.blocks());
    blocks.filter(|block| ["sh", "console"].contains(&&*block.info[0])).collect()
}

/// The words of each `imsgate` command of the block.
fn commands(block: &Block) -> Vec<Vec<String>> {
    let text = block.text.replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| match &*block.info[0] {
        "console" => line.strip_prefix("$ "),
        _ => Some(line),
    });
    let parts = lines.flat_map(|line| {
        line.split(['|', ';']).flat_map(|part| part.split("&&")).map(words).collect::<Vec<_>>()
    });
    parts
        .filter_map(|words| {
            let at = words.iter().position(|word| word == "imsgate")?;
            // `sudo -u imsgate imsgate check`: the last one of those that only prepare is the command.
            let prepares = |words: &[String]| {
                words
                    .iter()
                    .all(|word| word == "imsgate" || word == "sudo" || word == "-u" || word.contains('='))
            };
            let last = words
                .iter()
                .rposition(|word| word == "imsgate")
                .filter(|last| prepares(&words[..*last]))
                .unwrap_or(at);
            prepares(&words[..last]).then(|| words[last..].to_vec())
        })
        .collect()
}

/// Splits a line as a shell does, as far as the book needs it: quotes, comments, redirections.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut quoted = false;
    for c in line.trim().chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '\'' | '"') => (quote, quoted) = (Some(c), true),
            (None, '#' | '>' | '<') if word.is_empty() => break,
            (None, ' ') if word.is_empty() && !quoted => {}
            (None, ' ') => {
                words.push(std::mem::take(&mut word));
                quoted = false;
            }
            (_, c) => word.push(c),
        }
    }
    if !word.is_empty() || quoted {
        words.push(word);
    }
    words
}

#[test]
fn commands_are_found_as_a_shell_reads_them() {
    let block =
        |info: &str, text: &str| Block { place: "p:1".into(), info: vec![info.into()], text: text.into() };
    let found = commands(&block(
        "sh",
        "A=b sudo -u imsgate imsgate check --offline   # why\ncat x | imsgate rehearse - > y\nsystemctl reload imsgate\n",
    ));
    assert_eq!(found, [vec!["imsgate", "check", "--offline"], vec!["imsgate", "rehearse", "-"]]);
    let found = commands(&block("console", "$ imsgate mask 'a  b'\nimsgate prints\n"));
    assert_eq!(found, [["imsgate", "mask", "a  b"]]);
}
