//! Circular information flow: cycles of "polled what the other sent" and "began after the other
//! was over".
//!
//! Operations that send or poll are nodes. An edge leads from the operation that sent a message to
//! each one that polled it, and there is a path from each acknowledged operation to those that
//! began after its completion. The second relation is quadratic, so it is not stored as edges
//! between operations: *moments*, nodes of their own, form a line in time; what was acknowledged
//! leads to the next moment, and the last moment to what begins. That takes as many edges as there
//! are operations, at any concurrency.

use petgraph::algo::{astar, kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::anomaly::{Anomaly, ErrorType, Findings};
use super::transcript::{Key, StepId, Transcript};
use crate::history::Kind;

/// Why one operation comes before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) from: StepId,
    pub(super) to: StepId,
    pub(super) because: Because,
}

impl Edge {
    /// Returns the key of the message that connects the two operations, if one does.
    pub(super) fn key(&self) -> Option<Key> {
        match self.because {
            Because::WriteRead { key, .. } => Some(key as Key),
            Because::Realtime => None,
        }
    }
}

/// The reason for an [`Edge`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Because {
    /// The second polled a message that the first sent.
    /// The numbers take half their usual size, because a long history has millions of edges.
    WriteRead { key: u32, message: u32 },
    /// The second began after the first was acknowledged.
    Realtime,
}

/// Operations, and the moments (`None`) between completions and invocations.
type Graph = DiGraph<Option<StepId>, Because>;

/// Finds, for each strongly connected component, that it exists, and a short cycle of the worst
/// kind in it. Finds as well if there are operations, but none that depends on another.
pub(super) fn find_cycles(transcript: &Transcript, findings: &mut Findings) {
    let graph = dependencies(transcript);
    if graph.edge_count() == 0 && transcript.has_operations {
        findings.add(ErrorType::EmptyTransactionGraph, Anomaly::NoDependencies);
    }
    for component in components(&graph) {
        let whole = induced(&graph, &component, |_| true);
        // Messages alone can make a circle only where transactions both send and poll.
        let flow = induced(&graph, &component, |because| {
            matches!(because, Because::WriteRead { .. })
        });
        let (cycle, exists, smallest) = match components(&flow).into_iter().min_by_key(Vec::len) {
            Some(smallest) => (
                ErrorType::G1c,
                ErrorType::Pl2CycleExists,
                induced(&flow, &smallest, |_| true),
            ),
            None => (
                ErrorType::G1cRealtime,
                ErrorType::StrongPl2CycleExists,
                whole,
            ),
        };
        let members = smallest.node_weights().copied().flatten().collect();
        findings.add(exists, Anomaly::Component(members));
        let shown = short_cycle(&smallest, transcript);
        findings.add(cycle, Anomaly::Cycle(shown));
    }
}

fn dependencies(transcript: &Transcript) -> Graph {
    let mut graph = Graph::new();
    // All operations come first, so that an operation and its node have the same number.
    for step in 0..transcript.steps.len() {
        graph.add_node(Some(step));
    }
    for (reader, step) in transcript.steps.iter().enumerate() {
        for (key, records) in step.polls() {
            for record in records {
                let message = record.message;
                let writer = transcript.keys[*key].messages[message].writer;
                let Some(writer) = writer.filter(|&writer| writer != reader) else {
                    continue;
                };
                // Nearly every edge says what real time says anyway. They are left out where they
                // cannot be part of a circle of messages alone.
                if step.sends().is_empty() && transcript.steps[writer].precedes(step) {
                    continue;
                }
                let (key, message) = (*key as u32, message as u32);
                let because = Because::WriteRead { key, message };
                graph.add_edge(NodeIndex::new(writer), NodeIndex::new(reader), because);
            }
        }
    }
    add_realtime_order(transcript, &mut graph);
    graph
}

