//! Circular information flow: cycles of "polled what the other sent" and "began after the other
//! was over".
//!
//! Operations that send or poll are nodes. An edge leads from the operation that sent a message to
//! each one that polled it, and from each acknowledged operation to those that began after its
//! completion. The second relation is quadratic; what is kept of it is its transitive reduction,
//! in which an operation is linked to those that begin before its first successor completes.

use std::collections::VecDeque;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::anomaly::{Anomaly, ErrorType, Findings};
use super::transcript::{Key, Message, StepId, Transcript};
use crate::history::Kind;

/// Why one operation comes before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) from: StepId,
    pub(super) to: StepId,
    pub(super) because: Because,
}

/// The reason for an [`Edge`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Because {
    /// The second polled a message that the first sent.
    WriteRead { key: Key, message: Message },
    /// The second began after the first was acknowledged.
    Realtime,
}

type Graph = DiGraph<StepId, Because>;

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
        let members = smallest.node_weights().copied().collect();
        findings.add(exists, Anomaly::Component(members));
        let shown = short_cycle(&smallest, transcript);
        findings.add(cycle, Anomaly::Cycle(shown));
    }
}

fn dependencies(transcript: &Transcript) -> Graph {
    let mut graph = Graph::new();
    // Every step is a node, so that node and step have the same number.
    for step in 0..transcript.steps.len() {
        graph.add_node(step);
    }
    for (reader, step) in transcript.steps.iter().enumerate() {
        for (key, records) in step.polls() {
            for record in records {
                let message = record.message;
                let writer = transcript.keys[*key].messages[message].writer;
                let Some(writer) = writer.filter(|&writer| writer != reader) else {
                    continue;
                };
                let because = Because::WriteRead { key: *key, message };
                graph.add_edge(NodeIndex::new(writer), NodeIndex::new(reader), because);
            }
        }
    }
    add_realtime_order(transcript, &mut graph);
    graph
}

/// Goes through invocations and completions in order. `latest` holds the acknowledged operations
/// without an acknowledged successor; they come before everything that begins now.
fn add_realtime_order(transcript: &Transcript, graph: &mut Graph) {
    let mut events: Vec<(usize, bool, StepId)> = Vec::new();
    for (id, step) in transcript.steps.iter().enumerate() {
        if step.is_transaction() {
            events.push((step.invocation.index, false, id));
            if step.kind == Kind::Ok {
                events.push((step.completion.index, true, id));
            }
        }
    }
    events.sort_unstable();
    let mut latest: Vec<StepId> = Vec::new();
    for (_, completes, id) in events {
        if completes {
            let step = &transcript.steps[id];
            latest.retain(|&before| !transcript.steps[before].precedes(step));
            latest.push(id);
        } else {
            for &before in &latest {
                let (from, to) = (NodeIndex::new(before), NodeIndex::new(id));
                graph.add_edge(from, to, Because::Realtime);
            }
        }
    }
}

/// The strongly connected components that hold cycles, in the order of the history.
fn components(graph: &Graph) -> Vec<Vec<NodeIndex>> {
    let mut components = kosaraju_scc(graph);
    // No operation depends on itself, so one alone is no cycle.
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
/// else the shortest through any of the first operations.
fn short_cycle(graph: &Graph, transcript: &Transcript) -> Vec<Edge> {
    for edge in graph.edge_references() {
        let (writer, reader) = (graph[edge.source()], graph[edge.target()]);
        if transcript.steps[reader].precedes(&transcript.steps[writer]) {
            let backwards = Edge {
                from: reader,
                to: writer,
                because: Because::Realtime,
            };
            return vec![edge_between(writer, reader, *edge.weight()), backwards];
        }
    }
    // A breadth-first search visits the whole component, so it starts from a few nodes only.
    const STARTS: usize = 64;
    graph
        .node_indices()
        .take(STARTS)
        .map(|start| shortest_cycle_through(graph, start))
        .min_by_key(Vec::len)
        .expect("a strongly connected component has nodes")
}

fn shortest_cycle_through(graph: &Graph, start: NodeIndex) -> Vec<Edge> {
    let mut reached_by: Vec<Option<(NodeIndex, Because)>> = vec![None; graph.node_count()];
    let mut queue = VecDeque::from([start]);
    while reached_by[start.index()].is_none() {
        let node = queue.pop_front().expect("every node of a component leads back to itself");
        for edge in graph.edges(node) {
            let reached = &mut reached_by[edge.target().index()];
            if reached.is_none() {
                *reached = Some((node, *edge.weight()));
                queue.push_back(edge.target());
            }
        }
    }
    let (mut cycle, mut to) = (Vec::new(), start);
    while let Some((from, because)) = reached_by[to.index()] {
        cycle.push(edge_between(graph[from], graph[to], because));
        to = from;
        if to == start {
            break;
        }
    }
    cycle.reverse();
    cycle
}

fn edge_between(from: StepId, to: StepId, because: Because) -> Edge {
    Edge { from, to, because }
}
