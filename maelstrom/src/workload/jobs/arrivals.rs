//! When jobs arrive, where, and how large they are.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution, Exp};
use serde_json::{Value as Json, json};

use crate::edn::Value;
use crate::generator::{Generator, Invocation, Next, Turn};
use crate::seed::ChaCha8Rng;
use crate::workload::Settings;

/// The exponent of the sizes' distribution, a bounded Pareto: the smaller, the heavier its tail.
const TAIL_EXPONENT: f64 = 1.5;
/// The largest job, in units; the smallest has one.
const UNITS_MAX: f64 = 100.0;

/// What a node can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Jobs that it runs at a time.
    pub slots: u64,
    /// Milliseconds that a unit of work takes in a slot.
    pub ms_per_unit: u64,
}

impl Capacity {
    /// The capacity of a node by its number, while no fault slows it down.
    pub fn of_node(number: usize, settings: &Settings) -> Capacity {
        let slots = Capacity::parse_slots(settings.options.text("capacities"));
        let slots = slots.expect("the option was accepted");
        Capacity {
            slots: slots[number % slots.len()],
            ms_per_unit: settings.options.get("ms-per-unit"),
        }
    }

    /// The slots in a list such as `1,4`.
    ///
    /// # Errors
    ///
    /// The list is empty, or not of positive whole numbers.
    pub(super) fn parse_slots(text: &str) -> Result<Vec<u64>, String> {
        let slots = text.split(',').map(|slots| slots.trim().parse().ok());
        let slots: Option<Vec<u64>> = slots.map(|slots| slots.filter(|&n: &u64| n > 0)).collect();
        slots.ok_or_else(|| "must be positive whole numbers, separated by commas: 1,4".to_owned())
    }

    /// The request that tells a node its capacity.
    pub fn request(self) -> Json {
        json!({ "type": "capacity", "slots": self.slots, "ms_per_unit": self.ms_per_unit })
    }

    /// The time that a job of so many units takes.
    pub fn service_time(self, units: u64) -> Duration {
        Duration::from_millis(units * self.ms_per_unit)
    }
}

/// A job that has arrived.
struct Job {
    at: Duration,
    number: u64,
    units: u64,
}

/// A Poisson stream of jobs. Each goes to the first node with the probability of the skew, and else
/// to any other. A job waits for a client thread of its node, if none is free, but counts from its
/// arrival.
pub(super) struct Arrivals {
    nodes: Vec<String>,
    skew: f64,
    /// The time between two jobs; none at a rate of 0, at which there are no jobs.
    gap: Option<Exp<f64>>,
    next_at: Option<Duration>,
    next_job: u64,
    /// Per node the jobs that wait for a client thread.
    waiting: Vec<VecDeque<Job>>,
}

impl Arrivals {
    pub fn new(settings: &Settings) -> Arrivals {
        let slots: u64 = (0..settings.nodes.len())
            .map(|node| Capacity::of_node(node, settings).slots)
            .sum();
        let ms_per_unit: u64 = settings.options.get("ms-per-unit");
        let load: f64 = settings.options.get("load");
        let units_per_second = slots as f64 * 1000.0 / ms_per_unit as f64;
        let rate = load * units_per_second / mean_units();
        Arrivals {
            nodes: settings.nodes.clone(),
            skew: settings.options.get("skew"),
            gap: (settings.rate > 0.0).then(|| Exp::new(rate).expect("the load is positive")),
            next_at: None,
            next_job: 0,
            waiting: settings.nodes.iter().map(|_| VecDeque::new()).collect(),
        }
    }

    /// Draws all arrivals until now. Returns when the next job arrives.
    fn draw(&mut self, now: Duration, rng: &mut ChaCha8Rng) -> Option<Duration> {
        let gap = self.gap?;
        let mut next_at = self.next_at.unwrap_or(now);
        while next_at <= now {
            let others = self.nodes.len() - 1;
            let node = match others == 0 || rng.random_bool(self.skew) {
                true => 0,
                false => rng.random_range(1..=others),
            };
            self.waiting[node].push_back(Job {
                at: next_at,
                number: self.next_job,
                units: draw_units(rng),
            });
            self.next_job += 1;
            next_at += Duration::from_secs_f64(gap.sample(rng));
        }
        self.next_at = Some(next_at);
        self.next_at
    }
}

/// A size from the bounded Pareto distribution, by inversion, rounded up to whole units.
fn draw_units(rng: &mut ChaCha8Rng) -> u64 {
    let u: f64 = rng.random();
    let tail = UNITS_MAX.powf(-TAIL_EXPONENT);
    (1.0 - u * (1.0 - tail))
        .powf(-1.0 / TAIL_EXPONENT)
        .ceil()
        .min(UNITS_MAX) as u64
}

/// The mean of [`draw_units`]: the sum of the probabilities of more than 0, 1, 2, … units.
fn mean_units() -> f64 {
    let tail = UNITS_MAX.powf(-TAIL_EXPONENT);
    let more_than = |units: u64| match units {
        0 => 1.0,
        _ => ((units as f64).powf(-TAIL_EXPONENT) - tail) / (1.0 - tail),
    };
    (0..UNITS_MAX as u64).map(more_than).sum()
}

impl Generator for Arrivals {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let next_at = self.draw(turn.now, turn.rng);
        let count = self.nodes.len();
        for (node, waiting) in self.waiting.iter_mut().enumerate() {
            if waiting.is_empty() {
                continue;
            }
            let mut threads = (node..turn.threads.len()).step_by(count);
            let Some(thread) = threads.find(|&thread| turn.threads.is_free(thread)) else {
                continue;
            };
            let job = waiting.pop_front().expect("a job waits");
            let value = Value::map([
                ("job", format!("j{}", job.number).into()),
                ("units", job.units.into()),
                ("node", self.nodes[node].as_str().into()),
            ]);
            return Next::Invoke {
                thread,
                at: job.at,
                invocation: Invocation::new("job", value),
            };
        }
        Next::Wait(next_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn mean_size_is_that_of_the_drawn_sizes() {
        let mut rng = Seed(7).stream("sizes");
        let sum: u64 = (0..200_000).map(|_| draw_units(&mut rng)).sum();
        let mean = sum as f64 / 200_000.0;
        assert!(
            (mean / mean_units() - 1.0).abs() < 0.02,
            "{mean} {}",
            mean_units()
        );
    }

    #[test]
    fn slots_are_a_list_of_positive_numbers() {
        assert_eq!(Capacity::parse_slots("1, 4"), Ok(vec![1, 4]));
        for text in ["", "0", "1,,2", "x"] {
            assert!(Capacity::parse_slots(text).is_err(), "{text}");
        }
    }
}
