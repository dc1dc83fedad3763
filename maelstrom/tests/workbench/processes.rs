//! Eddy as a program, on real node processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The node of `examples/misbehave.rs`, which cargo builds beside the tests.
fn node() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows itself");
    let target = test
        .parent()
        .and_then(Path::parent)
        .expect("tests are in target/PROFILE/deps");
    let node = target.join("examples/misbehave");
    assert!(node.exists(), "first: cargo build -p eddy --examples");
    node
}

pub(super) struct Eddy {
    directory: TempDir,
}

impl Eddy {
    pub(super) fn new() -> Eddy {
        Eddy {
            directory: tempfile::tempdir().expect("a temporary directory can be made"),
        }
    }

    pub(super) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eddy"));
        let arguments = arguments.replace("NODE", &node().display().to_string());
        command
            .args(arguments.split_whitespace())
            .current_dir(self.directory.path());
        command
    }

    pub(super) fn run(&self, arguments: &str) -> Finished {
        Finished::from(self.command(arguments).output().expect("eddy can be run"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn results(&self) -> Json {
        let text = std::fs::read_to_string(self.path("store/latest/results.json"));
        serde_json::from_str(&text.expect("results are written")).expect("results are JSON")
    }
}

pub(super) struct Finished {
    pub(super) code: Option<i32>,
    pub(super) text: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Finished {
        let text = [output.stdout, output.stderr].concat();
        Finished {
            code: output.status.code(),
            text: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

impl Finished {
    #[track_caller]
    pub(super) fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.text);
        for text in texts {
            assert!(
                self.text.contains(text),
                "expected {text:?} in:\n{}",
                self.text
            );
        }
    }
}

#[test]
fn valid_run_leaves_everything_in_the_store() {
    let eddy = Eddy::new();
    let run = eddy.run("test -w echo --bin NODE --node-count 2 --time-limit 1 --rate 50 --seed 7");
    run.expect(0, &["seed 7", "Everything looks good!", "100 % ok"]);
    let results = eddy.results();
    assert_eq!(results["valid?"], true);
    assert_eq!(results["net"]["servers"]["msgs-per-op"], 0.0);
    for file in [
        "store/current/eddy.log",
        "store/latest/results.edn",
        "store/echo/latest/history.edn",
        "store/latest/history.txt",
        "store/latest/history.jsonl",
        "store/latest/node-logs/n1.log",
    ] {
        assert!(eddy.path(file).is_file(), "{file} is missing");
    }
    for history in ["history.edn", "history.jsonl"] {
        let again = eddy.run(&format!("analyze store/latest/{history} -w echo --json"));
        again.expect(0, &["\"ok-count\""]);
    }
}

#[test]
fn program_that_cannot_run_is_named() {
    let eddy = Eddy::new();
    std::fs::write(eddy.path("text"), "no program").expect("a file can be written");
    eddy.run("test -w echo --bin nowhere")
        .expect(255, &["cannot run nowhere", "--bin"]);
    eddy.run("test -w echo --bin .").expect(255, &["directory"]);
    eddy.run("test -w echo --bin text")
        .expect(255, &["not executable", "chmod"]);
    eddy.run("test -w echo").expect(254, &["--bin"]);
    eddy.run("test -w gossip --bin NODE")
        .expect(254, &["gossip", "broadcast, echo"]);
    eddy.run("").expect(254, &["Usage"]);
    eddy.run("analyze nowhere.edn -w echo")
        .expect(255, &["nowhere.edn"]);
}

#[test]
fn node_that_ends_breaks_the_run_off_with_its_last_output() {
    let eddy = Eddy::new();
    let run = eddy.run("test -w echo --bin NODE --node-count 1 --time-limit 5 --rate 50 -- exit");
    run.expect(
        255,
        &["Node n0 exited with status 0", "pid ", "in_reply_to"],
    );
    assert!(
        eddy.path("store/latest/history.edn").is_file(),
        "the history is kept"
    );
    assert!(!eddy.path("store/latest/results.edn").exists());
}

#[test]
fn bad_line_is_reported_and_later_lines_are_read() {
    for (way, complaint) in [("garbage", "this is no message"), ("stranger", "n99")] {
        let eddy = Eddy::new();
        let run = eddy.run(&format!(
            "test -w echo --bin NODE --node-count 1 --time-limit 1 --rate 50 -- {way}"
        ));
        run.expect(
            0,
            &["n0 wrote a bad line on stdout", complaint, "looks good"],
        );
        assert_eq!(eddy.results()["availability"]["ok-fraction"], 1.0);
    }
}

#[test]
fn answer_with_an_unknown_field_is_an_exception() {
    let eddy = Eddy::new();
    let run = eddy.run("test -w echo --bin NODE --node-count 1 --time-limit 1 --rate 20 -- extra");
    run.expect(1, &["unexpected field surprise", "Analysis invalid!"]);
    let results = eddy.results();
    assert_eq!(results["stats"]["ok-count"], 0);
    assert_eq!(
        results["exceptions"]["exceptions"][0]["count"],
        results["stats"]["count"]
    );
}

#[test]
fn definite_errors_make_failed_operations() {
    let eddy = Eddy::new();
    let run = eddy.run("test -w unique-ids --bin NODE --node-count 1 --time-limit 1 -- deny");
    run.expect(1, &["0 % ok"]);
    let history = std::fs::read_to_string(eddy.path("store/latest/history.edn"));
    assert!(
        history
            .expect("the history is written")
            .contains("[:temporarily-unavailable \"not today\"]")
    );
}

#[test]
fn lost_values_are_named() {
    let eddy = Eddy::new();
    let run =
        eddy.run("test -w broadcast --bin NODE --node-count 1 --time-limit 1 --rate 60 -- forget");
    run.expect(
        1,
        &[
            "Analysis invalid!",
            "values are missing, all of them on n0 only: 3, 10, 17",
        ],
    );
}

#[test]
fn killed_nodes_restart_and_paused_nodes_continue() {
    let eddy = Eddy::new();
    let run = eddy.run(
        "test -w echo --bin NODE --node-count 3 --time-limit 4 --rate 50 \
         --nemesis kill,pause --nemesis-interval 0.5",
    );
    let code = run.code.expect("eddy ends by itself");
    assert!([0, 1].contains(&code), "{}", run.text);
    let history = std::fs::read_to_string(eddy.path("store/latest/history.edn"));
    let history = history.expect("the history is written");
    for event in [":killed", ":paused"] {
        assert!(history.contains(event), "{event} is missing");
    }
    let ok = eddy.results()["stats"]["ok-count"]
        .as_u64()
        .expect("a count");
    assert!(ok > 10, "only {ok} operations succeeded");
}

/// An echo node as a shell script, without a `#!` line.
const SHELL_NODE: &str = r#"
echo started >> "$EDDY_DATA_DIR/starts"
while read -r line; do
    src=${line#*\"src\":\"}; src=${src%%\"*}
    id=${line##*\"msg_id\":}; id=${id%%[!0-9]*}
    case $line in
        *'"type":"init"'*) body='"type":"init_ok"' ;;
        *) text=${line#*\"echo\":\"}; body="\"type\":\"echo_ok\",\"echo\":\"${text%%\"*}\"" ;;
    esac
    echo "{\"src\":\"n0\",\"dest\":\"$src\",\"body\":{$body,\"in_reply_to\":$id}}"
done
"#;

fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("a program can be written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, executable).expect("a program can be made executable");
}

#[test]
fn script_without_an_interpreter_line_runs_in_a_shell_with_a_data_directory() {
    let eddy = Eddy::new();
    write_program(&eddy.path("node.sh"), SHELL_NODE);
    let mut command = eddy.command("test -w echo --bin node.sh --node-count 1 --time-limit 1");
    // Eddy must not need the directory for temporary files.
    let output = command.env("TMPDIR", "/no/such/directory").output();
    let run = Finished::from(output.expect("eddy can be run"));
    run.expect(0, &["looks good"]);
    let starts = std::fs::read_to_string(eddy.path("store/latest/node-data/n0/starts"));
    assert_eq!(starts.expect("the node wrote a file"), "started\n");
}

#[test]
fn missing_interpreter_is_named() {
    let eddy = Eddy::new();
    for (text, expected) in [
        ("#!/no/such/interpreter\n", "\"/no/such/interpreter\""),
        ("#!/bin/sh\r\n", "Windows line ends"),
    ] {
        write_program(&eddy.path("node"), text);
        let run = eddy.run("test -w echo --bin node --node-count 1 --time-limit 1");
        run.expect(255, &[expected]);
    }
}

#[test]
fn interrupt_ends_eddy_and_every_node() {
    let status = signal_running_eddy("-INT");
    assert_eq!(status.code(), Some(255));
}

#[test]
fn nodes_end_when_eddy_is_killed() {
    let status = signal_running_eddy("-KILL");
    assert_eq!(status.code(), None);
}

/// Sends a signal to Eddy in the middle of a run, and waits until it and its nodes have ended.
fn signal_running_eddy(signal: &str) -> std::process::ExitStatus {
    let eddy = Eddy::new();
    let mut command = eddy.command("test -w echo --bin NODE --node-count 3 --time-limit 600");
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("eddy runs");
    let log = |node: usize| eddy.path(&format!("store/current/node-logs/n{node}.log"));
    // Wait until every node has logged its process id.
    let pids: Vec<String> = (0..3)
        .map(|node| {
            loop {
                let ended = child.try_wait().expect("eddy can be waited for");
                assert_eq!(ended, None, "eddy ended by itself");
                let text = std::fs::read_to_string(log(node)).unwrap_or_default();
                if let Some(pid) = text.lines().find_map(|line| line.strip_prefix("pid ")) {
                    break pid.to_owned();
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        })
        .collect();
    assert!(eddy.path("store/current/eddy.log").exists());
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status();
    assert!(sent.expect("kill runs").success(), "the signal was sent");
    let status = child.wait().expect("eddy ends");
    for pid in pids {
        // The test hangs if a node does not end.
        while is_running(&pid) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    status
}

/// Returns whether a process runs. One that has ended may still be listed, as a zombie.
fn is_running(pid: &str) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", pid]).output();
    let state = output.expect("ps runs").stdout;
    let state = String::from_utf8_lossy(&state);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}
