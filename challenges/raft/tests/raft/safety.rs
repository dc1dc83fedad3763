//! The five properties of the paper's Figure 3 and the freshness of reads, under random schedules:
//! lost, duplicated and reordered messages, diverging clocks, slow writes, crashes at any moment,
//! snapshots, and changes of the configuration.

use std::time::Duration;

use crate::cluster::{Cluster, Invariants, Op};
use raft::{Config, Raft};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Number of steps of each schedule.
const STEPS: usize = 3_000;

struct Schedule {
    cluster: Cluster,
    invariants: Invariants,
    rng: ChaCha8Rng,
    proposed: u64,
    reads: u64,
    counts: Counts,
    weights: Weights,
    /// For each server, the side of the partition on which it is.
    sides: Vec<bool>,
}

/// The probabilities of events, drawn for each schedule: a fixed mixture would miss bugs that need
/// an unusual one.
struct Weights {
    /// Relative frequency of deliveries, clock ticks, commands, reads, crashes, and restarts or
    /// snapshots, and changes of the configuration.
    steps: [u32; 7],
    /// Maximum length of a clock tick. Above the election timeout, every tick starts an election.
    tick_max_ms: u64,
    in_order: f64,
    duplicated: f64,
    lost: f64,
    /// Probability of a new partition, or the end of one, in each step.
    partition: f64,
    /// Probability that a server puts out what it has after a step.
    put_out: f64,
    /// Probability that the write of an output is still in progress at the next step.
    slow_write: f64,
}

impl Weights {
    fn draw(rng: &mut ChaCha8Rng, changes_voters: bool) -> Self {
        let mut weight = |most: u32| rng.random_range(1..=most);
        let steps = [
            100,
            weight(60),
            weight(30),
            weight(20),
            weight(8),
            weight(40),
            if changes_voters { weight(60) } else { 0 },
        ];
        Self {
            steps,
            tick_max_ms: [50, 200, 600, 1_500][rng.random_range(0..4)],
            in_order: rng.random_range(0.3..1.0),
            duplicated: rng.random_range(0.0..0.2),
            lost: rng.random_range(0.0..0.2),
            partition: [0.0, 0.003, 0.02][rng.random_range(0..3)],
            put_out: rng.random_range(0.5..1.0),
            slow_write: [0.0, 0.2, 0.8][rng.random_range(0..3)],
        }
    }
}

/// The number of events that occurred, so that no test passes because nothing happened.
#[derive(Debug, Default)]
struct Counts {
    committed: usize,
    reads_served: usize,
    crashes: usize,
    restored: usize,
    prompt_messages: usize,
    interrupted_writes: usize,
    /// Committed configurations.
    configurations: usize,
    /// Leaders that removed themselves.
    removed_leaders: usize,
}

impl Schedule {
    /// Creates a schedule for `size` servers. If `first_voters` are fewer, the configuration changes.
    fn new(size: usize, first_voters: usize, seed: u64) -> Self {
        let config = Config {
            message_bytes_max: 12,
            pipeline_max: 8,
            local_snapshots: seed % 2 == 1,
            ..Config::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            cluster: Cluster::new(size, first_voters, config, seed),
            invariants: Invariants::default(),
            weights: Weights::draw(&mut rng, first_voters < size),
            rng,
            proposed: 0,
            reads: 0,
            counts: Counts::default(),
            sides: vec![false; size],
        }
    }

    fn random_server(&mut self) -> usize {
        self.rng.random_range(0..self.cluster.servers.len())
    }

    fn step(&mut self) {
        if self.rng.random_bool(self.weights.partition) {
            let is_cut = self.rng.random_bool(0.7);
            let sides = self.sides.iter_mut();
            sides.for_each(|side| *side = is_cut && self.rng.random_bool(0.5));
        }
        let weights = self.weights.steps;
        let mut dice = self.rng.random_range(0..weights.iter().sum());
        let mut is = |kind: usize| {
            let hit = dice < weights[kind];
            dice = dice.wrapping_sub(weights[kind]);
            hit
        };
        let i = if is(0) {
            self.deliver()
        } else if is(1) {
            let i = self.random_server();
            let time = self.rng.random_range(1..self.weights.tick_max_ms);
            self.cluster.pass(i, Duration::from_millis(time));
            i
        } else if is(2) {
            self.propose()
        } else if is(3) {
            self.read()
        } else if is(4) {
            self.crash()
        } else if is(5) {
            self.restart_or_compact()
        } else {
            self.change_voters()
        };
        self.counts.prompt_messages += match self.cluster.servers[i].writing {
            Some(_) => self.cluster.send_promptly(i),
            None => 0,
        };
        // Several inputs may arrive before a driver takes the output.
        if self.rng.random_bool(self.weights.put_out) {
            self.finish_write(i);
            self.cluster.begin_write(i);
            if !self.rng.random_bool(self.weights.slow_write) {
                self.finish_write(i);
            }
        }
    }

