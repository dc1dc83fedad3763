//! The kinds of faults that a swarm draws from, with their severity and times.

use std::time::Duration;

use rand::RngExt;

use super::{Totals, ms};
use crate::nemesis::{
    ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, Pause, Schedule, Target,
};
use crate::seed::ChaCha8Rng;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// Some nodes do not hear others.
    Partition,
    /// One node does not hear another, which hears it.
    OneWay,
    /// Messages are lost.
    Loss,
    /// Messages arrive twice.
    Duplication,
    /// Messages are overtaken by later ones.
    Delays,
    /// Nodes are killed, and started again without their memory.
    Kill,
    /// Nodes stop, and continue with their memory.
    Pause,
    /// Wall clocks are wrong.
    ClockSkew,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [FaultKind; 8] = [
        FaultKind::Partition,
        FaultKind::OneWay,
        FaultKind::Loss,
        FaultKind::Duplication,
        FaultKind::Delays,
        FaultKind::Kill,
        FaultKind::Pause,
        FaultKind::ClockSkew,
    ];

    /// The kinds that affect messages between nodes.
    pub const OF_LINKS: [FaultKind; 5] = [
        FaultKind::Partition,
        FaultKind::OneWay,
        FaultKind::Loss,
        FaultKind::Duplication,
        FaultKind::Delays,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            FaultKind::Partition => "partition",
            FaultKind::OneWay => "one-way partition",
            FaultKind::Loss => "loss",
            FaultKind::Duplication => "duplication",
            FaultKind::Delays => "delays",
            FaultKind::Kill => "kill",
            FaultKind::Pause => "pause",
            FaultKind::ClockSkew => "clock skew",
        }
    }

    /// Returns how often it had an effect.
    pub(super) fn effects(self, tally: &Totals) -> u64 {
        match self {
            FaultKind::Partition | FaultKind::OneWay => tally.dropped,
            FaultKind::Loss => tally.lost,
            FaultKind::Duplication => tally.duplicated,
            FaultKind::Delays => tally.delayed,
            FaultKind::Kill => tally.kills,
            FaultKind::Pause => tally.pauses,
            FaultKind::ClockSkew => tally.clock_bumps,
        }
    }

    /// Draws its severity and its times: by turns, or once, before `end`.
    pub(super) fn draw(self, end: Duration, rng: &mut ChaCha8Rng) -> ScheduledFault {
        let end_ms = end.as_millis() as u64;
        let severity = rng.random::<f64>();
        let timing = if rng.random_ratio(2, 3) {
            Timing::Every(ms(rng.random_range(500..=1000.max(end_ms / 3))))
        } else {
            let from = rng.random_range(0..=end_ms / 2);
            Timing::Between(ms(from), ms(from + rng.random_range(1..=end_ms / 2)))
        };
        ScheduledFault {
            kind: self,
            severity,
            timing,
        }
    }
}

/// A kind of fault with the severity and the times that were drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScheduledFault {
    pub(super) kind: FaultKind,
    /// From 0, which has hardly any effect, to 1.
    severity: f64,
    timing: Timing,
}

#[derive(Clone, Copy, Debug)]
enum Timing {
    Every(Duration),
    Between(Duration, Duration),
}

impl ScheduledFault {
    pub(super) fn schedule(&self) -> Schedule {
        // In whole percents and milliseconds, so that what is printed is what was drawn.
        let percents = |max: f64| (1.0 + self.severity * (max - 1.0)).round() / 100.0;
        let millis = |max: f64| (10.0 + self.severity * (max - 10.0)).round();
        let target = match self.severity < 0.5 {
            true => Target::One,
            false => Target::Minority,
        };
        match self.kind {
            FaultKind::Partition => self.timed(Partition::any()),
            FaultKind::OneWay => self.timed(Partition::one_way()),
            FaultKind::Loss => self.timed(Loss::of(percents(20.0))),
            FaultKind::Duplication => self.timed(Duplication::of(percents(30.0))),
            FaultKind::Delays => {
                let delay_max = ms(millis(1000.0) as u64);
                self.timed(Delays::of(percents(30.0), delay_max))
            }
            FaultKind::Kill => self.timed(Kill::of(target)),
            FaultKind::Pause => self.timed(Pause::of(target)),
            FaultKind::ClockSkew => self.timed(ClockSkew::up_to_ms(millis(5000.0) as i64)),
        }
    }

    fn timed(&self, fault: impl Fault + 'static) -> Schedule {
        match self.timing {
            Timing::Every(interval) => fault.every(interval),
            Timing::Between(from, to) => fault.between(from, to),
        }
    }
}
