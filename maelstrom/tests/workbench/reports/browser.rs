//! The pages in a real browser, where one is installed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::rig::{Reports, gossip};

/// The names of browsers that can run without a screen.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path);
    let programs = places.flat_map(|place| BROWSERS.map(|name| place.join(name)));
    programs.into_iter().find(|program| program.is_file())
}

/// Returns the document of a page after its scripts have run, and the browser's console output.
fn open(browser: &PathBuf, reports: &Reports, page: &str) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let address = format!("file://{}/{page}", reports.directory().display());
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--enable-logging=stderr",
            "--virtual-time-budget=10000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(address)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let log = text(&output.stderr);
    let console = log.lines().filter(|line| line.contains(":CONSOLE"));
    (text(&output.stdout), console.collect::<Vec<_>>().join("\n"))
}

#[test]
fn pages_run_in_a_browser_without_errors() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no browser is installed");
        return;
    };
    let run = gossip(20.0);
    let reports = Reports::of(&run);
    let (index, ..) = run
        .history()
        .pairs()
        .nth(3)
        .map(|(op, end)| (op.index, end))
        .unwrap();
    for (page, shown) in [
        ("index.html".to_owned(), "data-range=".to_owned()),
        (
            format!("messages.html#op={index}"),
            format!("Operation {index}"),
        ),
        (
            format!("timeline.html#i{index}"),
            format!("id=\"i{index}\""),
        ),
    ] {
        let (document, console) = open(&browser, &reports, &page);
        assert_eq!(console, "", "{page}");
        assert!(document.contains(&shown), "{page} does not show {shown}");
    }
}
