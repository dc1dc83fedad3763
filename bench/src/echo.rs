//! Replies per second through pipes: this runtime beside others.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::figures::{Table, Target, median, milliseconds, per_second};
use crate::program;

const INIT: &str = r#"{"id":0,"src":"c0","dest":"n1","body":{"type":"init","node_id":"n1","node_ids":["n1"],"msg_id":1}}"#;

/// The number of process starts in a round.
const STARTS: usize = 20;

/// A node that echoes.
struct Contender {
    name: &'static str,
    place: &'static str,
    /// Whether replies must keep the order of requests.
    in_order: bool,
    rates: Vec<f64>,
}

/// Measures echo and adds its rows to the table.
///
/// # Errors
///
/// A node is missing or sends wrong replies.
pub fn measure(table: &mut Table, rounds: u32, requests: usize) -> Result<()> {
    let contender = |name, place, in_order| Contender {
        name,
        place,
        in_order,
        rates: Vec::new(),
    };
    let mut contenders = [
        contender("this runtime", "echo", true),
        contender("a bare loop over serde_json", "bare-echo", true),
        // It handles every request in a separate task.
        contender(
            "the crate maelstrom-node",
            "../peer/release/peer-echo",
            false,
        ),
    ];
    let input = requests_of_about_100_bytes(requests);
    let mut starts = Vec::new();
    for _ in 0..rounds {
        for contender in &mut contenders {
            let time = exchange(contender, &input, requests)
                .with_context(|| format!("echo by {}", contender.name))?;
            contender.rates.push(per_second(requests as u64, time));
        }
        for _ in 0..STARTS {
            starts.push(milliseconds(start("echo")?));
        }
    }
    for contender in &contenders {
        let what = format!("echo through pipes: {}", contender.name);
        table.row(&what, "replies/s", &contender.rates, Target::None);
    }
    let [ours, bare, peer] = contenders.map(|contender| median(&contender.rates));
    table.row(
        "  this runtime, relative to the bare loop",
        "×",
        &[ours / bare],
        Target::AtLeast(0.6),
    );
    table.row(
        "  this runtime, relative to maelstrom-node",
        "×",
        &[ours / peer],
        Target::AtLeast(10.0),
    );
    table.row("from process start to init_ok", "ms", &starts, Target::None);
    Ok(())
}

fn requests_of_about_100_bytes(count: usize) -> Vec<u8> {
    let mut input = Vec::with_capacity(count * 104);
    // Starts at 1 because some runtimes treat a msg_id of 0 as missing.
    for id in 1..=count {
        writeln!(
            input,
            r#"{{"id":{id},"src":"c2","dest":"n1","body":{{"type":"echo","echo":"Please echo {id:07}","msg_id":{id}}}}}"#
        )
        .expect("writing to memory cannot fail");
    }
    input
}

fn spawn(place: &str) -> Result<Child> {
    let program = program(place)?;
    Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

/// Returns the time from the first request to the last reply.
///
/// Replies are verified afterwards, so that this program does not slow down the measured one.
fn exchange(contender: &Contender, input: &[u8], requests: usize) -> Result<Duration> {
    let mut child = spawn(contender.place)?;
    let mut stdin = child.stdin.take().context("stdin was piped")?;
    let mut stdout = BufReader::new(child.stdout.take().context("stdout was piped")?);
    writeln!(stdin, "{INIT}")?;
    let mut init_ok = String::new();
    stdout.read_line(&mut init_ok)?;
    ensure!(
        init_ok.contains("init_ok"),
        "unexpected reply to init: {init_ok}"
    );

    let mut output = Vec::with_capacity(input.len() + input.len() / 4);
    let begin = Instant::now();
    let written = thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(input));
        read_lines(&mut stdout, &mut output, requests)?;
        writer.join().expect("writing does not panic")
    });
    let time = begin.elapsed();
    written?;
    ensure!(child.wait()?.success(), "the node exited with an error");
    verify(&output, requests, contender.in_order)?;
    Ok(time)
}

fn read_lines(pipe: &mut impl Read, output: &mut Vec<u8>, count: usize) -> std::io::Result<()> {
    let mut chunk = vec![0; 1 << 16];
    let mut lines = 0;
    while lines < count {
        let length = pipe.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        let chunk = &chunk[..length];
        lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        output.extend_from_slice(chunk);
    }
    Ok(())
}

/// Checks that every request has exactly one reply, the right one, and that the order is kept if it
/// must be.
fn verify(output: &[u8], requests: usize, in_order: bool) -> Result<()> {
    #[derive(Deserialize)]
    struct Message<'a> {
        src: &'a str,
        dest: &'a str,
        #[serde(borrow)]
        body: Body<'a>,
    }
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        in_reply_to: usize,
        echo: &'a str,
    }
    let text = std::str::from_utf8(output)?;
    let mut answered = vec![false; requests + 1];
    answered[0] = true;
    for (position, line) in (1..).zip(text.lines()) {
        let Message { src, dest, body } =
            serde_json::from_str(line).with_context(|| format!("not a message: {line}"))?;
        let id = body.in_reply_to;
        let right = (src, dest, body.kind) == ("n1", "c2", "echo_ok")
            && body.echo == format!("Please echo {id:07}");
        ensure!(right, "wrong reply: {line}");
        ensure!(
            !in_order || position == id,
            "reply {id} is at position {position}"
        );
        match answered.get_mut(id) {
            Some(answered) if !*answered => *answered = true,
            _ => bail!("duplicate reply: {line}"),
        }
    }
    let unanswered = answered.iter().filter(|answered| !**answered).count();
    ensure!(unanswered == 0, "{unanswered} requests without a reply");
    Ok(())
}

/// Returns the time from the start of a process to its `init_ok`.
fn start(place: &str) -> Result<Duration> {
    let begin = Instant::now();
    let mut child = spawn(place)?;
    let mut stdin = child.stdin.take().context("stdin was piped")?;
    let mut stdout = BufReader::new(child.stdout.take().context("stdout was piped")?);
    writeln!(stdin, "{INIT}")?;
    let mut init_ok = String::new();
    stdout.read_line(&mut init_ok)?;
    let time = begin.elapsed();
    ensure!(
        init_ok.contains("init_ok"),
        "unexpected reply to init: {init_ok}"
    );
    drop(stdin);
    child.wait()?;
    Ok(time)
}
