use std::path::Path;

use serde_json::json;

use super::*;
use crate::check::tests::history;
use crate::check::{self, Availability};
use crate::runner::{Warning, WarningKind};
use crate::seed::Seed;
use crate::workload::{Echo, Kafka, Settings};

const ECHO: &str = "0 invoke echo 1\n0 ok echo {:echo 1}\n1 invoke echo 2";

fn record() -> RunRecord {
    let settings = Settings::new(&Echo, vec!["n0".to_owned()]);
    RunRecord::new("echo", &settings, Seed(7))
}

fn directory() -> (tempfile::TempDir, RunDirectory) {
    let place = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(&place.path().join("store"), "echo").unwrap();
    (place, run)
}

#[test]
fn streamed_history_of_a_killed_run_is_read_up_to_its_last_complete_line() {
    let (_place, mut run) = directory();
    run.begin(&record()).unwrap();
    let recorded = history(ECHO);
    let stream = run.history_stream().unwrap();
    for operation in recorded.iter() {
        stream.push(operation.clone());
    }
    stream.finish().unwrap();
    assert_eq!(run.history().unwrap(), recorded);

    let path = run.file("history.edn");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    let read = run.history().unwrap();
    assert_eq!(read.len(), recorded.len() - 1);
}

#[test]
fn stream_to_a_full_disk_returns_the_error_when_it_finishes() {
    let stream = LineStream::create(Path::new("/dev/full"), |n: &u32, line| {
        line.push_str(&n.to_string())
    })
    .unwrap();
    stream.push(1);
    let error = stream.finish().unwrap_err();
    assert!(format!("{error:#}").contains("/dev/full: No space left"));
}

#[test]
fn run_is_running_while_its_directory_is_held_and_died_afterwards() {
    let (_place, mut run) = directory();
    assert_eq!(run.state(), RunState::Died, "nothing began");
    run.begin(&record()).unwrap();
    let other = RunDirectory::open(run.path());
    assert_eq!(other.state(), RunState::Running);
    drop(run);
    assert_eq!(other.state(), RunState::Died);
    assert_eq!(other.record().unwrap(), Some(record_of(&other)));
    other.write_failure("Node n0 exited").unwrap();
    let reason = "Node n0 exited".to_owned();
    assert_eq!(other.state(), RunState::BrokeOff(reason));

    let history = history(ECHO);
    let results = check::check(&history, &Echo, &Settings::of_history(&Echo), None);
    assert_eq!(other.write_results(&results, &results.to_json()), [""; 0]);
    assert_eq!(other.state(), RunState::Finished);
}

/// Returns the expected record, with the time at which it was written.
fn record_of(run: &RunDirectory) -> RunRecord {
    let started = run.record().unwrap().unwrap().started;
    RunRecord {
        started,
        ..record()
    }
}

#[test]
fn links_point_to_the_newest_run() {
    let (place, run) = directory();
    let store = place.path().join("store");
    let target = run.path().canonicalize().unwrap();
    assert_eq!(store.join("current").canonicalize().unwrap(), target);
    assert!(!store.join("latest").exists());
    assert_eq!(run.write_history(&history(ECHO)), [""; 0]);
    for link in ["latest", "echo/latest"] {
        assert_eq!(store.join(link).canonicalize().unwrap(), target, "{link}");
    }
    for name in ["history.edn", "history.txt", "history.jsonl"] {
        assert!(run.file(name).is_file(), "{name}");
    }
}

#[test]
fn files_that_cannot_be_written_are_returned_with_the_reason() {
    let (_place, run) = directory();
    std::os::unix::fs::symlink("/dev/full", run.file("history.jsonl")).unwrap();
    let problems = run.write_history(&history(ECHO));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("history.jsonl: No space left"));
}

#[test]
fn settings_equal_those_of_the_recorded_run() {
    let nodes = ["n0", "n1"].map(str::to_owned).to_vec();
    let mut settings = Settings {
        rate: 12.5,
        concurrency: 4,
        availability: Some(Availability::Fraction(0.5)),
        ..Settings::new(&Kafka, nodes)
    };
    settings.options.set("key-count", 3);
    let mut record = RunRecord::new("kafka", &settings, Seed(7));
    let read = record.settings(&Kafka);
    assert_eq!(format!("{read:?}"), format!("{settings:?}"));
    // Values that another version wrote and this one does not accept are left at their defaults.
    record.options.insert("key-count".into(), "many".into());
    assert_eq!(record.settings(&Kafka).options.text("key-count"), "10");
}

#[test]
fn error_about_a_directory_without_a_history_states_what_was_expected() {
    let place = tempfile::tempdir().unwrap();
    let run = RunDirectory::open(place.path());
    assert_eq!(run.record().unwrap(), None);
    let error = run.history().unwrap_err().to_string();
    assert!(error.contains("history.jsonl") && error.contains("store/latest"));
    fs::write(run.file("test.json"), "{}").unwrap();
    let error = format!("{:#}", run.record().unwrap_err());
    assert!(
        error.contains("test.json") && error.contains("missing field"),
        "{error}"
    );
}

#[test]
fn results_json_contains_everything_known_about_the_run() {
    let history = history(&ECHO.replace("{:echo 1}", "{:echo 9}"));
    let results = check::check(&history, &Echo, &Settings::of_history(&Echo), None);
    let warnings = [Warning {
        kind: WarningKind::LateReply,
        node: Some("n0".to_owned()),
        count: 3,
        first: "late".to_owned(),
    }];
    let record = record();
    let whole = RunResults {
        results: &results,
        history: &history,
        record: Some(&record),
        warnings: &warnings,
        page: Some(Path::new("store/index.html")),
        is_interrupted: true,
    };
    let json = whole.to_json();
    assert_eq!(json["verdict"], "invalid");
    assert_eq!(json["interrupted"], true);
    assert_eq!(json["valid?"], false);
    let text = json["explanation"]["text"].as_str().unwrap();
    assert!(text.contains("workload: "), "{text}");
    assert_eq!(json["seed"], 7);
    assert_eq!(json["options"]["nodes"], json!(["n0"]));
    assert_eq!(json["figures"]["ok-fraction"], 0.5);
    assert_eq!(json["latencies"]["all"]["median"], 10.0);
    assert_eq!(json["latencies"]["by-f"]["echo"]["max"], 10.0);
    let warning = json!({ "kind": "late-reply", "node": "n0", "count": 3, "first": "late" });
    assert_eq!(json["warnings"], json!([warning]));
    assert_eq!(json["page"], "store/index.html");
}
