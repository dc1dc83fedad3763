//! Seeds that are split over several programs are those that one program would run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use eddy::simulation::{Load, Simulation, for_seeds, secs};
use eddy::workload;
use glomers::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Echo { echo: Value },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    EchoOk { echo: Value },
}

#[derive(Clone)]
struct Echo;

impl Node for Echo {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Reply> {
        Ok(Reply::EchoOk { echo })
    }
}

/// The job that the tests below split over processes. It fails for the seed in `SHARDS_FAIL_AT`.
#[test]
fn small_job() {
    let failing = std::env::var("SHARDS_FAIL_AT").ok();
    for_seeds(11, |seed| {
        let load = Load::of(workload::Echo).rate(5.0).time_limit(secs(2));
        Simulation::new(seed)
            .nodes(2, |_: &Context| Echo)
            .run(load)
            .assert_valid();
        assert_ne!(Some(seed.to_string()), failing, "told to fail");
    });
}

/// Starts the job, or a part of it.
fn start(shard: Option<&str>, results: &Path, failing: Option<&str>) -> Child {
    let mut job = Command::new(std::env::current_exe().expect("a test has a program"));
    job.args(["--exact", "shards::small_job"])
        .env("EDDY_RESULTS", results)
        .env("EDDY_SHARD", shard.unwrap_or_default())
        .env("EDDY_SHRINK", "0")
        .env_remove("EDDY_SEED")
        .env_remove("EDDY_SEEDS")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    if let Some(failing) = failing {
        job.env("SHARDS_FAIL_AT", failing);
    }
    job.spawn().expect("the test's program can be started")
}

/// Runs three parts in parallel processes. Returns the files of their results.
fn three_shards(directory: &Path, failing: Option<&str>) -> Vec<PathBuf> {
    let parts = ["1/3", "2/3", "3/3"];
    let files: Vec<PathBuf> = (1..=3)
        .map(|n| directory.join(format!("{n}.jsonl")))
        .collect();
    let jobs = parts.iter().zip(&files);
    let jobs: Vec<Child> = jobs
        .map(|(shard, file)| start(Some(shard), file, failing))
        .collect();
    for mut job in jobs {
        job.wait().expect("the job ends");
    }
    files
}

fn merge(files: &[PathBuf]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/merge-seeds");
    Command::new(script)
        .args(files)
        .output()
        .expect("bash and awk are there")
}

/// Returns the first line of a merge without the time that it took.
fn totals(merged: &Output) -> String {
    let text = String::from_utf8_lossy(&merged.stdout);
    let first = text.lines().next().unwrap_or_default();
    let before = first.split(" s virtual").next().unwrap_or_default();
    before.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn shards_together_are_what_one_program_runs() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let whole = directory.path().join("whole.jsonl");
    start(None, &whole, None).wait().expect("the job ends");
    let (whole, merged) = (
        merge(&[whole]),
        merge(&three_shards(directory.path(), None)),
    );
    assert!(
        whole.status.success() && merged.status.success(),
        "{merged:?}"
    );
    assert!(totals(&whole).starts_with("ok 11 runs"), "{whole:?}");
    assert_eq!(totals(&whole), totals(&merged));
}

#[test]
fn failures_and_missing_shards_fail_the_merge() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let files = three_shards(directory.path(), Some("7"));
    let merged = merge(&files);
    let text = String::from_utf8_lossy(&merged.stdout);
    assert_eq!(merged.status.code(), Some(1), "{text}");
    assert!(
        text.contains("seed 7") && text.contains("EDDY_SEED=7 "),
        "{text}"
    );
    let passed = files.iter().filter(|file| {
        let text = fs::read_to_string(file).expect("each part writes its results");
        text.contains("\"failure\":null")
    });
    let passed: Vec<PathBuf> = passed.cloned().collect();
    assert_eq!(passed.len(), 2);
    let merged = merge(&passed);
    let text = String::from_utf8_lossy(&merged.stdout);
    assert_eq!(merged.status.code(), Some(1), "{text}");
    assert!(text.contains("PARTS MISSING"), "{text}");
}
