//! Suites, on Eddy and on a stand-in for upstream Maelstrom.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A program in place of Maelstrom: it writes results and a history, and exits with 0.
const STAND_IN: &str = r#"#!/bin/sh
set -e
echo "$@" > arguments
run=store/echo/run$$
mkdir -p $run
echo '{:valid? true, :availability {:valid? true, :ok-fraction 1.0}, :workload {:valid? true},
 :net {:valid? true, :servers {:msgs-per-op 0.25}}}' > $run/results.edn
echo '{:index 0, :time 1000000, :type :invoke, :process 0, :f :echo, :value "a"}
{:index 1, :time 4000000, :type :ok, :process 0, :f :echo, :value {:echo "a"}}' > $run/history.edn
rm -f store/latest
ln -s echo/run$$ store/latest
"#;

fn script(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, text).expect("a script can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .expect("a script can be made executable");
}

fn eddy(directory: &Path, arguments: &str) -> (Option<i32>, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_eddy"))
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .env("MAELSTROM", directory.join("maelstrom"))
        .output()
        .expect("eddy can be run");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn workplace() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    script(directory.path(), "maelstrom", STAND_IN);
    script(directory.path(), "echo", "#!/bin/sh\n");
    directory
}

#[test]
fn upstream_runs_the_same_binary_with_the_same_options_and_fills_the_same_table() {
    let place = workplace();
    let arguments = "suite echo --bench maelstrom --bin-dir . --json out.json -- --rate 7 -- -v";
    let (code, text) = eddy(place.path(), arguments);
    assert_eq!(code, Some(0), "{text}");
    let row = text.lines().find(|line| line.starts_with("echo "));
    let row = row.unwrap_or_else(|| panic!("the table has a row for echo:\n{text}"));
    for cell in ["maelstrom", "valid", "1 ≥ 1 ✓", "0.25", "met"] {
        assert!(row.contains(cell), "{cell} is missing in {row}");
    }
    let given = fs::read_to_string(place.path().join("store/upstream/arguments"));
    let given = given.expect("the stand-in ran");
    assert!(given.starts_with("test -w echo --node-count 1 --time-limit 10 --rate 7 --bin /"));
    assert!(given.trim_end().ends_with("/echo -- -v"), "{given}");
    let json = fs::read_to_string(place.path().join("out.json")).expect("JSON is written");
    let json: serde_json::Value = serde_json::from_str(&json).expect("the output is JSON");
    assert_eq!(json[0]["runs"][0]["figures"]["max ms"], 3.0);
    assert_eq!(json[0]["met"], true);
}

#[test]
fn missed_target_or_missing_upstream_is_reported_with_an_exit_code() {
    let place = workplace();
    script(
        place.path(),
        "maelstrom",
        &STAND_IN.replace(":ok-fraction 1.0", ":ok-fraction 0.5"),
    );
    let (code, text) = eddy(place.path(), "suite echo --bench maelstrom --bin-dir .");
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("0.5 ≥ 1 ✗ MISSED") && text.contains("NOT MET"),
        "{text}"
    );

    script(
        place.path(),
        "maelstrom",
        "#!/bin/sh\necho no JVM; exit 3\n",
    );
    let (code, text) = eddy(place.path(), "suite echo --bench maelstrom --bin-dir .");
    assert_eq!(code, Some(255), "{text}");
    assert!(
        text.contains("no JVM") && text.contains("BROKE OFF"),
        "{text}"
    );

    fs::remove_file(place.path().join("maelstrom")).expect("the stand-in exists");
    let (code, text) = eddy(place.path(), "suite echo --bench both --bin-dir .");
    assert_eq!(code, Some(254), "{text}");
    for hint in ["make maelstrom", "MAELSTROM=", "BENCH=eddy"] {
        assert!(text.contains(hint), "{hint} is missing in {text}");
    }
}

#[test]
fn unknown_suite_is_refused_with_the_existing_ones() {
    let place = workplace();
    let (code, text) = eddy(place.path(), "suite gossip");
    assert_eq!(code, Some(254), "{text}");
    assert!(text.contains("broadcast-3d"), "{text}");
}

#[test]
fn installation_refuses_an_archive_that_is_not_the_release() {
    let place = workplace();
    let archive = place.path().join("maelstrom.tar.bz2");
    fs::write(&archive, "something else").expect("a file can be written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install-upstream");
    let output = Command::new(script)
        .env("MAELSTROM_URL", format!("file://{}", archive.display()))
        .env("MAELSTROM_DIR", place.path().join("upstream"))
        .env("MAELSTROM_SKIP_CHECKS", "1")
        .output()
        .expect("the script can be run");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let curl = Command::new("curl").arg("--version").output().is_ok();
    let expected = if curl {
        "301ec71d6b12af0d"
    } else {
        "curl is missing"
    };
    assert!(
        text.contains(expected) && text.contains("BENCH=eddy"),
        "{text}"
    );
    assert!(!place.path().join("upstream").exists());
}