    /// Stops a server. Records and messages that were not put out are lost.
    fn crash(&mut self) -> usize {
        let i = self.random_server();
        let server = &self.cluster.servers[i];
        self.counts.crashes += usize::from(server.raft.is_some());
        self.counts.interrupted_writes += usize::from(server.writing.is_some());
        let is_written = self.rng.random_bool(0.5);
        self.cluster.crash(i, is_written);
        i
    }

    fn restart_or_compact(&mut self) -> usize {
        let i = self.random_server();
        if self.cluster.servers[i].raft.is_none() {
            self.cluster.start(i);
        } else if self.rng.random_bool(0.3) {
            self.finish_write(i);
            self.put_out(i);
            self.cluster.compact(i);
        }
        i
    }

    fn put_out(&mut self, i: usize) {
        self.cluster.begin_write(i);
        self.finish_write(i);
    }

    fn finish_write(&mut self, i: usize) {
        let output = self.cluster.finish_write(i);
        self.counts.committed += output.committed.len();
        self.counts.reads_served += output.reads.len();
        self.counts.restored += usize::from(output.snapshot.is_some());
        self.invariants.check(&self.cluster, i, &output);
    }

    fn deliver(&mut self) -> usize {
        let network = &mut self.cluster.network;
        if network.is_empty() {
            return 0;
        }
        // Mostly in order, so that exchanges of several messages complete.
        let position = match self.rng.random_bool(self.weights.in_order) {
            true => 0,
            false => self.rng.random_range(0..network.len()),
        };
        let message = match self.rng.random_bool(self.weights.duplicated) {
            true => network[position].clone(),
            false => network.remove(position),
        };
        if network.len() > 200 {
            network.drain(..100);
        }
        let to = message.to;
        let is_cut = self.sides[message.from] != self.sides[to];
        if !is_cut && !self.rng.random_bool(self.weights.lost) {
            self.cluster.deliver(message);
        }
        to
    }

    fn propose(&mut self) -> usize {
        let i = self.random_server();
        self.proposed += 1;
        let op = Op(format!("op {}", self.proposed));
        if let Some(raft) = &mut self.cluster.servers[i].raft
            && raft.propose(op.clone()).is_err()
        {
            raft.forward(vec![op]);
        }
        i
    }

    fn read(&mut self) -> usize {
        let i = self.random_server();
        self.reads += 1;
        self.invariants.ask(self.reads);
        if let Some(raft) = &mut self.cluster.servers[i].raft {
            // A read fails if no leader is known; that is not an error here.
            let _ = raft.read(self.reads);
        }
        i
    }

    /// Lets a leader add a learner, make the learner a voter, or remove a voter. Most attempts are
    /// refused.
    fn change_voters(&mut self) -> usize {
        let (first, other) = (self.random_server(), self.random_server());
        let count = self.cluster.servers.len();
        let leads = |i: &usize| {
            let raft = self.cluster.servers[*i].raft.as_ref();
            raft.is_some_and(Raft::is_leader)
        };
        let mut from_first = (0..count).map(|i| (first + i) % count);
        let i = from_first.find(leads).unwrap_or(first);
        let id = self.cluster.names[other].clone();
        let is_removal = self.rng.random_bool(0.5);
        if let Some(raft) = &mut self.cluster.servers[i].raft {
            if is_removal {
                let is_removed = raft.remove_voter(&id).is_ok();
                self.counts.removed_leaders += usize::from(is_removed && i == other);
            } else if let Some(learner) = raft.learner().cloned() {
                let is_added = raft.add_voter(&learner).is_ok();
                if !is_added && self.rng.random_bool(0.1) {
                    raft.drop_learner();
                }
            } else {
                // A voter is refused; that is not an error here.
                let _ = raft.add_learner(&id);
            }
        }
        i
    }

    /// Returns the servers that vote in the last configuration that any server has committed.
    fn voters(&self) -> Vec<usize> {
        let latest = self.invariants.configurations.values().next_back();
        match latest {
            Some(voters) => voters.iter().map(|it| self.cluster.number(it)).collect(),
            None => (0..self.cluster.first_voters).collect(),
        }
    }