fn add_realtime_order(transcript: &Transcript, graph: &mut Graph) {
    let mut events: Vec<(usize, bool, NodeIndex)> = Vec::new();
    for (id, step) in transcript.steps.iter().enumerate() {
        if step.is_transaction() {
            events.push((step.invocation.index, false, NodeIndex::new(id)));
            // Nothing follows from an operation that failed, or that may still happen.
            if step.kind == Kind::Ok {
                events.push((step.completion.index, true, NodeIndex::new(id)));
            }
        }
    }
    events.sort_unstable();
    let mut moment: Option<NodeIndex> = None;
    let mut completed: Vec<NodeIndex> = Vec::new();
    for (_, completes, step) in events {
        if completes {
            completed.push(step);
            continue;
        }
        if !completed.is_empty() {
            let next = graph.add_node(None);
            for before in completed.drain(..).chain(moment) {
                graph.add_edge(before, next, Because::Realtime);
            }
            moment = Some(next);
        }
        if let Some(moment) = moment {
            graph.add_edge(moment, step, Because::Realtime);
        }
    }
}

/// The strongly connected components that hold cycles, in the order of the history.
fn components(graph: &Graph) -> Vec<Vec<NodeIndex>> {
    // Nearly always there is no cycle, and an order of all operations proves it for less memory.
    if toposort(graph, None).is_ok() {
        return Vec::new();
    }
    let mut components = kosaraju_scc(graph);
    // No operation depends on itself, so a single node is no cycle. Moments are ordered, so a cycle
    // contains at least two operations.
    components.retain(|component| component.len() > 1);
    for component in &mut components {
        component.sort_unstable();
    }
    components.sort_unstable();
    components
}

/// The part of a graph between some of its nodes, given in ascending order.
fn induced(graph: &Graph, nodes: &[NodeIndex], keep: impl Fn(&Because) -> bool) -> Graph {
    let mut part = Graph::new();
    for &node in nodes {
        part.add_node(graph[node]);
    }
    for (at, &node) in nodes.iter().enumerate() {
        for edge in graph.edges(node).filter(|edge| keep(edge.weight())) {
            if let Ok(to) = nodes.binary_search(&edge.target()) {
                part.add_edge(NodeIndex::new(at), NodeIndex::new(to), *edge.weight());
            }
        }
    }
    part
}

/// A cycle in a strongly connected graph: a message polled before its send began if there is one,
/// else the shortest through any of the first messages.
fn short_cycle(graph: &Graph, transcript: &Transcript) -> Vec<Edge> {
    let messages = graph.edge_references().filter_map(|edge| {
        let (from, to) = (graph[edge.source()]?, graph[edge.target()]?);
        let because = *edge.weight();
        Some((Edge { from, to, because }, edge.source(), edge.target()))
    });
    let backwards = messages.clone().find(|(edge, ..)| {
        let (writer, reader) = (&transcript.steps[edge.from], &transcript.steps[edge.to]);
        reader.precedes(writer)
    });
    if let Some((sent, ..)) = backwards {
        let began_later = Edge {
            from: sent.to,
            to: sent.from,
            because: Because::Realtime,
        };
        return vec![sent, began_later];
    }
    // A search may visit the whole component, so there are only a few of them.
    const SEARCHES: usize = 64;
    let cycles = messages.take(SEARCHES).map(|(sent, writer, reader)| {
        let mut cycle = vec![sent];
        cycle.extend(shortest_path(graph, reader, writer));
        cycle
    });
    cycles
        .min_by_key(Vec::len)
        .expect("time alone makes no cycle, so every one has a message in it")
}

/// The path of the fewest operations, moments counting nothing.
fn shortest_path(graph: &Graph, from: NodeIndex, to: NodeIndex) -> Vec<Edge> {
    let (_, path) = astar(
        graph,
        from,
        |node| node == to,
        |edge| usize::from(graph[edge.target()].is_some()),
        |_| 0,
    )
    .expect("in a strongly connected component every node leads to every other");
    let steps: Vec<NodeIndex> = path
        .into_iter()
        .filter(|&node| graph[node].is_some())
        .collect();
    let edges = steps.windows(2).filter_map(|pair| {
        let message = graph.edges_connecting(pair[0], pair[1]).next();
        Some(Edge {
            from: graph[pair[0]]?,
            to: graph[pair[1]]?,
            because: message.map_or(Because::Realtime, |edge| *edge.weight()),
        })
    });
    edges.collect()
}
