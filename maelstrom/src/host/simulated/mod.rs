//! Nodes as tasks, in virtual time.
//!
//! Every node runs in one tokio runtime whose clock is paused: it stands still while any node has
//! something to do, and jumps to the next timer when all are idle. Seconds of a run take
//! milliseconds, and the same seed gives the same run.
//!
//! Tokio's timers count whole milliseconds, but the events of a run have times in nanoseconds. So
//! the host keeps the exact time of the latest event beside tokio's clock, which is never more than
//! a millisecond ahead of it.

mod gate;
mod heartbeat;
mod idleness;
mod output;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use glomers::{Context, IntoNode, Link, Seams};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::Instant;

use super::{Event, Host};
use crate::seed::Seed;
use gate::{Gate, Gated, Instants, MAX_POLLS};
use heartbeat::Heartbeat;
use idleness::Idleness;
use output::{Lines, Output};

/// The time that the nodes' wall clocks show when a run begins: 1 January 2024.
const EPOCH: Duration = Duration::from_secs(1_704_067_200);

/// The number of lines that one node may write while time stands still.
const MAX_LINES: u64 = 100_000;

/// The number of bytes that nodes may be handed before they run. In a large cluster the set-up of all nodes
/// together, which is due at one instant, would take more memory than the rest of the run.
const MAX_UNREAD_BYTES: usize = 1 << 20;

/// The time until which the host waits if nothing is due: longer than any run.
const FAR_FUTURE: Duration = Duration::from_secs(365 * 86_400);

type Task = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Creates nodes. A node that was killed is created again when it is restarted.
#[derive(Clone)]
pub struct NodeFactory(Rc<dyn Fn(Link, Seams) -> Task>);

impl NodeFactory {
    /// Creates a factory of the nodes that `make` returns.
    pub fn new<M: IntoNode + 'static>(
        make: impl Fn(&Context) -> M + Clone + 'static,
    ) -> NodeFactory {
        NodeFactory(Rc::new(move |link, seams| {
            let make = make.clone();
            Box::pin(glomers::serve(link, seams, move |cx: &Context| make(cx)))
        }))
    }
}

/// Runs nodes inside this process, in virtual time.
pub struct SimulatedHost {
    /// The nodes' tasks. (Not a `LocalRuntime`: inside one, what a node spawns would not belong to the
    /// node's own set of tasks, and neither pause nor end with it.)
    tasks: LocalSet,
    runtime: Runtime,
    idleness: Arc<Idleness>,
    instants: Rc<Instants>,
    heartbeat: Arc<Heartbeat>,
    factory: NodeFactory,
    seed: Seed,
    names: Vec<String>,
    nodes: Vec<Option<Node>>,
    clock_offsets_ms: Vec<Rc<Cell<i64>>>,
    /// The number of starts so far; each start has a number and a seed of its own.
    started: u64,
    outputs: mpsc::UnboundedReceiver<Output>,
    output: mpsc::UnboundedSender<Output>,
    /// Tokio's time at which the run began.
    origin: Instant,
    now: Duration,
    /// The number of lines that each node wrote since time last passed.
    lines_at_once: Vec<u64>,
    /// The number of bytes that nodes were handed since they last ran.
    unread_bytes: usize,
    /// Prints what nodes log.
    verbose: bool,
}

/// A running node.
struct Node {
    number: u64,
    to_node: mpsc::UnboundedSender<Vec<u8>>,
    gate: Rc<Gate>,
    task: JoinHandle<()>,
}