    /// Restarts all servers and delivers all messages: the cluster must then commit a command, and every
    /// server must learn whether it votes.
    fn recover(&mut self) {
        for i in 0..self.cluster.servers.len() {
            if self.cluster.servers[i].raft.is_none() {
                self.cluster.start(i);
            }
            self.finish_write(i);
        }
        self.proposed += 1;
        let last = format!("op {}", self.proposed);
        let mut proposed = false;
        for _ in 0..2_000 {
            for i in 0..self.cluster.servers.len() {
                self.cluster.pass(i, Duration::from_millis(10));
                if !proposed && self.cluster.raft(i).propose(Op(last.clone())).is_ok() {
                    proposed = true;
                }
                self.put_out(i);
            }
            for message in std::mem::take(&mut self.cluster.network) {
                let to = message.to;
                self.cluster.deliver(message);
                self.put_out(to);
            }
            let voters = self.voters();
            let has_last = |i: &usize| self.cluster.servers[*i].state.contains(&last);
            let knows_place = |i: usize| {
                let raft = self.cluster.servers[i].raft.as_ref();
                raft.is_some_and(|raft| raft.is_member() == voters.contains(&i))
            };
            let is_recovered = voters.iter().all(has_last);
            if proposed && is_recovered && (0..self.cluster.servers.len()).all(knows_place) {
                return;
            }
            // The leader may have been replaced before it replicated the command.
            let lost = voters.iter().all(|i| {
                let server = &self.cluster.servers[*i];
                let log = &server.raft.as_ref().expect("all run").persistent().log;
                let mut commands = log.entries().iter().filter_map(|it| it.command.as_ref());
                !server.state.contains(&last) && !commands.any(|op| op.0 == last)
            });
            proposed &= !lost;
        }
        let voters = self.voters();
        let states = self.cluster.servers.iter().map(|it| (&it.raft, it.applied));
        let states: Vec<_> = states.collect();
        panic!("the cluster does not recover: voters {voters:?}, {states:?}");
    }
}

/// Runs schedules for clusters of these sizes, each with the number of servers that vote at first.
fn run_schedules(sizes: &[(usize, usize)], seeds: u64) -> Counts {
    let mut total = Counts::default();
    for &(size, first_voters) in sizes {
        for seed in 0..seeds {
            let mut schedule = Schedule::new(size, first_voters, seed);
            for _ in 0..STEPS {
                schedule.step();
            }
            schedule.recover();
            let counts = schedule.counts;
            total.committed += counts.committed;
            total.reads_served += counts.reads_served;
            total.crashes += counts.crashes;
            total.restored += counts.restored;
            total.prompt_messages += counts.prompt_messages;
            total.interrupted_writes += counts.interrupted_writes;
            total.removed_leaders += counts.removed_leaders;
            total.configurations += schedule.invariants.configurations.len();
        }
    }
    total
}

fn seeds() -> u64 {
    let from_env = std::env::var("EDDY_SEEDS").ok();
    from_env.map_or(20, |text| text.parse().expect("EDDY_SEEDS is a number"))
}

#[test]
fn random_schedules_preserve_safety_in_clusters_of_three_and_five() {
    let total = run_schedules(&[(3, 3), (5, 5)], seeds());
    eprintln!("{total:?}");
    assert!(
        total.committed > 1_000 && total.reads_served > 100,
        "{total:?}"
    );
    assert!(total.crashes > 100 && total.restored > 10, "{total:?}");
    assert!(
        total.prompt_messages > 100 && total.interrupted_writes > 100,
        "{total:?}"
    );
}

#[test]
fn random_schedules_preserve_safety_in_clusters_of_one_two_and_four() {
    let total = run_schedules(&[(1, 1), (2, 2), (4, 4)], seeds());
    eprintln!("{total:?}");
    assert!(
        total.committed > 1_000 && total.reads_served > 100,
        "{total:?}"
    );
}

#[test]
fn random_schedules_preserve_safety_while_the_configuration_changes() {
    let total = run_schedules(&[(3, 1), (4, 2), (5, 3), (6, 4)], seeds());
    eprintln!("{total:?}");
    assert!(
        total.committed > 1_000 && total.reads_served > 100,
        "{total:?}"
    );
    assert!(
        total.configurations > 100 && total.removed_leaders > 10,
        "{total:?}"
    );
}
