//! Reads Markdown: headings, links and code blocks, as far as the documentation uses them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A page of the documentation.
pub struct Page {
    /// Relative to the repository, such as `docs/check.md`.
    pub path: String,
    pub text: String,
}

/// A fenced code block.
pub struct Block {
    /// Page and line, for messages.
    pub place: String,
    /// The words behind the fence, such as `toml` and `whole`.
    pub info: Vec<String>,
    pub text: String,
}

/// A link in the text of a page.
pub struct Link {
    /// Page and line, for messages.
    pub place: String,
    pub target: String,
}

impl Page {
    /// The page at this path of the repository, with the files that mdBook includes.
    pub fn read(path: &str) -> Self {
        static INCLUDE: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\{\{#include \.\./([^}]+)\}\}").unwrap());
        let file = |path: &str| {
            fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        let text = file(path);
        let text = INCLUDE.replace_all(&text, |found: &Captures<'_>| file(&found[1])).into_owned();
        Self { path: path.to_owned(), text }
    }

    /// Its fenced code blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut fence: Option<usize> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            let indent = line.len() - line.trim_start().len();
            match (line.trim_start().strip_prefix("```"), fence) {
                (Some(info), None) => {
                    fence = Some(indent);
                    let info = info.split([' ', ',']).map(str::to_owned).collect();
                    let place = format!("{}:{number}", self.path);
                    blocks.push(Block { place, info, text: String::new() });
                }
                (Some(_), Some(_)) => fence = None,
                (None, Some(indent)) => {
                    let block = blocks.last_mut().unwrap();
                    block.text.push_str(line.get(indent..).unwrap_or_default());
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(fence.is_none(), "{}: a code block has no end", self.path);
        blocks
    }

    /// The only block whose info begins with these words.
    pub fn block(&self, info: &[&str]) -> Block {
        let mut found = self.blocks().into_iter().filter(|block| block.info.iter().eq(info));
        let block = found.next().unwrap_or_else(|| panic!("{} has no block {info:?}", self.path));
        assert!(found.next().is_none(), "{} has several blocks {info:?}", self.path);
        block
    }

    /// The lines outside of code blocks, with their numbers.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut fenced = false;
        (1..).zip(self.text.lines()).filter(move |(_, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence && !line.starts_with("    ")
        })
    }

    /// The links of its text, without those in code.
    pub fn links(&self) -> Vec<Link> {
        static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`]*`").unwrap());
        static LINK: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\]\(([^()\s]+)\)|<(https?://[^>]+)>").unwrap());
        let links = self.prose().flat_map(|(number, line)| {
            let line = CODE.replace_all(line, "");
            let found = LINK
                .captures_iter(&line)
                .map(|link| link.get(1).or_else(|| link.get(2)).unwrap().as_str().to_owned());
            found.map(move |target| (number, target)).collect::<Vec<_>>()
        });
        links.map(|(number, target)| Link { place: format!("{}:{number}", self.path), target }).collect()
    }

    /// The anchors of its headings, as GitHub and mdBook make them.
    pub fn anchors(&self) -> Vec<String> {
        let mut seen = BTreeMap::<String, usize>::new();
        let headings = self.prose().filter(|(_, line)| line.starts_with('#'));
        let anchors = headings.map(|(_, line)| {
            let anchor = anchor(line.trim_start_matches('#').trim());
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        });
        anchors.collect()
    }

    /// The rows of the tables below this heading, down to the next heading, each cell trimmed. Heads of tables are left out.
    pub fn rows(&self, heading: &str) -> Vec<Vec<String>> {
        let section = self.text.lines().skip_while(|line| *line != heading).skip(1);
        let lines: Vec<&str> = section.take_while(|line| !line.starts_with('#')).collect();
        let is_rule = |line: &str| line.starts_with("|-") || line.starts_with("| -");
        let is_head = |index: usize| lines.get(index + 1).is_some_and(|next| is_rule(next));
        let rows = lines
            .iter()
            .enumerate()
            .filter(|(index, line)| line.starts_with('|') && !is_rule(line) && !is_head(*index));
        rows.map(|(_, line)| cells(line)).collect()
    }
}

/// Every page below `docs`.
pub fn docs() -> Vec<Page> {
    let mut paths = Vec::new();
    collect(&root().join("docs"), &mut paths);
    paths.sort();
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| Page::read(&relative(path))).collect()
}

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

/// The cells of a row; `\|` is no border.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\u{0}");
    inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn a_page_is_read_as_github_and_mdbook_read_it() {
    let text = "# A `b.c`: d\n\n[x](y.md#z) `[no](no.md)`\n\n```sh run\n# no heading\n```\n\n## A `b.c`: d\n\
                | h |\n|---|\n| a \\| b | c |\n";
    let page = Page { path: "p.md".into(), text: text.into() };
    assert_eq!(page.anchors(), ["a-bc-d", "a-bc-d-1"]);
    assert_eq!(page.links().iter().map(|link| &*link.target).collect::<Vec<_>>(), ["y.md#z"]);
    assert_eq!(page.block(&["sh", "run"]).text, "# no heading\n");
    assert_eq!(page.rows("## A `b.c`: d"), [["a | b", "c"]]);
}
