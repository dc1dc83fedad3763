//! Echo without a runtime: the least work that a node can do with serde_json, and thus about the upper
//! bound for a runtime.
//!
//! It does not validate its input, answers only `init` and `echo`, and has no errors, tasks, timers or
//! calls.

use std::io::{self, BufRead, BufWriter, Write};

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Message<'a> {
    src: &'a str,
    dest: &'a str,
    #[serde(borrow)]
    body: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    msg_id: u64,
    echo: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Answer<'a> {
    src: &'a str,
    dest: &'a str,
    body: Reply,
}

#[derive(Serialize)]
struct Reply {
    #[serde(rename = "type")]
    kind: &'static str,
    in_reply_to: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    echo: Option<serde_json::Value>,
}

fn main() -> io::Result<()> {
    let mut input = io::BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let Message { src, dest, body } = serde_json::from_str(&line)?;
        let kind = if body.kind == "init" {
            "init_ok"
        } else {
            "echo_ok"
        };
        let answer = Answer {
            src: dest,
            dest: src,
            body: Reply {
                kind,
                in_reply_to: body.msg_id,
                echo: body.echo,
            },
        };
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        // The client may wait for this reply before it sends more.
        if !input.buffer().contains(&b'\n') {
            output.flush()?;
        }
        line.clear();
    }
    output.flush()
}
