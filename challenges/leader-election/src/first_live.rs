//! The first live node of a list that all nodes know leads.
//!
//! Every node sends heartbeats to all others and considers every node live that it heard from
//! recently. Nodes that hear from different nodes therefore have different leaders.

use std::cell::RefCell;
use std::collections::BTreeMap;

use glomers::prelude::*;
use tokio::time::{Instant, sleep};

use crate::{Term, term_without_disk};

/// The period of the heartbeats from every node to every other.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(400);

/// The time without a heartbeat after which a node considers another node dead.
pub const SUSPECT_AFTER: Duration = Duration::from_millis(1000);

/// The message by which a node shows that it is alive.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The sender's term, if it leads.
    pub term: Option<Term>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing {
    FirstLive(Heartbeat),
}

/// A node that considers the first live node of the list the leader.
pub struct FirstLive {
    state: RefCell<State>,
}

struct State {
    /// The last heartbeat of every other node, and the time at which it arrived.
    heard: BTreeMap<NodeId, (Instant, Heartbeat)>,
    /// This node's term while it leads.
    term: Option<Term>,
    highest_term: Term,
}

impl FirstLive {
    /// Creates a node that considers all others live at first.
    pub fn new(cx: &Context) -> Self {
        let heard = (Instant::now(), Heartbeat { term: None });
        let peers = cx.peers().iter().cloned();
        Self {
            state: RefCell::new(State {
                heard: peers.map(|peer| (peer, heard)).collect(),
                term: None,
                highest_term: 0,
            }),
        }
    }

    /// Returns the first live node and its term, or `None` while the first live node does not yet
    /// know that it leads.
    pub(crate) fn leader(&self, cx: &Context) -> Option<(NodeId, Term)> {
        let state = &mut *self.state.borrow_mut();
        state.take_over_or_stop(cx);
        let leader = state.first_live(cx);
        let term = match state.heard.get(&leader) {
            Some((_, heartbeat)) => heartbeat.term,
            None => state.term,
        };
        Some((leader, term?))
    }

    /// Handles a heartbeat from another node.
    pub(crate) fn receive(&self, cx: &Context, heartbeat: Heartbeat) {
        let state = &mut *self.state.borrow_mut();
        if let Some(heard) = state.heard.get_mut(cx.sender()) {
            *heard = (Instant::now(), heartbeat);
            state.highest_term = state.highest_term.max(heartbeat.term.unwrap_or(0));
        }
    }

    /// Sends heartbeats; call it from the node's `background`.
    pub(crate) async fn run(&self, cx: &Context) {
        loop {
            let term = {
                let state = &mut *self.state.borrow_mut();
                state.take_over_or_stop(cx);
                state.term
            };
            for peer in cx.peers() {
                cx.send(peer, &Outgoing::FirstLive(Heartbeat { term }));
            }
            sleep(HEARTBEAT_INTERVAL).await;
        }
    }
}

impl State {
    fn first_live(&self, cx: &Context) -> NodeId {
        let now = Instant::now();
        let is_live = |node: &&NodeId| match self.heard.get(*node) {
            Some((heard_at, _)) => now < *heard_at + SUSPECT_AFTER,
            None => true,
        };
        let first = cx.nodes().iter().find(is_live);
        first.expect("a node considers itself live").clone()
    }

    /// Begins a term if this node is the first live one, and stops leading if it is not.
    fn take_over_or_stop(&mut self, cx: &Context) {
        if *self.first_live(cx) != *cx.id() {
            self.term = None;
        } else if self.term.is_none() {
            self.highest_term = term_without_disk(cx, self.highest_term);
            self.term = Some(self.highest_term);
        }
    }
}
