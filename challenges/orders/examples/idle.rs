//! Measures the memory of a node with 1,000 active orders, after 1,000 and after 1,000,000 orders were
//! made. Runs the release binary as a cluster of one node, with its log on a real disk:
//! `cargo build --release -p orders && cargo run --release -p orders --example idle`. An argument changes
//! the larger number of orders.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

/// Number of orders that are asked for again and again.
const ACTIVE: u64 = 1000;

/// Number of requests that wait for their replies at the same time.
const WINDOW: usize = 200;

/// The node's `--idle`, in seconds. So short that only about 1,000 orders are active also while orders are
/// made, which are some thousands each second.
const IDLE: &str = "0.2";

/// Time for which only the active orders are asked for, in seconds. Longer than `IDLE`.
const REST: u64 = 10;

/// A node and its pipes.
struct Node {
    process: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
    sent: u64,
}

impl Node {
    fn start(data_dir: &Path) -> io::Result<Self> {
        let example = std::env::current_exe()?;
        let release = example.parent().and_then(Path::parent);
        let binary = release
            .expect("examples are in target/release")
            .join("orders");
        let mut process = Command::new(binary)
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--idle", IDLE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut node = Self {
            process,
            input: BufWriter::new(input.expect("a pipe")),
            output: BufReader::new(output.expect("a pipe")),
            sent: 0,
        };
        let init = json!({"type": "init", "node_id": "n0", "node_ids": ["n0"]});
        node.ask_all([init])?;
        Ok(node)
    }

    /// Sends requests and waits for all replies, which are returned in the order of the requests.
    fn ask_all(&mut self, requests: impl IntoIterator<Item = Value>) -> io::Result<Vec<Value>> {
        let first = self.sent;
        for mut body in requests {
            body["msg_id"] = self.sent.into();
            self.sent += 1;
            let message = json!({"src": "c1", "dest": "n0", "body": body});
            writeln!(self.input, "{message}")?;
        }
        self.input.flush()?;
        let mut replies = BTreeMap::new();
        while (replies.len() as u64) < self.sent - first {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the node has ended"));
            }
            let mut message: Value = serde_json::from_str(&line)?;
            let body = message["body"].take();
            let request = body["in_reply_to"].as_u64();
            replies.insert(request.expect("replies name their request"), body);
        }
        Ok(replies.into_values().collect())
    }

    /// Makes or repeats orders until each is accepted. An order may time out on a busy machine.
    fn order(&mut self, orders: impl Iterator<Item = u64>) -> io::Result<()> {
        let orders = Vec::from_iter(orders);
        for window in orders.chunks(WINDOW) {
            let mut open = window.to_vec();
            while !open.is_empty() {
                let replies = self.ask_all(open.iter().map(|it| order(*it)))?;
                assert!(
                    replies.iter().all(|it| it["status"] != "rejected"),
                    "{replies:?}"
                );
                let answered = open.into_iter().zip(replies);
                let failed = answered.filter(|(_, reply)| reply["status"] != "accepted");
                open = failed.map(|(order, _)| order).collect();
            }
        }
        Ok(())
    }

    /// Returns a value of `/proc/<pid>/status` in MiB.
    fn memory(&self, name: &str) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        Ok(kilobytes.expect("Linux reports it") / 1024.0)
    }
}

/// Returns an order with one to three of ten products.
fn order(number: u64) -> Value {
    let products = (0..=number % 3).map(|line| format!("p{}", (number + 3 * line) % 10));
    let lines = products.map(|product| json!([product, 1]));
    json!({"type": "order", "order": format!("o{number}"), "lines": Vec::from_iter(lines)})
}

fn bytes_in(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

/// Makes orders, lets all but the active ones rest, and prints a line of the table. Returns the memory.
fn measure(count: u64, data_dir: &Path) -> io::Result<f64> {
    let mut node = Node::start(data_dir)?;
    let restock = |product: u64| {
        let (restock, product) = (format!("r{product}"), format!("p{product}"));
        json!({"type": "restock", "restock": restock, "product": product, "quantity": 1_000_000_000})
    };
    node.ask_all((0..10).map(restock))?;
    node.order(0..count)?;
    let active = count - ACTIVE..count;
    for _ in 0..REST {
        node.order(active.clone())?;
        sleep(Duration::from_secs(1));
    }
    let memory = node.memory("VmRSS")?;
    // A repeated order returns from the archive and sells nothing.
    let step = (count / ACTIVE) as usize;
    node.order((0..count).step_by(step))?;
    let products = (0..10).map(|it| json!({"type": "statistics", "product": format!("p{it}")}));
    let statistics = node.ask_all(products)?;
    let sold: u64 = statistics.iter().filter_map(|it| it["sold"].as_u64()).sum();
    assert_eq!(sold, (0..count).map(|it| 1 + it % 3).sum::<u64>());
    writeln!(
        stdout(),
        "| {count} | {memory:.1} | {:.1} | {:.1} |",
        node.memory("VmHWM")?,
        bytes_in(&data_dir.join("n0"))? as f64 / 1024.0 / 1024.0
    )?;
    drop(node.input);
    node.process.wait()?;
    Ok(memory)
}

fn main() -> io::Result<()> {
    let argument = std::env::args().nth(1);
    let many = argument.map_or(1_000_000, |it| it.parse().expect("a number of orders"));
    writeln!(
        stdout(),
        "| orders made | MiB of memory | most | MiB on disk |\n|---|---|---|---|"
    )?;
    let temp = std::env::temp_dir().join(format!("orders-idle-{}", std::process::id()));
    let measured = |count: u64| {
        let data_dir: PathBuf = temp.join(count.to_string());
        fs::create_dir_all(&data_dir)?;
        measure(count, &data_dir)
    };
    let outcome = measured(ACTIVE).and_then(|few| Ok((few, measured(many)?)));
    fs::remove_dir_all(&temp)?;
    let (few, many) = outcome?;
    writeln!(stdout(), "\n{:.2} times the memory", many / few)
}
