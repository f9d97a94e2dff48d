//! Notes which compiler and which commit a build is made with, for `imsgate_build_info`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=IMSGATE_COMMIT");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    // `rustc 1.95.0 (…)`: the version is the second word.
    let version = output(&rustc, &["--version"]).and_then(|text| text.split(' ').nth(1).map(str::to_owned));
    println!("cargo::rustc-env=IMSGATE_RUSTC={}", version.unwrap_or_else(|| "unknown".to_owned()));
    let commit = std::env::var("IMSGATE_COMMIT").ok().filter(|commit| !commit.is_empty()).or_else(commit);
    println!("cargo::rustc-env=IMSGATE_COMMIT={}", commit.unwrap_or_else(|| "unknown".to_owned()));
}

/// The commit of a release build. Other builds do not name it: they would be compiled again after every commit.
fn commit() -> Option<String> {
    if std::env::var("PROFILE").ok()? != "release" {
        return None;
    }
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={log}");
    output("git", &["rev-parse", "--short=12", "HEAD"])
}

/// What a program prints, if it succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
