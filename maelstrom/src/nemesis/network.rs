//! Faults of the links between nodes, short of a partition.

use std::time::Duration;

use super::{Fault, FaultContext, FaultRecord};
use crate::edn::Value;

/// Loses messages between nodes.
pub struct Loss {
    probability: f64,
}

impl Loss {
    /// Loses each message with this probability.
    pub fn of(probability: f64) -> Loss {
        Loss { probability }
    }
}

impl Fault for Loss {
    fn start(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        arena.faults.borrow_mut().loss = self.probability;
        record("start-loss", self.probability.into())
    }

    fn stop(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        arena.faults.borrow_mut().loss = 0.0;
        record("stop-loss", Value::Nil)
    }

    fn name(&self) -> String {
        format!("loss {}", percent(self.probability))
    }
}

/// Delivers messages between nodes twice.
pub struct Duplication {
    probability: f64,
}

impl Duplication {
    /// Repeats each message with this probability, up to 50 ms later.
    pub fn of(probability: f64) -> Duplication {
        Duplication { probability }
    }
}

impl Fault for Duplication {
    fn start(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        arena.faults.borrow_mut().duplication = self.probability;
        record("start-duplication", self.probability.into())
    }

    fn stop(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        arena.faults.borrow_mut().duplication = 0.0;
        record("stop-duplication", Value::Nil)
    }

    fn name(&self) -> String {
        format!("duplication {}", percent(self.probability))
    }
}

/// Holds some messages between nodes back, so that later ones overtake them.
pub struct Delays {
    probability: f64,
    delay_max: Duration,
}

impl Delays {
    /// Holds each message back with this probability, by up to `delay_max`.
    pub fn of(probability: f64, delay_max: Duration) -> Delays {
        Delays {
            probability,
            delay_max,
        }
    }
}

impl Fault for Delays {
    fn start(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        let mut faults = arena.faults.borrow_mut();
        (faults.delay, faults.delay_max) = (self.probability, self.delay_max);
        record("start-delays", self.probability.into())
    }

    fn stop(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        arena.faults.borrow_mut().delay = 0.0;
        record("stop-delays", Value::Nil)
    }

    fn name(&self) -> String {
        let (share, delay_max) = (percent(self.probability), self.delay_max);
        format!("delays {share} up to {delay_max:?}")
    }
}

/// Makes all links between nodes slower.
pub struct LatencySpike {
    factor: u32,
}

impl LatencySpike {
    /// Latencies are so many times longer.
    pub fn times(factor: u32) -> LatencySpike {
        LatencySpike { factor }
    }
}

impl Fault for LatencySpike {
    fn start(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        arena.faults.borrow_mut().latency_factor = self.factor;
        record("start-latency-spike", self.factor.into())
    }

    fn stop(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord {
        arena.faults.borrow_mut().latency_factor = 0;
        record("stop-latency-spike", Value::Nil)
    }

    fn name(&self) -> String {
        format!("latency ×{}", self.factor)
    }
}

fn record(f: &'static str, request: Value) -> FaultRecord {
    FaultRecord {
        f,
        request,
        result: Value::keyword("done"),
    }
}

fn percent(probability: f64) -> String {
    format!("{:.0} %", 100.0 * probability)
}
