//! Faults of the links between nodes, short of a partition.

use std::time::Duration;

use super::{Fault, FaultContext, FaultRecord};
use crate::edn::Value;
use crate::net::{FaultId, LinkFault};

/// A fault of all links, in force or not.
struct Links {
    fault: LinkFault,
    /// The id of the fault in force; `None` if there is none.
    id: Option<FaultId>,
}

impl Links {
    fn new(fault: LinkFault) -> Links {
        Links { fault, id: None }
    }

    fn start(&mut self, cx: &mut FaultContext<'_>, f: &'static str, shown: Value) -> FaultRecord {
        let id = cx.faults.borrow_mut().add(self.fault);
        if let Some(earlier) = self.id.replace(id) {
            cx.faults.borrow_mut().remove(earlier);
        }
        record(f, shown)
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>, f: &'static str) -> FaultRecord {
        if let Some(id) = self.id.take() {
            cx.faults.borrow_mut().remove(id);
        }
        record(f, Value::Nil)
    }
}

fn record(f: &'static str, request: Value) -> FaultRecord {
    FaultRecord {
        f,
        request,
        result: Value::keyword("done"),
    }
}

/// Loses messages between nodes.
pub struct Loss {
    probability: f64,
    links: Links,
}

impl Loss {
    /// Loses each message with this probability.
    pub fn of(probability: f64) -> Loss {
        Loss {
            probability,
            links: Links::new(LinkFault::Loss(probability)),
        }
    }
}

impl Fault for Loss {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.links.start(cx, "start-loss", self.probability.into())
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.links.stop(cx, "stop-loss")
    }

    fn name(&self) -> String {
        format!("loss {}", percent(self.probability))
    }
}

/// Delivers messages between nodes twice.
pub struct Duplication {
    probability: f64,
    links: Links,
}

impl Duplication {
    /// Repeats each message with this probability, up to 50 ms later.
    pub fn of(probability: f64) -> Duplication {
        Duplication {
            probability,
            links: Links::new(LinkFault::Duplication(probability)),
        }
    }
}

impl Fault for Duplication {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        let shown = self.probability.into();
        self.links.start(cx, "start-duplication", shown)
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.links.stop(cx, "stop-duplication")
    }

    fn name(&self) -> String {
        format!("duplication {}", percent(self.probability))
    }
}

/// Delays some messages between nodes, so that later ones overtake them.
pub struct Delays {
    probability: f64,
    max: Duration,
    links: Links,
}

impl Delays {
    /// Delays each message with this probability, by up to `max`.
    pub fn of(probability: f64, max: Duration) -> Delays {
        Delays {
            probability,
            max,
            links: Links::new(LinkFault::Delay { probability, max }),
        }
    }
}

impl Fault for Delays {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.links
            .start(cx, "start-delays", self.probability.into())
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.links.stop(cx, "stop-delays")
    }

    fn name(&self) -> String {
        let Delays {
            probability, max, ..
        } = self;
        format!("delays {} up to {max:?}", percent(*probability))
    }
}

/// Makes all links between nodes slower.
pub struct LatencySpike {
    factor: u32,
    links: Links,
}

impl LatencySpike {
    /// Multiplies latencies by `factor`.
    pub fn times(factor: u32) -> LatencySpike {
        LatencySpike {
            factor,
            links: Links::new(LinkFault::LatencyFactor(factor)),
        }
    }
}

impl Fault for LatencySpike {
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.links
            .start(cx, "start-latency-spike", self.factor.into())
    }

    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord {
        self.links.stop(cx, "stop-latency-spike")
    }

    fn name(&self) -> String {
        format!("latency ×{}", self.factor)
    }
}

fn percent(probability: f64) -> String {
    format!("{:.0} %", 100.0 * probability)
}
