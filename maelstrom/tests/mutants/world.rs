//! The networks and faults under which mutants run, each of which exposes some flaws.

use std::fmt;

use eddy::nemesis::{ClockSkew, Delays, Fault, Kill, Loss, Partition, Schedule, Target};
use eddy::net::Latency;
use eddy::simulation::{Simulation, ms, secs};

/// A network and its faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    Calm,
    /// Messages take a random time, 20 ms on average.
    Distance,
    LongDistance,
    Loss,
    /// Messages overtake each other.
    Disorder,
    LossAndDisorder,
    Partitions,
    OneCutOff,
    /// One node at a time is killed. Without latency, all that it has sent before arrives.
    Deaths,
    /// The first node is killed once and restarts after 1 ms. There are no further kills, because a
    /// request during a kill may take effect at any later time, and a few of those explain any
    /// value.
    OneDeath,
    /// Wall clocks step back and forth.
    Clocks,
}

impl World {
    /// Adds the latency and the faults of this world to a simulation.
    pub fn around(self, simulation: Simulation) -> Simulation {
        let simulation = simulation.latency(self.latency());
        self.faults()
            .into_iter()
            .fold(simulation, Simulation::nemesis)
    }

    fn latency(self) -> Latency {
        match self {
            World::Calm | World::Deaths | World::Loss | World::Partitions | World::Clocks => {
                Latency::constant(ms(0))
            }
            World::Distance | World::OneCutOff | World::OneDeath | World::LossAndDisorder => {
                Latency::exponential(ms(20))
            }
            World::Disorder => Latency::exponential(ms(50)),
            World::LongDistance => Latency::exponential(ms(300)),
        }
    }

    fn faults(self) -> Vec<Schedule> {
        match self {
            World::Calm | World::Distance | World::LongDistance => Vec::new(),
            World::Loss => vec![Loss::of(0.3).always()],
            World::Disorder => vec![Delays::of(0.2, secs(2)).always()],
            World::LossAndDisorder => {
                vec![Loss::of(0.2).always(), Delays::of(0.2, ms(900)).always()]
            }
            World::Partitions => vec![Partition::any().every(secs(2))],
            World::OneCutOff => vec![Partition::one().every(secs(2))],
            World::Deaths => vec![Kill::one().every(secs(2))],
            World::OneDeath => vec![Kill::of(Target::Node(0)).between(ms(5_400), ms(5_401))],
            World::Clocks => vec![ClockSkew::up_to_ms(1000).every(ms(300))],
        }
    }
}

impl fmt::Display for World {
    /// Writes the faults and the latency.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.faults().iter().map(Schedule::to_string).collect();
        let latency = self.latency();
        if !latency.mean().is_zero() {
            parts.push(format!("latency {latency}"));
        }
        match parts.is_empty() {
            true => f.write_str("–"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}
