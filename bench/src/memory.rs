//! Memory: per pending call, and of a long simulation compared with a short one.

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

/// The number of concurrent calls.
const PENDING: u32 = 200_000;

/// The number of nodes in the simulations.
const NODES: u64 = 25;

/// Messages between nodes per millisecond of virtual time: one for each ordered pair of nodes.
const MESSAGES_PER_MS: u64 = NODES * (NODES - 1);

/// The approximate number of operations; the same for every length, so that histories have one size.
const OPERATIONS: f64 = 200.0;

/// A figure that is measured in a separate process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// Bytes per pending call.
    PendingCalls,
    /// Peak memory of a simulation with a given number of messages, in MiB.
    LongSimulation,
}

impl FromStr for Alone {
    type Err = String;

    fn from_str(name: &str) -> Result<Alone, String> {
        [Alone::PendingCalls, Alone::LongSimulation]
            .into_iter()
            .find(|alone| alone.name() == name)
            .ok_or_else(|| format!("unknown figure {name}"))
    }
}

impl Alone {
    fn name(self) -> &'static str {
        match self {
            Alone::PendingCalls => "pending-calls",
            Alone::LongSimulation => "long-simulation",
        }
    }

    /// Measures the figure in this process.
    pub fn measure(self, messages: u64) -> Result<f64> {
        match self {
            Alone::PendingCalls => pending_calls(),
            Alone::LongSimulation => long_simulation(messages),
        }
    }

    /// Measures the figure in a new process.
    fn measure_apart(self, messages: u64) -> Result<f64> {
        let mut command = this_program()?;
        command.args(["--alone", self.name(), "--messages", &messages.to_string()]);
        let output = command.output().context("restarting this program")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {errors}", self.name());
        let figure = String::from_utf8(output.stdout)?;
        figure.trim().parse().context("a figure is a number")
    }
}

/// Measures memory and adds its rows to the table.
///
/// # Errors
///
/// A process fails, or the system has no `/proc/self/status`.
pub fn measure(table: &mut Table, messages: u64) -> Result<()> {
    let bytes = Alone::PendingCalls.measure_apart(messages)?;
    let what = "memory per pending call, each in its own task";
    table.row(what, "bytes", &[bytes], Target::None);
    let short = Alone::LongSimulation.measure_apart(messages / 10)?;
    let long = Alone::LongSimulation.measure_apart(messages)?;
    let what = format!("peak memory of a simulation of {messages} messages");
    table.row(&what, "MiB", &[long], Target::None);
    let what = "  relative to one with a tenth of the messages";
    table.row(what, "×", &[long / short], Target::AtMost(1.2));
    Ok(())
}

/// Returns a field of `/proc/self/status`, in bytes.
pub fn status(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")
        .context("reading the memory use of this process")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim_matches([':', '\t', ' ']).split(' ').next());
    let kib: u64 = kib
        .context("missing field in /proc/self/status")?
        .trim()
        .parse()?;
    Ok(kib * 1024)
}

fn long_simulation(messages: u64) -> Result<f64> {
    // 5 % longer than the messages take: a run ends when no operation is due before its time limit.
    let lasting = Duration::from_millis(messages.div_ceil(MESSAGES_PER_MS)).mul_f64(1.05);
    let rate = OPERATIONS / lasting.as_secs_f64();
    let run = Simulation::new(1)
        .nodes(NODES as usize, |_: &Context| Chatter {
            interval: Duration::from_millis(1),
            receivers: NODES as usize - 1,
        })
        .run(Load::of(workload::Echo).rate(rate).time_limit(lasting));
    if let Some(failure) = run.failure() {
        bail!("the simulation broke off: {failure:#}");
    }
    let sent = run.journal().servers.sent;
    ensure!(sent >= messages, "only {sent} messages");
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
        let figure = figure.await.context("the node stopped early")?;
        node.abort();
        figure
    })
}

/// A node that makes calls that are never answered.
struct Patient {
    done: std::cell::RefCell<Option<oneshot::Sender<Result<f64>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
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
                caller.log(&format!("unexpected reply: {answer:?}"));
            });
            if n % 1000 == 0 {
                // Let the output be written, so that it does not count as memory of calls.
                tokio::task::yield_now().await;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let bytes = || Ok((status("VmRSS")? - before?) as f64 / f64::from(PENDING));
        if let Some(done) = self.done.take() {
            // The receiver is gone if the measurement was aborted.
            let _ = done.send(bytes());
        }
    }
}
