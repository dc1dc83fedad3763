//! Finds the commit that `eddy --version` names.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!(
        "cargo::rustc-env=EDDY_COMMIT={}",
        commit().unwrap_or_default()
    );
}

/// Returns the abbreviated commit, in brackets. `None` outside of a checkout, and in debug builds,
/// which would be stale after every commit.
fn commit() -> Option<String> {
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return None;
    }
    let commit = git(&["rev-parse", "--short=10", "HEAD"])?;
    // The log of HEAD changes with every commit and checkout.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    Some(format!(" ({commit})"))
}

/// Returns the output of git; `None` if there is no git, no checkout, or no output.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