impl SimulatedHost {
    /// Creates a host for these nodes.
    pub fn new(factory: NodeFactory, names: &[String], seed: Seed) -> Result<SimulatedHost> {
        let idleness = Arc::new(Idleness::default());
        let on_park = idleness.clone();
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .on_thread_park(move || on_park.note())
            .build()
            .context("building the simulation's runtime")?;
        let origin = runtime.block_on(async { Instant::now() });
        let (output, outputs) = mpsc::unbounded_channel();
        Ok(SimulatedHost {
            tasks: LocalSet::new(),
            runtime,
            idleness,
            instants: Rc::default(),
            heartbeat: Heartbeat::watch(seed, names),
            factory,
            seed: seed.derive("nodes"),
            names: names.to_vec(),
            nodes: names.iter().map(|_| None).collect(),
            clock_offsets_ms: names.iter().map(|_| Rc::default()).collect(),
            started: 0,
            outputs,
            output,
            origin,
            now: Duration::ZERO,
            lines_at_once: vec![0; names.len()],
            unread_bytes: 0,
            verbose: false,
        })
    }

    /// Sets whether what nodes log is printed.
    pub fn verbose(mut self, verbose: bool) -> SimulatedHost {
        self.verbose = verbose;
        self
    }

    /// Runs a future beside the nodes, on their clock: a script of faults, say.
    pub fn spawn(&self, script: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(script);
    }

    /// Lets every task run until none has anything to do, or a node writes something.
    fn settle(&mut self) -> Result<Option<Output>> {
        self.run_tasks(true)
    }

    /// Lets every task run until none has anything to do; with `until_output`, or a node writes something.
    fn run_tasks(&mut self, until_output: bool) -> Result<Option<Output>> {
        let SimulatedHost {
            runtime,
            tasks,
            idleness,
            outputs,
            instants,
            names,
            ..
        } = self;
        self.unread_bytes = 0;
        idleness.watch(None);
        runtime.block_on(tasks.run_until(poll_fn(|cx| {
            if until_output && let Poll::Ready(output) = outputs.poll_recv(cx) {
                return Poll::Ready(Ok(output));
            }
            if let Some(node) = instants.spinning() {
                return Poll::Ready(Err(anyhow::anyhow!(
                    "node {} spins: it was scheduled {MAX_POLLS} times without letting time pass",
                    names[node]
                )));
            }
            if idleness.is_noted() {
                return Poll::Ready(Ok(None));
            }
            idleness.watch(Some(cx.waker().clone()));
            Poll::Pending
        })))
    }

    /// Lets time pass until a node writes something, or until `until`.
    fn pass_time(&mut self, until: Option<Duration>) -> Option<Output> {
        let SimulatedHost {
            runtime,
            tasks,
            outputs,
            origin,
            ..
        } = self;
        let until = until.unwrap_or(FAR_FUTURE);
        let deadline = *origin + until;
        runtime.block_on(tasks.run_until(async {
            tokio::select! {
                biased;
                output = outputs.recv() => output,
                () = tokio::time::sleep_until(deadline) => None,
            }
        }))
    }

    fn tokio_now(&self) -> Duration {
        self.runtime.block_on(async { Instant::now() }) - self.origin
    }

    /// Returns the event of an output, unless its node was killed meanwhile.
    fn event(&mut self, output: Output) -> Result<Option<Event>> {
        let (node, number) = match &output {
            Output::Line(node, number, _) | Output::Ended(node, number, _) => (*node, *number),
        };
        if self.nodes[node]
            .as_ref()
            .is_none_or(|running| running.number != number)
        {
            return Ok(None);
        }
        match output {
            Output::Line(node, _, line) => {
                self.lines_at_once[node] += 1;
                if self.lines_at_once[node] > MAX_LINES {
                    bail!(
                        "node {} wrote {MAX_LINES} lines without letting time pass",
                        self.names[node]
                    );
                }
                Ok(Some(Event::Line { node, line }))
            }
            Output::Ended(node, _, problem) => {
                let how = problem.map_or_else(String::new, |problem| format!(": {problem}"));
                let report = format!(
                    "Node {} ended before the test was over{how}",
                    self.names[node]
                );
                self.nodes[node] = None;
                Ok(Some(Event::Exited { node, report }))
            }
        }
    }
}

impl Host for SimulatedHost {
    fn now(&self) -> Duration {
        self.now
    }

