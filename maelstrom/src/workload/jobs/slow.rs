//! The fault `slow`: a node gets several times slower for a while.

use rand::seq::IteratorRandom;

use super::Capacity;
use crate::edn::Value;
use crate::nemesis::{Action, Fault, FaultContext, FaultRecord};
use crate::workload::Settings;

/// A slow node takes so many times longer for a unit of work.
const FACTOR: u64 = 5;

/// Makes one node at a time slower, and tells it so with a `capacity` request.
#[derive(Clone, Debug)]
pub struct Slow {
    capacities: Vec<Capacity>,
    slow: Option<usize>,
}

impl Slow {
    /// The fault for nodes with these settings.
    pub fn new(settings: &Settings) -> Slow {
        let nodes = 0..settings.nodes.len();
        Slow {
            capacities: nodes
                .map(|node| Capacity::of_node(node, settings))
                .collect(),
            slow: None,
        }
    }

    fn tell(&self, node: usize, factor: u64, context: &mut FaultContext<'_>) -> Value {
        let Capacity { slots, ms_per_unit } = self.capacities[node];
        let capacity = Capacity {
            slots,
            ms_per_unit: ms_per_unit * factor,
        };
        context
            .actions
            .push(Action::Request(node, capacity.request()));
        let name = Value::from(context.nodes[node].as_str());
        Value::Map([(name, factor.into())].into())
    }
}

impl Fault for Slow {
    fn start(&mut self, context: &mut FaultContext<'_>) -> FaultRecord {
        let node = (0..self.capacities.len()).choose(context.rng);
        let node = node.expect("a cluster has nodes");
        self.slow = Some(node);
        FaultRecord {
            f: "slow",
            request: Value::keyword("one"),
            result: self.tell(node, FACTOR, context),
        }
    }

    fn stop(&mut self, context: &mut FaultContext<'_>) -> FaultRecord {
        let result = match self.slow.take() {
            Some(node) => self.tell(node, 1, context),
            None => Value::Nil,
        };
        FaultRecord {
            f: "recover-speed",
            request: Value::keyword("all"),
            result,
        }
    }

    fn name(&self) -> String {
        format!("slow one, {FACTOR} times")
    }
}
