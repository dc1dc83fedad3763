//! Tests of the binary, started as a workbench starts it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the binary as a single node in an environment without a data directory but with `data_dir`
/// as EDDY_DATA_DIR, if given. Returns the replies to `init` and to each request.
fn run(data_dir: Option<&Path>, bodies: &[&str]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lin-kv"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::null()).env_remove("EDDY_DATA_DIR");
    // An election takes at least 200 ms, and a request must not time out on a busy machine.
    command.args(["--request-timeout", "60000"]);
    if let Some(data_dir) = data_dir {
        command.env("EDDY_DATA_DIR", data_dir);
    }
    let mut node = command.spawn().expect("the binary starts");
    let mut input = node.stdin.take().expect("its input is a pipe");
    let mut output = BufReader::new(node.stdout.take().expect("its output is a pipe")).lines();
    let init = r#""type":"init","node_id":"n1","node_ids":["n1"]"#;
    let mut replies = Vec::new();
    for (msg_id, body) in [init].iter().chain(bodies).enumerate() {
        let body = format!(r#"{{"msg_id":{msg_id},{body}}}"#);
        writeln!(input, r#"{{"src":"c1","dest":"n1","body":{body}}}"#).expect("the node reads");
        let reply = output.next().expect("the node answers");
        replies.push(reply.expect("in UTF-8"));
    }
    drop(input);
    assert!(node.wait().expect("the node ends").success());
    replies
}

const WRITE: &str = r#""type":"write","key":1,"value":5"#;
const READ: &str = r#""type":"read","key":1"#;

/// Two tests that one process starts are independent, as with upstream's `--test-count 2`.
#[test]
fn second_process_without_data_dir_finds_no_earlier_log() {
    assert!(run(None, &[WRITE])[1].contains("write_ok"));
    let read = &run(None, &[READ])[1];
    assert!(read.contains(r#""code":20"#), "{read}");
}

#[test]
fn restarted_process_recovers_its_log_from_data_dir() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let data_dir = temp.path().join("node-data/n1");
    assert!(run(Some(&data_dir), &[WRITE])[1].contains("write_ok"));
    let read = &run(Some(&data_dir), &[READ])[1];
    assert!(read.contains(r#""value":5"#), "{read}");
}
