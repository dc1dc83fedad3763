//! One request for every node, as final phases need it.

use super::{Generator, Invocation, Next, Turn};
use crate::history::{Kind, Operation};

/// Sends one request to every node. A request without an answer is repeated, up to a number of
/// attempts.
///
/// Thread *i* talks to node *i* modulo the number of nodes, so there must be a thread for each node.
pub struct EachNode {
    /// The request for each node, and the number of attempts left.
    questions: Vec<(Invocation, u32)>,
    /// The nodes whose request was not sent yet, or is to be repeated.
    open: Vec<usize>,
}

impl EachNode {
    /// Creates a generator of the request that `ask` returns for each node.
    pub fn new(nodes: &[String], attempts: u32, ask: impl Fn(&str) -> Invocation) -> EachNode {
        EachNode {
            questions: nodes.iter().map(|node| (ask(node), attempts)).collect(),
            open: (0..nodes.len()).rev().collect(),
        }
    }
}

impl Generator for EachNode {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let askable = |&node: &usize| self.questions[node].1 > 0 && turn.threads.is_free(node);
        match self.open.iter().rposition(askable) {
            Some(position) => {
                let node = self.open.remove(position);
                let (question, attempts) = &mut self.questions[node];
                *attempts -= 1;
                Next::Invoke {
                    thread: node,
                    at: turn.now,
                    invocation: question.clone(),
                }
            }
            None if turn.threads.all_free() => Next::Done,
            None => Next::Wait(None),
        }
    }

    fn observe(&mut self, operation: &Operation) {
        if !operation.is_client() || !matches!(operation.kind, Kind::Fail | Kind::Info) {
            return;
        }
        let mut questions = self.questions.iter();
        let node = questions.position(|(question, _)| {
            question.f == operation.f && question.value == operation.value
        });
        self.open.extend(node);
    }
}
