//! What can go wrong in a swarm, and how badly.

use std::time::Duration;

use rand::RngExt;

use super::{Tally, ms};
use crate::nemesis::{
    ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, Pause, Schedule, Target,
};
use crate::seed::ChaCha8Rng;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hazard {
    /// The network falls apart.
    Partition,
    /// A node does not hear another.
    OneWay,
    /// Messages are lost.
    Loss,
    /// Messages come twice.
    Duplication,
    /// Messages are overtaken.
    Delays,
    /// Nodes die, and come back without memory.
    Kill,
    /// Nodes stop, and go on without noticing.
    Pause,
    /// Wall clocks are wrong.
    ClockSkew,
}

impl Hazard {
    /// All of them.
    pub const ALL: [Hazard; 8] = [
        Hazard::Partition,
        Hazard::OneWay,
        Hazard::Loss,
        Hazard::Duplication,
        Hazard::Delays,
        Hazard::Kill,
        Hazard::Pause,
        Hazard::ClockSkew,
    ];

    /// Those that befall messages between nodes.
    pub const OF_LINKS: [Hazard; 5] = [
        Hazard::Partition,
        Hazard::OneWay,
        Hazard::Loss,
        Hazard::Duplication,
        Hazard::Delays,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Hazard::Partition => "partition",
            Hazard::OneWay => "one-way partition",
            Hazard::Loss => "loss",
            Hazard::Duplication => "duplication",
            Hazard::Delays => "delays",
            Hazard::Kill => "kill",
            Hazard::Pause => "pause",
            Hazard::ClockSkew => "clock skew",
        }
    }

    /// How often it struck in some runs.
    pub(super) fn strikes(self, tally: &Tally) -> u64 {
        match self {
            Hazard::Partition | Hazard::OneWay => tally.dropped,
            Hazard::Loss => tally.lost,
            Hazard::Duplication => tally.duplicated,
            Hazard::Delays => tally.delayed,
            Hazard::Kill => tally.kills,
            Hazard::Pause => tally.pauses,
            Hazard::ClockSkew => tally.clock_bumps,
        }
    }

    /// How badly it strikes, and when: by turns, or once, before `end`.
    pub(super) fn draw(self, end: Duration, dice: &mut ChaCha8Rng) -> Threat {
        let end_ms = end.as_millis() as u64;
        let severity = dice.random::<f64>();
        let timing = if dice.random_ratio(2, 3) {
            Timing::Every(ms(dice.random_range(500..=1000.max(end_ms / 3))))
        } else {
            let from = dice.random_range(0..=end_ms / 2);
            Timing::Between(ms(from), ms(from + dice.random_range(1..=end_ms / 2)))
        };
        Threat {
            hazard: self,
            severity,
            timing,
        }
    }
}

/// A hazard, as drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threat {
    pub(super) hazard: Hazard,
    /// Between 0, which is hardly worth mentioning, and 1.
    severity: f64,
    timing: Timing,
}

#[derive(Clone, Copy, Debug)]
enum Timing {
    Every(Duration),
    Between(Duration, Duration),
}

impl Threat {
    pub(super) fn schedule(&self) -> Schedule {
        // In whole percents and milliseconds, so that what is printed is what was drawn.
        let percents = |max: f64| (1.0 + self.severity * (max - 1.0)).round() / 100.0;
        let millis = |max: f64| (10.0 + self.severity * (max - 10.0)).round();
        let target = match self.severity < 0.5 {
            true => Target::One,
            false => Target::Minority,
        };
        match self.hazard {
            Hazard::Partition => self.timed(Partition::any()),
            Hazard::OneWay => self.timed(Partition::one_way()),
            Hazard::Loss => self.timed(Loss::of(percents(20.0))),
            Hazard::Duplication => self.timed(Duplication::of(percents(30.0))),
            Hazard::Delays => {
                let delay_max = ms(millis(1000.0) as u64);
                self.timed(Delays::of(percents(30.0), delay_max))
            }
            Hazard::Kill => self.timed(Kill::of(target)),
            Hazard::Pause => self.timed(Pause::of(target)),
            Hazard::ClockSkew => self.timed(ClockSkew::up_to_ms(millis(5000.0) as i64)),
        }
    }

    fn timed(&self, fault: impl Fault + 'static) -> Schedule {
        match self.timing {
            Timing::Every(interval) => fault.every(interval),
            Timing::Between(from, to) => fault.between(from, to),
        }
    }
}
