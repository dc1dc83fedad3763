//! Who is asked next.

use super::ask;
use crate::generator::{Generator, Next, Turn};

/// Asks every node in turn. A node whose client threads all wait for an answer is skipped, so that
/// the others are asked at the same rate while one is silent.
pub(super) struct EveryNode {
    nodes: Vec<String>,
    next: usize,
}

impl EveryNode {
    pub fn new(nodes: Vec<String>) -> EveryNode {
        EveryNode { nodes, next: 0 }
    }
}

impl Generator for EveryNode {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let count = self.nodes.len();
        for node in (self.next..self.next + count).map(|node| node % count) {
            let mut threads = (node..turn.threads.len()).step_by(count);
            if let Some(thread) = threads.find(|&thread| turn.threads.is_free(thread)) {
                self.next = node + 1;
                return Next::Invoke {
                    thread,
                    at: turn.now,
                    invocation: ask(&self.nodes[node]),
                };
            }
        }
        Next::Wait(None)
    }
}

/// Asks every node once, in a question that is marked as final.
pub(super) struct OncePerNode {
    nodes: Vec<String>,
    asked: usize,
}

impl OncePerNode {
    pub fn new(nodes: Vec<String>) -> OncePerNode {
        OncePerNode { nodes, asked: 0 }
    }
}

impl Generator for OncePerNode {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let Some(node) = self.nodes.get(self.asked) else {
            return Next::Done;
        };
        // Thread i talks to node i, and all threads are free when the phase begins.
        let thread = self.asked;
        if !turn.threads.is_free(thread) {
            return Next::Wait(None);
        }
        self.asked += 1;
        Next::Invoke {
            thread,
            at: turn.now,
            invocation: ask(node).with("final?", true),
        }
    }
}
