//! Memory: what a pending call takes, and that a long simulation takes no more than a short one.

use std::fs;
use std::io;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bench::Chatter;
use eddy::simulation::{Load, Simulation};
use eddy::workload;
use glomers::prelude::{Context, Deserialize, Node, Value};
use glomers::{Link, Seams};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use crate::figures::{Table, Target};
use crate::this_program;

/// Calls that wait at the same time.
const PENDING: u32 = 200_000;

/// Nodes in the long simulation.
const NODES: u64 = 25;

/// Messages between nodes in each of its milliseconds: every node talks to every other.
const MESSAGES_PER_MS: u64 = NODES * (NODES - 1);

/// About how many operations there are in it. However long it is, its history is the same.
const OPERATIONS: f64 = 200.0;

/// What is measured by a process that does nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// Bytes for each call without a reply.
    PendingCalls,
    /// The most memory that a simulation of so many messages takes, in MiB.
    LongSimulation,
}

impl FromStr for Alone {
    type Err = String;

    fn from_str(name: &str) -> Result<Alone, String> {
        [Alone::PendingCalls, Alone::LongSimulation]
            .into_iter()
            .find(|alone| alone.name() == name)
            .ok_or_else(|| format!("nothing is measured under the name {name}"))
    }
}

impl Alone {
    fn name(self) -> &'static str {
        match self {
            Alone::PendingCalls => "pending-calls",
            Alone::LongSimulation => "long-simulation",
        }
    }

    /// Measures it in this process.
    pub fn measure(self, messages: u64) -> Result<f64> {
        match self {
            Alone::PendingCalls => pending_calls(),
            Alone::LongSimulation => long_simulation(messages),
        }
    }

    /// Measures it in a process of its own.
    fn measure_apart(self, messages: u64) -> Result<f64> {
        let mut command = this_program()?;
        command.args(["--alone", self.name(), "--messages", &messages.to_string()]);
        let output = command.output().context("starting this program again")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {errors}", self.name());
        let figure = String::from_utf8(output.stdout)?;
        figure.trim().parse().context("a figure is a number")
    }
}

/// Adds the rows about memory.
///
/// # Errors
///
/// A process fails, or this system does not tell how much memory it takes.
pub fn measure(table: &mut Table, messages: u64) -> Result<()> {
    let bytes = Alone::PendingCalls.measure_apart(messages)?;
    let what = "memory of a pending call, in a task of its own";
    table.row(what, "bytes", &[bytes], Target::None);
    let short = Alone::LongSimulation.measure_apart(messages / 10)?;
    let long = Alone::LongSimulation.measure_apart(messages)?;
    let what = format!("most memory of a simulation of {messages} messages");
    table.row(&what, "MiB", &[long], Target::None);
    let what = "  as a multiple of one a tenth as long";
    table.row(what, "×", &[long / short], Target::AtMost(1.2));
    Ok(())
}

/// A line of `/proc/self/status`, in bytes.
fn status(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")
        .context("this system does not tell how much memory a process takes")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim_matches([':', '\t', ' ']).split(' ').next());
    let kib: u64 = kib.context("no such field")?.trim().parse()?;
    Ok(kib * 1024)
}

fn long_simulation(messages: u64) -> Result<f64> {
    // A little more than they take, since a run ends when no operation is due before its limit.
    let lasting = Duration::from_millis(messages.div_ceil(MESSAGES_PER_MS)).mul_f64(1.05);
    let rate = OPERATIONS / lasting.as_secs_f64();
    let run = Simulation::new(1)
        .nodes(NODES as usize, |_: &Context| Chatter)
        .run(Load::of(workload::Echo).rate(rate).time_limit(lasting));
    if let Some(failure) = run.failure() {
        bail!("the simulation broke off: {failure:#}");
    }
    let sent = run.journal().servers.sent;
    ensure!(sent >= messages, "only {sent} messages were sent");
    Ok(status("VmHWM")? as f64 / f64::from(1 << 20))
}

fn pending_calls() -> Result<f64> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(Default::default())?;
    runtime.block_on(async {
        let (inbox, inbound) = mpsc::unbounded_channel();
        let body = json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n2"]});
        let init = json!({"src": "c0", "dest": "n1", "body": body});
        inbox.send(init.to_string().into_bytes())?;
        let link = Link {
            inbound,
            outbound: Box::new(io::sink()),
        };
        let seams = Seams {
            log: Rc::new(|_| {}),
            ..Seams::simulated(1)
        };
        let (done, figure) = oneshot::channel();
        let patient = Patient {
            done: Some(done).into(),
        };
        let node = tokio::task::spawn_local(glomers::serve(link, seams, |_| patient));
        let figure = figure.await.context("the node ended early")?;
        node.abort();
        figure
    })
}

/// Makes calls that nobody answers.
struct Patient {
    done: std::cell::RefCell<Option<oneshot::Sender<Result<f64>>>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Nothing,
}

impl Node for Patient {
    type Request = Request;
    type Reply = ();

    async fn handle(&self, Request::Nothing: Request, _: &Context) -> glomers::Result<()> {
        Ok(())
    }

    async fn background(&self, cx: &Context) {
        let before = status("VmRSS");
        for n in 0..PENDING {
            let caller = cx.clone();
            cx.spawn(async move {
                let question = json!({"type": "question"});
                let hour = Duration::from_secs(3600);
                let answer = caller.call_within::<Value>(hour, "n2", &question).await;
                caller.log(&format!("nobody should answer: {answer:?}"));
            });
            if n % 1000 == 0 {
                // What has been said goes out, so that it does not count.
                tokio::task::yield_now().await;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let bytes = || Ok((status("VmRSS")? - before?) as f64 / f64::from(PENDING));
        if let Some(done) = self.done.take() {
            // Nobody waits any more if the measurement was given up.
            let _ = done.send(bytes());
        }
    }
}
