//! A node that misbehaves in the way that its first argument names, to show how Eddy reacts.
//!
//! ```sh
//! cargo build -p eddy --examples
//! cargo run -p eddy -- test -w echo --bin target/debug/examples/misbehave -- garbage
//! ```
//!
//! It speaks the protocol by hand, as a node in any language would.
#![allow(clippy::print_stdout, reason = "a node speaks on its standard output")]

use std::io::{BufRead, Write};

use serde_json::{Value, json};

/// The ways in which the node can misbehave; `nothing` is correct.
const MISBEHAVIOURS: &str = "\
    nothing, exit (after five requests), garbage (a line that is no message before every fifth \
    answer), stranger (a message to an unknown node before every fifth answer), extra (a field too many in \
    every answer), deny (every request, with error 11), mute (never answers but init), forget \
    (every seventh value of a broadcast)";

fn main() {
    let misbehaviour = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "nothing".to_owned());
    eprintln!("pid {}", std::process::id());
    let mut node = Node {
        misbehaviour,
        id: String::new(),
        requests: 0,
        values: Vec::new(),
    };
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(message) => node.handle(&message),
            Err(error) => eprintln!("{line} is no message: {error}"),
        }
    }
}

struct Node {
    misbehaviour: String,
    id: String,
    requests: u64,
    values: Vec<Value>,
}

impl Node {
    fn handle(&mut self, message: &Value) {
        let body = &message["body"];
        if body["type"] == "init" {
            self.id = body["node_id"].as_str().unwrap_or_default().to_owned();
            self.say(
                &message["src"],
                json!({ "type": "init_ok", "in_reply_to": body["msg_id"] }),
            );
            return;
        }
        self.requests += 1;
        let fifth = self.requests.is_multiple_of(5);
        match self.misbehaviour.as_str() {
            "nothing" | "forget" | "extra" | "deny" => {}
            "exit" if fifth => std::process::exit(0),
            "garbage" if fifth => println!("this is no message"),
            "stranger" if fifth => self.say(&json!("n99"), json!({ "type": "hello" })),
            "mute" => return,
            "exit" | "garbage" | "stranger" => {}
            other => panic!("unknown misbehaviour {other}; the choices are {MISBEHAVIOURS}"),
        }
        let mut answer = self.answer(body);
        answer["in_reply_to"] = body["msg_id"].clone();
        if self.misbehaviour == "extra" {
            answer["surprise"] = json!(true);
        }
        self.say(&message["src"], answer);
    }

    fn answer(&mut self, body: &Value) -> Value {
        if self.misbehaviour == "deny" {
            return json!({ "type": "error", "code": 11, "text": "not today" });
        }
        match body["type"].as_str() {
            Some("echo") => json!({ "type": "echo_ok", "echo": body["echo"] }),
            Some("topology") => json!({ "type": "topology_ok" }),
            Some("broadcast") => {
                let forgotten = self.misbehaviour == "forget"
                    && body["message"].as_u64().is_some_and(|value| value % 7 == 3);
                if !forgotten {
                    self.values.push(body["message"].clone());
                }
                json!({ "type": "broadcast_ok" })
            }
            Some("read") => json!({ "type": "read_ok", "messages": self.values }),
            _ => json!({ "type": "error", "code": 10, "text": format!("what is {body}?") }),
        }
    }

    fn say(&self, dest: &Value, body: Value) {
        println!("{}", json!({ "src": self.id, "dest": dest, "body": body }));
        let _ = std::io::stdout().flush();
    }
}
