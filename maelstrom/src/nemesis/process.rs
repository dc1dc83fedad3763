//! Faults of the nodes themselves: kills, pauses, and wrong wall clocks.

use std::fmt;

use rand::RngExt;

use super::partition::some_of;
use super::{Action, Fault, FaultContext, FaultRecord};
use crate::edn::Value;
use crate::seed::ChaCha8Rng;

/// The nodes that a fault affects at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// One node.
    One,
    /// Between one node and the largest minority.
    Minority,
    /// The node of this number.
    Node(usize),
}

impl Target {
    fn draw(self, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        match self {
            Target::One => some_of(count, 1, rng),
            Target::Minority => some_of(count, count.saturating_sub(1) / 2, rng),
            Target::Node(node) => vec![node],
        }
    }

    fn name(self) -> Value {
        match self {
            Target::One => Value::keyword("one"),
            Target::Minority => Value::keyword("minority"),
            Target::Node(node) => Value::from(node),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::One => f.write_str("one"),
            Target::Minority => f.write_str("minority"),
            Target::Node(node) => write!(f, "n{node}"),
        }
    }
}

/// Returns the nodes with their state, such as `{"n1" :killed}`.
fn states(cx: &FaultContext<'_>, nodes: &[usize], state: &str) -> Value {
    let entry = |&node: &usize| (Value::from(cx.nodes[node].as_str()), Value::keyword(state));
    Value::Map(nodes.iter().map(entry).collect())
}

/// Kills nodes and starts them again, without their memory.
pub struct Kill {
    target: Target,
    down: Vec<usize>,
}

impl Kill {
    /// Kills these nodes at a time.
    pub fn of(target: Target) -> Kill {
        Kill {
            target,
            down: Vec::new(),
        }
    }

    /// Kills one node at a time.
    pub fn one() -> Kill {
        Kill::of(Target::One)
    }
}

impl Fault for Kill {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.down = self.target.draw(cx.nodes.len(), cx.rng);
        cx.actions
            .extend(self.down.iter().map(|&node| Action::Kill(node)));
        let result = states(cx, &self.down, "killed");
        FaultRecord {
            f: "kill",
            request: self.target.name(),
            result,
        }
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        let down = std::mem::take(&mut self.down);
        cx.actions
            .extend(down.iter().map(|&node| Action::Restart(node)));
        let result = states(cx, &down, "started");
        FaultRecord {
            f: "start",
            request: Value::keyword("all"),
            result,
        }
    }

    fn name(&self) -> String {
        format!("kill {}", self.target)
    }
}

/// Pauses nodes. They keep their memory, and continue as if no time had passed.
pub struct Pause {
    target: Target,
    paused: Vec<usize>,
}

impl Pause {
    /// Pauses these nodes at a time.
    pub fn of(target: Target) -> Pause {
        Pause {
            target,
            paused: Vec::new(),
        }
    }

    /// Pauses one node at a time.
    pub fn one() -> Pause {
        Pause::of(Target::One)
    }
}

impl Fault for Pause {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.paused = self.target.draw(cx.nodes.len(), cx.rng);
        cx.actions
            .extend(self.paused.iter().map(|&node| Action::Pause(node)));
        let result = states(cx, &self.paused, "paused");
        FaultRecord {
            f: "pause",
            request: self.target.name(),
            result,
        }
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        let paused = std::mem::take(&mut self.paused);
        cx.actions
            .extend(paused.iter().map(|&node| Action::Resume(node)));
        let result = states(cx, &paused, "resumed");
        FaultRecord {
            f: "resume",
            request: Value::keyword("all"),
            result,
        }
    }

    fn name(&self) -> String {
        format!("pause {}", self.target)
    }
}

/// Sets the wall clock of each node off by a random amount. Affects simulated nodes only.
pub struct ClockSkew {
    offset_max_ms: i64,
}

impl ClockSkew {
    /// Sets each clock off by up to this many milliseconds, in either direction.
    pub fn up_to_ms(offset_max_ms: i64) -> ClockSkew {
        ClockSkew { offset_max_ms }
    }
}

impl Fault for ClockSkew {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        let mut offsets = Vec::new();
        for (node, name) in cx.nodes.iter().enumerate() {
            let offset = cx
                .rng
                .random_range(-self.offset_max_ms..=self.offset_max_ms);
            cx.actions.push(Action::SetClock(node, offset));
            offsets.push((Value::from(name.as_str()), Value::from(offset)));
        }
        let result = Value::Map(offsets.into_iter().collect());
        FaultRecord {
            f: "bump-clock",
            request: Value::from(self.offset_max_ms),
            result,
        }
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        let nodes = 0..cx.nodes.len();
        cx.actions
            .extend(nodes.map(|node| Action::SetClock(node, 0)));
        FaultRecord {
            f: "reset-clock",
            request: Value::Nil,
            result: Value::keyword("clocks-reset"),
        }
    }

    fn name(&self) -> String {
        format!("clocks ±{} ms", self.offset_max_ms)
    }
}
