//! Runs whose very configuration is drawn from the seed.
//!
//! A scenario written by hand tests what its author thought of. A swarm draws the rest: the size of
//! the cluster, the load, the network, and a *subset* of the faults, since a fault that is always
//! there hides what happens without it (swarm testing: Groce et al., ISSTA 2012).
//!
//! ```no_run
//! # use eddy::workload::GSet;
//! # use eddy::simulation::{FaultKind, Swarm};
//! # use glomers::Context;
//! # fn make(_: &Context) -> impl glomers::Node + use<> { Silent }
//! # struct Silent;
//! # impl glomers::Node for Silent {
//! #     type Request = serde_json::Value;
//! #     type Reply = ();
//! #     async fn handle(&self, _: serde_json::Value, _: &Context) -> glomers::Result<()> { Ok(()) }
//! # }
//! Swarm::of(GSet)
//!     .nodes(2..=9)
//!     .without(&[FaultKind::Kill])
//!     .for_each(20, |drawn| drawn.simulation().nodes(drawn.nodes, make).run(drawn.load()).assert_valid());
//! ```

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;

use super::fault_kind::{FaultKind, ScheduledFault};
use super::{Load, Run, Simulation, for_seeds, ms, secs};
use crate::net::Latency;
use crate::seed::{ChaCha8Rng, Seed};
use crate::workload::{AnyWorkload, Workload};

/// A kind that this many configurations contain must have an effect in some of them.
const DRAWN_OFTEN: usize = 5;

/// The ranges that configurations are drawn from.
#[derive(Clone, Debug)]
pub struct Swarm {
    workload: AnyWorkload,
    nodes: RangeInclusive<usize>,
    clients_per_node: RangeInclusive<usize>,
    rate: RangeInclusive<f64>,
    latency_max: Duration,
    time_limit: Duration,
    fault_free_tail: Duration,
    kinds: Vec<FaultKind>,
}

impl Swarm {
    /// Creates a swarm of one to seven nodes with up to three clients each, 10 to 100 operations per
    /// second for 15 s, of which the last 5 s are free of faults, latencies of any distribution with a
    /// mean of up to 100 ms, and every kind of fault.
    pub fn of(workload: impl Workload + 'static) -> Swarm {
        Swarm {
            workload: Arc::new(workload),
            nodes: 1..=7,
            clients_per_node: 1..=3,
            rate: 10.0..=100.0,
            latency_max: ms(100),
            time_limit: secs(15),
            fault_free_tail: secs(5),
            kinds: FaultKind::ALL.to_vec(),
        }
    }

    /// Sets how many nodes there may be.
    pub fn nodes(self, nodes: RangeInclusive<usize>) -> Swarm {
        Swarm { nodes, ..self }
    }

    /// Sets how many clients each node may have.
    pub fn clients_per_node(self, clients_per_node: RangeInclusive<usize>) -> Swarm {
        Swarm {
            clients_per_node,
            ..self
        }
    }

    /// Sets how many operations per second there may be, over all clients.
    pub fn rate(self, rate: RangeInclusive<f64>) -> Swarm {
        Swarm { rate, ..self }
    }

    /// Sets the largest mean latency of messages between servers.
    pub fn latency_up_to(self, latency_max: Duration) -> Swarm {
        Swarm {
            latency_max,
            ..self
        }
    }

    /// Sets how long the main phase lasts, and how much of its end is free of faults.
    pub fn time_limit(self, time_limit: Duration, fault_free_tail: Duration) -> Swarm {
        Swarm {
            time_limit,
            fault_free_tail,
            ..self
        }
    }

    /// Leaves out kinds of faults that the nodes do not claim to survive.
    pub fn without(mut self, kinds: &[FaultKind]) -> Swarm {
        self.kinds.retain(|kind| !kinds.contains(kind));
        self
    }

    /// Draws the configuration of a seed.
    pub fn draw(&self, seed: Seed) -> Configuration {
        let mut rng = seed.stream("configuration");
        let nodes = rng.random_range(self.nodes.clone());
        let clients_per_node = rng.random_range(self.clients_per_node.clone());
        let rate = rng.random_range(self.rate.clone()).round();
        let latency_max_ms = self.latency_max.as_millis() as u64;
        let mean = ms(rng.random_range(0..=latency_max_ms));
        let latency = match rng.random_range(0..3) {
            0 => Latency::constant(mean),
            1 => Latency::uniform(mean),
            _ => Latency::exponential(mean),
        };
        let faults_end = self.time_limit.saturating_sub(self.fault_free_tail);
        let faults = self.kinds.iter().filter_map(|kind| {
            // A stream of its own, so that one kind more or less does not change the others.
            let mut rng = seed.stream(kind.name());
            let is_there: bool = rng.random();
            is_there.then(|| kind.draw(faults_end, &mut rng))
        });
        Configuration {
            seed,
            nodes,
            latency,
            faults: faults.collect(),
            records_all_messages: false,
            workload: self.workload.clone(),
            clients: nodes * clients_per_node,
            rate,
            time_limit: self.time_limit,
            fault_free_tail: self.fault_free_tail,
        }
    }

