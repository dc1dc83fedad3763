//! Echo as a real process on real pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

const INIT: &str = r#"{"src":"c0","dest":"n1","body":{"type":"init","node_id":"n1","node_ids":["n1"],"msg_id":1}}"#;
const INIT_OK: &str = r#"{"src":"n1","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}"#;

fn echo() -> Child {
    Command::new(env!("CARGO_BIN_EXE_echo"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

fn request(id: usize, text: &str) -> String {
    format!(r#"{{"src":"c1","dest":"n1","body":{{"type":"echo","echo":"{text}","msg_id":{id}}}}}"#)
}

fn reply(id: usize, text: &str) -> String {
    format!(
        r#"{{"src":"n1","dest":"c1","body":{{"type":"echo_ok","echo":"{text}","in_reply_to":{id}}}}}"#
    )
}

/// Writes the whole input, closes it, and returns all lines of output.
fn converse(input: String) -> Vec<String> {
    let mut child = echo();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn request_is_answered_before_the_next_arrives() {
    let mut child = echo();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(stdin, "{INIT}").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), INIT_OK);
    for id in 0..100 {
        writeln!(stdin, "{}", request(id, "hello")).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), reply(id, "hello"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(lines.next().is_none());
}

#[test]
fn burst_without_final_newline_is_answered_in_order() {
    let count = 20_000;
    let requests: Vec<String> = (0..count).map(|id| request(id, "hello")).collect();
    let lines = converse(format!("{INIT}\n{}", requests.join("\n")));
    assert_eq!(lines.len(), count + 1);
    assert!(
        lines[1..]
            .iter()
            .enumerate()
            .all(|(id, line)| *line == reply(id, "hello"))
    );
}

#[test]
fn line_longer_than_a_pipe_is_answered() {
    let text = "x".repeat(10_000_000);
    let lines = converse(format!(
        "{INIT}\n{}\n{}\n",
        request(1, &text),
        request(2, "short")
    ));
    assert!(lines[1..] == [reply(1, &text), reply(2, "short")]);
}

/// A bench that writes all requests before it reads replies must not deadlock.
#[test]
fn requests_are_read_while_replies_are_not() {
    let count = 20_000;
    let mut child = echo();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{INIT}").unwrap();
    for id in 0..count {
        writeln!(stdin, "{}", request(id, "longer than a pipe's buffer")).unwrap();
    }
    drop(stdin);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), INIT_OK);
    for id in 0..count {
        assert_eq!(
            lines.next().unwrap().unwrap(),
            reply(id, "longer than a pipe's buffer")
        );
    }
    assert!(lines.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn exits_cleanly_without_input() {
    assert_eq!(converse(String::new()), [""; 0]);
}

#[test]
fn exits_cleanly_on_broken_pipe() {
    let mut child = echo();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    writeln!(stdin, "{INIT}").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn seed_is_logged_and_differs_between_processes() {
    let seed = || {
        let mut child = echo();
        writeln!(child.stdin.take().unwrap(), "{INIT}").unwrap();
        let mut log = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        assert!(child.wait().unwrap().success());
        let seed = log
            .trim()
            .strip_prefix("node n1, seed ")
            .expect("the seed is the only line of the log");
        seed.parse::<u64>().expect("a seed is a number")
    };
    assert_ne!(seed(), seed());
}
