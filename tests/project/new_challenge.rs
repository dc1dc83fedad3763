//! Checks what `make new-challenge` creates, refuses and undoes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Creates a workspace for one test, with the files that the script reads.
fn workspace(test: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if place.exists() {
        fs::remove_dir_all(&place).expect("the previous workspace can be removed");
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
    new_challenge_with("false", name, place)
}

/// Runs the script with this program in place of Cargo.
fn new_challenge_with(cargo: &str, name: &str, place: &Path) -> Output {
    Command::new(root().join("scripts/new-challenge"))
        .arg(name)
        .arg(place)
        .env("CARGO", cargo)
        .output()
        .expect("the script runs")
}

fn read(place: &Path, file: &str) -> String {
    fs::read_to_string(place.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

#[test]
fn new_challenge_is_complete_and_has_its_name_everywhere() {
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
        assert!(
            !text.contains('@'),
            "{file} has an unfilled placeholder:\n{text}"
        );
        let names = ["two-words", "two_words", "TwoWords"];
        assert!(
            names.iter().any(|name| text.contains(name)),
            "{file} lacks the name:\n{text}"
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
        .expect("the other suites are unchanged");
    assert!(
        added.contains("name = \"two-words\"\nbin = \"two-words\"\n"),
        "{added}"
    );
}

#[test]
fn invalid_name_is_refused_with_a_reason_and_no_changes() {
    let place = workspace("refused");
    let suites = read(&place, "maelstrom/suites.toml");
    for (name, reason) in [
        ("", "needs a name"),
        ("Upper", "lower-case letters"),
        ("under_score", "lower-case letters"),
        ("-hyphen", "lower-case letters"),
        ("hyphen-", "lower-case letters"),
        ("9lives", "lower-case letters"),
        ("../up", "lower-case letters"),
        ("two words", "lower-case letters"),
        ("a/b", "lower-case letters"),
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
fn existing_challenge_is_not_overwritten() {
    let place = workspace("overwritten");
    assert!(new_challenge("once", &place).status.success());
    let file = place.join("challenges/once/src/lib.rs");
    fs::write(&file, "// days of work").unwrap();
    let output = new_challenge("once", &place);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("already exists"), "{text}");
    assert_eq!(fs::read_to_string(file).unwrap(), "// days of work");
}

#[test]
fn failed_cargo_step_is_undone_and_a_second_try_succeeds() {
    let place = workspace("undone");
    fs::write(place.join("Cargo.toml"), "").unwrap();
    let files = ["Cargo.lock", "maelstrom/suites.toml"];
    let before = files.map(|file| read(&place, file));

    let output = new_challenge_with("false", "twice", &place);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("all changes are undone"), "{text}");
    assert_eq!(fs::read_dir(place.join("challenges")).unwrap().count(), 0);
    assert_eq!(files.map(|file| read(&place, file)), before);

    let output = new_challenge_with("true", "twice", &place);
    assert!(output.status.success(), "{output:?}");
    assert!(place.join("challenges/twice/src/lib.rs").exists());
}