    /// Runs a scenario for the configuration of each seed, by default for this many seeds.
    ///
    /// # Panics
    ///
    /// If the scenario does, or if a kind of fault was drawn several times and never had an effect.
    pub fn for_each(&self, seeds: u64, scenario: impl Fn(&Configuration) + Sync) {
        let drawn: Mutex<BTreeMap<FaultKind, usize>> = Mutex::default();
        let total = for_seeds(seeds, |seed| {
            let configuration = self.draw(seed);
            let mut drawn_so_far = drawn.lock().expect("counting does not panic");
            for fault in &configuration.faults {
                *drawn_so_far.entry(fault.kind).or_default() += 1;
            }
            drop(drawn_so_far);
            scenario(&configuration);
        });
        for (kind, count) in drawn.into_inner().expect("counting does not panic") {
            assert!(
                count < DRAWN_OFTEN || kind.effects(&total) > 0,
                "{} was drawn {count} times and never had an effect: {total}",
                kind.name()
            );
        }
    }

    /// Checks that two runs of a seed are the same, message for message. They are if nodes use only
    /// their own randomness and clocks.
    ///
    /// # Panics
    ///
    /// If two runs of a seed differ; the message names the first difference.
    pub fn assert_repeatable(&self, seeds: u64, run: impl Fn(&Configuration) -> Run + Sync) {
        for_seeds(seeds, |seed| {
            let configuration = Configuration {
                records_all_messages: true,
                ..self.draw(seed)
            };
            let first = run(&configuration);
            assert!(!first.journal().events().is_empty(), "no message was sent");
            first.assert_same(&run(&configuration));
        });
    }
}

/// The configuration of one seed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Configuration {
    /// The seed.
    pub seed: Seed,
    /// How many nodes there are.
    pub nodes: usize,
    latency: Latency,
    faults: Vec<ScheduledFault>,
    records_all_messages: bool,
    workload: AnyWorkload,
    clients: usize,
    rate: f64,
    time_limit: Duration,
    fault_free_tail: Duration,
}

impl Configuration {
    /// Returns the simulation, to which nodes must be added.
    pub fn simulation(&self) -> Simulation {
        let mut simulation = Simulation::new(self.seed).latency(self.latency);
        if self.records_all_messages {
            simulation = simulation.record_all_messages();
        }
        let schedules = self.faults.iter().map(ScheduledFault::schedule);
        schedules.fold(simulation, Simulation::nemesis)
    }

    /// Returns what the clients do.
    pub fn load(&self) -> Load {
        self.load_like(Load::of_any(self.workload.clone()))
    }

    /// Returns a load that is like another in everything that was not drawn.
    pub fn load_like(&self, load: Load) -> Load {
        load.concurrency(self.clients)
            .rate(self.rate)
            .time_limit(self.time_limit)
            .fault_free_tail(self.fault_free_tail)
    }

    /// Returns the randomness for whatever else the scenario draws.
    pub fn rng(&self) -> ChaCha8Rng {
        self.seed.stream("scenario")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::GSet;

    fn faults(swarm: &Swarm, seed: u64) -> Vec<String> {
        let drawn = swarm.draw(Seed(seed));
        let schedules = drawn.faults.iter().map(ScheduledFault::schedule);
        schedules.map(|schedule| schedule.to_string()).collect()
    }

    #[test]
    fn every_kind_is_drawn_about_half_of_the_time() {
        let swarm = Swarm::of(GSet);
        let mut drawn: BTreeMap<FaultKind, usize> = BTreeMap::new();
        for seed in 0..400 {
            for fault in swarm.draw(Seed(seed)).faults {
                *drawn.entry(fault.kind).or_default() += 1;
            }
        }
        assert_eq!(drawn.len(), FaultKind::ALL.len());
        assert!(
            drawn.values().all(|count| (150..250).contains(count)),
            "{drawn:?}"
        );
    }

    #[test]
    fn kind_that_is_left_out_is_not_drawn_and_the_rest_is_the_same() {
        let all = Swarm::of(GSet);
        let some = all.clone().without(&[FaultKind::Loss]);
        for seed in 0..50 {
            let mut expected = faults(&all, seed);
            expected.retain(|fault| !fault.starts_with("loss"));
            assert_eq!(faults(&some, seed), expected);
        }
    }

    #[test]
    fn configurations_stay_within_their_bounds_and_differ() {
        let swarm = Swarm::of(GSet)
            .nodes(2..=4)
            .rate(20.0..=30.0)
            .latency_up_to(ms(50));
        let mut sizes = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let drawn = swarm.draw(Seed(seed));
            sizes.insert(drawn.nodes);
            assert!(drawn.latency.mean() <= ms(50));
            assert!((20.0..=30.0).contains(&drawn.rate));
        }
        assert_eq!(sizes, (2..=4).collect());
    }
}
