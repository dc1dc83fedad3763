//! `make new-challenge`: what it makes, and what it refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A workspace of its own for a test: just what the script looks at.
fn workspace(test: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if place.exists() {
        fs::remove_dir_all(&place).expect("what an earlier test left can be removed");
    }
    fs::create_dir_all(place.join("challenges")).unwrap();
    fs::create_dir_all(place.join("maelstrom")).unwrap();
    for file in ["Cargo.lock", "maelstrom/suites.toml"] {
        fs::copy(root().join(file), place.join(file)).unwrap();
    }
    place
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn new_challenge(name: &str, place: &Path) -> Output {
    Command::new(root().join("scripts/new-challenge"))
        .arg(name)
        .arg(place)
        .output()
        .expect("the script can be run")
}

fn read(place: &Path, file: &str) -> String {
    fs::read_to_string(place.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

#[test]
fn a_new_challenge_is_whole_and_bears_its_name_everywhere() {
    let place = workspace("new-challenge");
    let suites_before = read(&place, "maelstrom/suites.toml");
    let output = new_challenge("two-words", &place);
    assert!(output.status.success(), "{output:?}");

    let files = [
        "Cargo.toml",
        "README.md",
        "src/lib.rs",
        "src/main.rs",
        "tests/two_words.rs",
    ];
    for file in files {
        let text = read(&place, &format!("challenges/two-words/{file}"));
        assert!(!text.contains('@'), "{file} has a gap:\n{text}");
        let names = ["two-words", "two_words", "TwoWords"];
        assert!(
            names.iter().any(|name| text.contains(name)),
            "{file} names nobody:\n{text}"
        );
    }
    let main = read(&place, "challenges/two-words/src/main.rs");
    assert!(
        main.contains("glomers::run(two_words::TwoWords::new)"),
        "{main}"
    );

    let suites = read(&place, "maelstrom/suites.toml");
    let added = suites
        .strip_prefix(&suites_before)
        .expect("the other suites stay as they are");
    assert!(
        added.contains("name = \"two-words\"\nbin = \"two-words\"\n"),
        "{added}"
    );
}

#[test]
fn a_bad_name_is_refused_with_the_reason_and_nothing_is_made() {
    let place = workspace("refused");
    let suites = read(&place, "maelstrom/suites.toml");
    for (name, reason) in [
        ("", "needs a name"),
        ("Upper", "small letters"),
        ("under_score", "small letters"),
        ("-hyphen", "small letters"),
        ("hyphen-", "small letters"),
        ("9lives", "small letters"),
        ("../up", "small letters"),
        ("two words", "small letters"),
        ("a/b", "small letters"),
        ("match", "taken"),
        ("core", "taken"),
        ("all", "taken"),
        ("serde", "a package of this name"),
        ("glomers", "a package of this name"),
        ("broadcast", "taken"),
    ] {
        let output = new_challenge(name, &place);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {text}");
        assert!(text.contains(reason), "{name}: {text}");
    }
    assert_eq!(fs::read_dir(place.join("challenges")).unwrap().count(), 0);
    assert_eq!(read(&place, "maelstrom/suites.toml"), suites);
}

#[test]
fn a_challenge_is_never_overwritten() {
    let place = workspace("overwritten");
    assert!(new_challenge("once", &place).status.success());
    let file = place.join("challenges/once/src/lib.rs");
    fs::write(&file, "// days of work").unwrap();
    let output = new_challenge("once", &place);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("exists already"), "{text}");
    assert_eq!(fs::read_to_string(file).unwrap(), "// days of work");
}
