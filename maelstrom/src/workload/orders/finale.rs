//! The final phase: every node is asked for everything.

use std::collections::VecDeque;

use super::generator::{Shared, at_node};
use super::{READS, product};
use crate::edn::Value;
use crate::generator::{Generator, Invocation, Next, Turn};
use crate::history::{Kind, Operation, Process};
use crate::workload::Settings;

/// A question is asked so many times before its answer counts as missing.
const ATTEMPTS_MAX: u32 = 5;

/// Asks every node for the stock and the statistics of every product and the status of every order.
/// A question that is refused or not answered is asked again, a few times.
pub(super) struct Finale {
    nodes: Vec<String>,
    products: u64,
    orders: Shared,
    /// Per node the questions that are left, each with the number of attempts; filled when the phase
    /// begins.
    open: Option<Vec<VecDeque<(Invocation, u32)>>>,
    /// Per thread the question under way.
    asked: Vec<Option<(Invocation, u32)>>,
}

impl Finale {
    pub fn new(settings: &Settings, orders: Shared) -> Finale {
        Finale {
            nodes: settings.nodes.clone(),
            products: settings.options.get("products"),
            orders,
            open: None,
            asked: vec![None; settings.concurrency],
        }
    }

    fn questions(&self) -> VecDeque<(Invocation, u32)> {
        let about = |f: &'static str, key: &'static str, name: String| {
            let question = Invocation::new(f, Value::map([(key, name.into())]));
            (question.with("final?", true), 1)
        };
        let orders = self.orders.borrow();
        let statuses = orders
            .iter()
            .map(|order| about("status", "order", order.clone()));
        let stocks = (0..self.products).map(|number| about("stock", "product", product(number)));
        let statistics =
            (0..self.products).map(|number| about("statistics", "product", product(number)));
        statuses.chain(stocks).chain(statistics).collect()
    }
}

impl Generator for Finale {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        if self.open.is_none() {
            let questions = self.questions();
            self.open = Some(vec![questions; self.nodes.len()]);
        }
        let open = self.open.as_mut().expect("it was just filled");
        let count = open.len();
        let free = (0..turn.threads.len()).filter(|&thread| turn.threads.is_free(thread));
        for thread in free {
            if let Some(question) = open[thread % count].pop_front() {
                let invocation = question.0.clone();
                self.asked[thread] = Some(question);
                return Next::Invoke {
                    thread,
                    at: turn.now,
                    invocation: at_node(invocation, thread, &self.nodes),
                };
            }
        }
        match turn.threads.all_free() {
            true => Next::Done,
            false => Next::Wait(None),
        }
    }

    fn observe(&mut self, operation: &Operation) {
        let (Process::Client(process), true) = (operation.process, operation.kind != Kind::Invoke)
        else {
            return;
        };
        if !READS.contains(&&*operation.f) {
            return;
        }
        // A process is its thread, plus a multiple of the number of threads.
        let thread = (process % self.asked.len() as u64) as usize;
        let Some((question, attempts)) = self.asked[thread].take() else {
            return;
        };
        let unanswered = operation.kind != Kind::Ok && operation.exception.is_none();
        if unanswered && attempts < ATTEMPTS_MAX {
            let open = self.open.as_mut().expect("the phase has begun");
            let node = thread % open.len();
            open[node].push_back((question, attempts + 1));
        }
    }
}