    fn start(&mut self, node: usize) -> Result<()> {
        let number = self.started;
        self.started += 1;
        let (to_node, inbound) = mpsc::unbounded_channel();
        let outbound = Lines {
            node,
            number,
            output: self.output.clone(),
        };
        let link = Link {
            inbound,
            outbound: Box::new(outbound),
        };
        let (origin, offset) = (self.origin, self.clock_offsets_ms[node].clone());
        let (name, verbose) = (self.names[node].clone(), self.verbose);
        let seams = Seams {
            wall_clock: Rc::new(move || {
                let (right, offset_ms) = (EPOCH + origin.elapsed(), offset.get());
                let offset = Duration::from_millis(offset_ms.unsigned_abs());
                if offset_ms < 0 {
                    right.saturating_sub(offset)
                } else {
                    right + offset
                }
            }),
            seed: self.seed.derive(&number.to_string()).0,
            log: Rc::new(move |line| {
                if verbose {
                    eprintln!("{:>9.3} s  {name}: {line}", origin.elapsed().as_secs_f64());
                }
            }),
        };
        let served = (self.factory.0)(link, seams);
        // Each node has its own set of tasks, so that the tasks it spawns pause and end with it.
        let served = async move { LocalSet::new().run_until(served).await };
        let gate = Rc::new(Gate::default());
        let gated = Gated::new(
            node,
            gate.clone(),
            self.instants.clone(),
            self.heartbeat.clone(),
            served,
        );
        let output = self.output.clone();
        let task = self.tasks.spawn_local(async move {
            let problem = gated.await.err().map(|error| format!("{error:#}"));
            // The receiver is gone once the run is over.
            let _ = output.send(Output::Ended(node, number, problem));
        });
        self.nodes[node] = Some(Node {
            number,
            to_node,
            gate,
            task,
        });
        Ok(())
    }

    fn deliver(&mut self, node: usize, line: Vec<u8>) {
        let Some(running) = &self.nodes[node] else {
            return;
        };
        self.unread_bytes += line.len();
        // A node that has just ended receives nothing.
        let _ = running.to_node.send(line);
        if self.unread_bytes > MAX_UNREAD_BYTES {
            // A node that spins is still found when time is to pass.
            let _ = self.run_tasks(false);
        }
    }

    fn wait(&mut self, until: Option<Duration>) -> Result<Event> {
        loop {
            let output = match self.settle()? {
                Some(output) => output,
                None if until.is_some_and(|until| until <= self.tokio_now()) => {
                    self.now = self.now.max(until.unwrap_or_default());
                    return Ok(Event::TimeReached);
                }
                None => {
                    self.instants.advance();
                    let output = self.pass_time(until);
                    let now = self.tokio_now();
                    self.now = self.now.max(until.map_or(now, |until| now.min(until)));
                    self.lines_at_once.fill(0);
                    match output {
                        Some(output) => output,
                        None if until.is_none() => {
                            bail!("the run cannot continue: all nodes wait, and no timer is set")
                        }
                        None => return Ok(Event::TimeReached),
                    }
                }
            };
            if let Some(event) = self.event(output)? {
                return Ok(event);
            }
        }
    }

    fn kill(&mut self, node: usize) -> Result<()> {
        let running = self.nodes[node].take();
        let running = running.with_context(|| format!("{} is not running", self.names[node]))?;
        running.task.abort();
        // An abort takes effect when the task is scheduled, which a closed gate would prevent.
        running.gate.open();
        Ok(())
    }

    fn pause(&mut self, node: usize) -> Result<()> {
        if let Some(running) = &self.nodes[node] {
            running.gate.close();
        }
        Ok(())
    }

    fn resume(&mut self, node: usize) -> Result<()> {
        if let Some(running) = &self.nodes[node] {
            running.gate.open();
        }
        Ok(())
    }

    fn set_clock_offset(&mut self, node: usize, offset_ms: i64) {
        self.clock_offsets_ms[node].set(offset_ms);
    }
}
