//! Clusters of each strategy, and faults that hit the leader.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use eddy::edn::Value;
use eddy::nemesis::{Action, Fault, FaultContext, FaultRecord};
use eddy::net::{EndpointId, FaultId, Latency};
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload::{self, LeaderElectionAnalysis};
use glomers::{Context, Error, Node, Result};
use leader_election::{Clock, LeaderElection, Reply, Request, Timing};
use raft::Disks;

/// Latency of a message.
pub const LATENCY: Duration = ms(10);

/// Time that a disk takes to make a vote durable.
pub const SYNC: Duration = ms(2);

/// The strategy by which a cluster elects its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Bully,
    FirstLive,
    Lease,
}

/// The node that last claimed to lead, as an observer outside the cluster sees it.
#[derive(Clone, Default)]
pub struct LatestClaim(Rc<Cell<Option<usize>>>);

/// A node whose claims to lead are recorded in a [`LatestClaim`].
pub struct Observed {
    node: LeaderElection,
    claim: LatestClaim,
}

impl Node for Observed {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        let reply = self.node.handle(request, cx).await?;
        if let Some(Reply::LeaderOk { leader, .. }) = &reply
            && **leader == *cx.id()
        {
            self.claim.0.set(Some(position(cx)));
        }
        Ok(reply)
    }

    async fn background(&self, cx: &Context) {
        self.node.background(cx).await;
    }
}

fn position(cx: &Context) -> usize {
    let position = cx.nodes().iter().position(|node| **node == *cx.id());
    position.expect("a node is in the list")
}

/// Options of a cluster that uses leases.
#[derive(Clone)]
pub struct LeaseOptions {
    pub timing: Timing,
    pub disks: Disks,
    /// The rate of each node's monotonic clock; 1 if there is none.
    pub clock_rates: Vec<f64>,
}

impl Default for LeaseOptions {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            disks: Disks::new(SYNC),
            clock_rates: Vec::new(),
        }
    }
}

/// Creates the nodes of a cluster.
pub fn nodes(
    strategy: Strategy,
    options: LeaseOptions,
    claim: &LatestClaim,
) -> impl Fn(&Context) -> Result<Observed> + Clone + use<> {
    let claim = claim.clone();
    move |cx: &Context| {
        let node = match strategy {
            Strategy::Bully => LeaderElection::bully(cx),
            Strategy::FirstLive => LeaderElection::first_live(cx),
            Strategy::Lease => {
                let disk = options.disks.open(cx.id(), &mut cx.rng());
                let rate = options.clock_rates.get(position(cx)).copied();
                let clock = Clock::at_rate(rate.unwrap_or(1.0));
                LeaderElection::lease(cx, disk, options.timing.clone(), clock)?
            }
        };
        let claim = claim.clone();
        Ok::<_, Error>(Observed { node, claim })
    }
}

/// Creates a cluster of `count` nodes, [`LATENCY`] apart.
pub fn cluster(seed: Seed, strategy: Strategy, count: usize) -> (Simulation, LatestClaim) {
    let claim = LatestClaim::default();
    let nodes = nodes(strategy, LeaseOptions::default(), &claim);
    let simulation = Simulation::new(seed)
        .nodes(count, nodes)
        .latency(Latency::constant(LATENCY));
    (simulation, claim)
}

/// Returns a load that asks every node 20 times a second for 20 s, of which the last 5 are without
/// faults.
pub fn load(count: usize) -> Load {
    Load::of(workload::LeaderElection)
        .rate(20.0 * count as f64)
        .time_limit(secs(20))
        .fault_free_tail(secs(5))
}

/// Returns the checker's analysis of a run.
pub fn analysis(run: &Run) -> &LeaderElectionAnalysis {
    let analysis = run.results().workload_as();
    analysis.expect("the workload is leader-election")
}

/// Returns the number of messages between nodes, per node and second.
pub fn messages_per_node_second(run: &Run, count: usize) -> f64 {
    run.journal().servers.sent as f64 / count as f64 / run.virtual_time().as_secs_f64()
}

/// A fault that can hit the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderFault {
    Kill,
    Pause,
    /// The leader receives nothing from other nodes, and they receive nothing from it.
    Cut,
}

/// A fault that hits the node that most recently claimed to lead.
pub struct OfLeader {
    fault: LeaderFault,
    claim: LatestClaim,
    hit: Option<usize>,
    cut: Option<FaultId>,
}

impl OfLeader {
    pub fn new(fault: LeaderFault, claim: &LatestClaim) -> Self {
        Self {
            fault,
            claim: claim.clone(),
            hit: None,
            cut: None,
        }
    }

    fn isolate(&mut self, node: usize, cx: &mut FaultContext<'_>) -> Value {
        let all = 0..cx.nodes.len();
        let senders = |receiver: usize| match receiver == node {
            true => all.clone().filter(|&other| other != node).collect(),
            false => vec![node],
        };
        let blocked: Vec<(usize, Vec<usize>)> = all
            .clone()
            .map(|receiver| (receiver, senders(receiver)))
            .collect();
        let endpoint = |&node: &usize| EndpointId(node as u32);
        let links = blocked
            .iter()
            .map(|(node, senders)| (endpoint(node), senders.iter().map(endpoint).collect()));
        self.cut = Some(cx.faults.borrow_mut().cut(links.collect()));
        let name = |node: &usize| Value::from(cx.nodes[*node].as_str());
        let shown = blocked
            .iter()
            .map(|(node, senders)| (name(node), Value::set(senders.iter().map(name))));
        Value::Vector([Value::keyword("isolated"), Value::Map(shown.collect())].into())
    }
}

/// Returns a record such as `{"n1" :killed}`.
fn state(cx: &FaultContext<'_>, node: Option<usize>, state: &str) -> Value {
    let name = |node: usize| Value::from(cx.nodes[node].as_str());
    let states = node.map(|node| (name(node), Value::keyword(state)));
    Value::Map(states.into_iter().collect())
}

impl Fault for OfLeader {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.hit = self.claim.0.get();
        let (f, result) = match (self.fault, self.hit) {
            (LeaderFault::Kill, node) => {
                cx.actions.extend(node.map(Action::Kill));
                ("kill", state(cx, node, "killed"))
            }
            (LeaderFault::Pause, node) => {
                cx.actions.extend(node.map(Action::Pause));
                ("pause", state(cx, node, "paused"))
            }
            (LeaderFault::Cut, Some(node)) => ("start-partition", self.isolate(node, cx)),
            (LeaderFault::Cut, None) => ("start-partition", Value::Nil),
        };
        let request = Value::keyword("leader");
        FaultRecord { f, request, result }
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        let node = self.hit.take();
        let (f, result) = match self.fault {
            LeaderFault::Kill => {
                cx.actions.extend(node.map(Action::Restart));
                ("start", state(cx, node, "started"))
            }
            LeaderFault::Pause => {
                cx.actions.extend(node.map(Action::Resume));
                ("resume", state(cx, node, "resumed"))
            }
            LeaderFault::Cut => {
                if let Some(cut) = self.cut.take() {
                    cx.faults.borrow_mut().remove(cut);
                }
                ("stop-partition", Value::keyword("network-healed"))
            }
        };
        let request = Value::keyword("leader");
        FaultRecord { f, request, result }
    }

    fn name(&self) -> String {
        match self.fault {
            LeaderFault::Kill => "kill the leader",
            LeaderFault::Pause => "pause the leader",
            LeaderFault::Cut => "cut the leader off",
        }
        .to_owned()
    }
}
