//! The Bully algorithm (Garcia-Molina, 1982): the highest id wins.
//!
//! A node that suspects the coordinator sends ELECTION to all higher ids. If none of them answers
//! OK in time, it becomes the coordinator and announces that to all lower ids. If one does, that
//! node continues the election. The paper assumes that a node that does not answer in time has
//! crashed. If that assumption is false, the algorithm elects a second coordinator beside the
//! first.

use std::cell::RefCell;
use std::collections::BTreeMap;

use glomers::prelude::*;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::{Term, positions, term_without_disk};

/// The period of the coordinator's heartbeats.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(400);

/// The time without a heartbeat after which a node suspects its coordinator: two heartbeats in a
/// row are missing. It equals the lease of [`Lease`](crate::Lease), so that both strategies detect
/// a crash after about the same time.
pub const SUSPECT_AFTER: Duration = Duration::from_millis(1000);

/// The time without an OK after which a node considers all higher nodes dead.
pub const OK_TIMEOUT: Duration = Duration::from_millis(250);

/// The time after an OK within which a coordinator must announce itself; after that the node begins
/// another election.
pub const COORDINATOR_TIMEOUT: Duration = Duration::from_millis(500);

/// The messages of the algorithm.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "bully", rename_all = "snake_case")]
pub enum Message {
    /// The sender holds an election. Sent to all higher ids.
    Election,
    /// A higher node is alive and takes over the election.
    Ok,
    /// The sender is the coordinator. Sent to all lower ids.
    Coordinator {
        /// The coordinator's term.
        term: Term,
    },
    /// The coordinator is alive.
    Heartbeat {
        /// The coordinator's term.
        term: Term,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing {
    Bully(Message),
}

/// The phase of a node, and the time at which it ends.
#[derive(Debug)]
enum Phase {
    /// The node coordinates, and sends its next heartbeat at `until`.
    Coordinating { term: Term, until: Instant },
    /// The node follows a coordinator, and suspects it at `until`.
    Following {
        coordinator: NodeId,
        term: Term,
        until: Instant,
    },
    /// The node has sent ELECTION, and becomes the coordinator at `until`.
    Electing { until: Instant },
    /// The node has received OK, and begins another election at `until`.
    Waiting { until: Instant },
}

/// A node that follows the Bully algorithm.
pub struct Bully {
    positions: BTreeMap<NodeId, usize>,
    position: usize,
    state: RefCell<State>,
    changed: Notify,
}

struct State {
    phase: Phase,
    highest_term: Term,
}

impl Bully {
    /// Creates a node that begins an election as soon as it [runs](Self::run), as a restarted node
    /// must.
    pub fn new(cx: &Context) -> Self {
        let positions = positions(cx);
        Self {
            position: positions[cx.id()],
            positions,
            state: RefCell::new(State {
                phase: Phase::Waiting {
                    until: Instant::now(),
                },
                highest_term: 0,
            }),
            changed: Notify::new(),
        }
    }

    /// Returns the coordinator and its term, or `None` during an election.
    pub fn leader(&self, cx: &Context) -> Option<(NodeId, Term)> {
        match &self.state.borrow().phase {
            Phase::Coordinating { term, .. } => Some((cx.id().into(), *term)),
            Phase::Following {
                coordinator, term, ..
            } => Some((coordinator.clone(), *term)),
            Phase::Electing { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// Handles a message from another node.
    pub fn receive(&self, cx: &Context, message: Message) {
        let sender = cx.sender();
        let Some(&position) = self.positions.get(sender) else {
            return;
        };
        let is_higher = position > self.position;
        let state = &mut *self.state.borrow_mut();
        match (message, &state.phase) {
            (Message::Election, phase) => {
                cx.send(sender, &Outgoing::Bully(Message::Ok));
                if !matches!(phase, Phase::Electing { .. } | Phase::Waiting { .. }) {
                    self.hold_election(state, cx);
                }
            }
            (Message::Ok, Phase::Electing { .. }) => {
                let until = Instant::now() + COORDINATOR_TIMEOUT;
                state.phase = Phase::Waiting { until };
            }
            (Message::Ok, _) => {}
            (Message::Coordinator { term }, _) if is_higher => state.follow(sender, term),
            // Follow this coordinator unless a higher one is known.
            (Message::Heartbeat { term }, phase) if is_higher => {
                let higher = match phase {
                    Phase::Following { coordinator, .. } => self.positions[coordinator] > position,
                    _ => false,
                };
                if !higher {
                    state.follow(sender, term);
                }
            }
            // A lower node coordinates, so this node deposes it with an election.
            (
                Message::Coordinator { term } | Message::Heartbeat { term },
                Phase::Coordinating { .. } | Phase::Following { .. },
            ) => {
                state.highest_term = state.highest_term.max(term);
                self.hold_election(state, cx);
            }
            (Message::Coordinator { term } | Message::Heartbeat { term }, _) => {
                state.highest_term = state.highest_term.max(term);
            }
        }
        self.changed.notify_one();
    }

    /// Runs the timers of the algorithm; call it from the node's `background`.
    pub async fn run(&self, cx: &Context) {
        loop {
            let until = self.state.borrow().phase.until();
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = sleep_until(until) => self.time_out(cx),
            }
        }
    }

    fn time_out(&self, cx: &Context) {
        let state = &mut *self.state.borrow_mut();
        match state.phase {
            Phase::Coordinating { term, .. } => {
                let until = Instant::now() + HEARTBEAT_INTERVAL;
                state.phase = Phase::Coordinating { term, until };
                for peer in cx.peers() {
                    cx.send(peer, &Outgoing::Bully(Message::Heartbeat { term }));
                }
            }
            Phase::Electing { .. } => self.declare(state, cx),
            Phase::Following { .. } | Phase::Waiting { .. } => self.hold_election(state, cx),
        }
    }

    /// Sends ELECTION to all higher ids. The highest node becomes the coordinator at once.
    fn hold_election(&self, state: &mut State, cx: &Context) {
        let higher = &cx.nodes()[self.position + 1..];
        if higher.is_empty() {
            return self.declare(state, cx);
        }
        let until = Instant::now() + OK_TIMEOUT;
        state.phase = Phase::Electing { until };
        for node in higher {
            cx.send(node, &Outgoing::Bully(Message::Election));
        }
    }

    fn declare(&self, state: &mut State, cx: &Context) {
        let term = term_without_disk(cx, state.highest_term);
        state.highest_term = term;
        let until = Instant::now() + HEARTBEAT_INTERVAL;
        state.phase = Phase::Coordinating { term, until };
        for node in &cx.nodes()[..self.position] {
            cx.send(node, &Outgoing::Bully(Message::Coordinator { term }));
        }
    }
}

impl State {
    fn follow(&mut self, coordinator: &str, term: Term) {
        self.highest_term = self.highest_term.max(term);
        self.phase = Phase::Following {
            coordinator: coordinator.into(),
            term,
            until: Instant::now() + SUSPECT_AFTER,
        };
    }
}

impl Phase {
    fn until(&self) -> Instant {
        match self {
            Phase::Coordinating { until, .. }
            | Phase::Following { until, .. }
            | Phase::Electing { until }
            | Phase::Waiting { until } => *until,
        }
    }
}
