//! The five properties of the paper's Figure 3, and those of reads, under random schedules:
//! messages lost, doubled and reordered, clocks that run apart, crashes at any moment, snapshots.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, Invariants, Op};
use raft::Config;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Steps per schedule.
const STEPS: usize = 3_000;

struct Schedule {
    cluster: Cluster,
    invariants: Invariants,
    rng: ChaCha8Rng,
    proposed: u64,
    reads: u64,
    tally: Tally,
    mood: Mood,
}

/// How often what happens: drawn anew for each schedule, since bugs hide from a steady mixture.
struct Mood {
    /// Of 100 steps: messages handed over, clocks moved, commands, reads, crashes and restarts.
    weights: [u32; 6],
    /// How far a clock moves at most. Beyond the election timeout, there is always an election.
    tick_max_ms: u64,
    in_order: f64,
    doubled: f64,
    lost: f64,
}

impl Mood {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let mut weight = |most: u32| rng.random_range(1..=most);
        let weights = [
            100,
            weight(60),
            weight(30),
            weight(20),
            weight(8),
            weight(40),
        ];
        Self {
            weights,
            tick_max_ms: [50, 200, 600, 1_500][rng.random_range(0..4)],
            in_order: rng.random_range(0.3..1.0),
            doubled: rng.random_range(0.0..0.2),
            lost: rng.random_range(0.0..0.2),
        }
    }
}

/// What happened: a schedule in which nothing does proves nothing.
#[derive(Debug, Default)]
struct Tally {
    committed: usize,
    reads_served: usize,
    crashes: usize,
    restored: usize,
}

impl Schedule {
    fn new(size: usize, seed: u64) -> Self {
        let config = Config {
            message_bytes_max: 12,
            pipeline_max: 8,
            ..Config::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            cluster: Cluster::new(size, config, seed),
            invariants: Invariants::default(),
            mood: Mood::draw(&mut rng),
            rng,
            proposed: 0,
            reads: 0,
            tally: Tally::default(),
        }
    }

    fn some_server(&mut self) -> usize {
        self.rng.random_range(0..self.cluster.servers.len())
    }

    fn step(&mut self) {
        let weights = self.mood.weights;
        let mut dice = self.rng.random_range(0..weights.iter().sum());
        let mut is = |kind: usize| {
            let hit = dice < weights[kind];
            dice = dice.wrapping_sub(weights[kind]);
            hit
        };
        let i = if is(0) {
            self.deliver()
        } else if is(1) {
            let i = self.some_server();
            let time = self.rng.random_range(1..self.mood.tick_max_ms);
            self.cluster.pass(i, Duration::from_millis(time));
            i
        } else if is(2) {
            self.propose()
        } else if is(3) {
            self.read()
        } else if is(4) {
            self.crash()
        } else {
            self.restart_or_compact()
        };
        // A driver takes its time, so that several things happen in one turn.
        if self.rng.random_bool(0.7) {
            self.put_out(i);
        }
    }

    /// Whatever has not been put out is lost: records, messages, everything.
    fn crash(&mut self) -> usize {
        let i = self.some_server();
        self.tally.crashes += usize::from(self.cluster.servers[i].raft.is_some());
        self.cluster.crash(i);
        i
    }

    fn restart_or_compact(&mut self) -> usize {
        let i = self.some_server();
        if self.cluster.servers[i].raft.is_none() {
            self.cluster.start(i);
        } else if self.rng.random_bool(0.3) {
            self.put_out(i);
            self.cluster.compact(i);
        }
        i
    }

    fn put_out(&mut self, i: usize) {
        let output = self.cluster.put_out(i);
        self.tally.committed += output.committed.len();
        self.tally.reads_served += output.reads.len();
        self.tally.restored += usize::from(output.snapshot.is_some());
        self.invariants.check(&self.cluster, i, &output);
    }

    fn deliver(&mut self) -> usize {
        let network = &mut self.cluster.network;
        if network.is_empty() {
            return 0;
        }
        // Mostly in order, or nothing would ever come to an end.
        let position = match self.rng.random_bool(self.mood.in_order) {
            true => 0,
            false => self.rng.random_range(0..network.len()),
        };
        let message = match self.rng.random_bool(self.mood.doubled) {
            true => network[position].clone(),
            false => network.remove(position),
        };
        if network.len() > 200 {
            network.drain(..100);
        }
        let to = message.to;
        if !self.rng.random_bool(self.mood.lost) {
            self.cluster.deliver(message);
        }
        to
    }

    fn propose(&mut self) -> usize {
        let i = self.some_server();
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
        let i = self.some_server();
        self.reads += 1;
        self.invariants.ask(self.reads);
        if let Some(raft) = &mut self.cluster.servers[i].raft {
            // Without a leader there is nobody to ask.
            let _ = raft.read(self.reads);
        }
        i
    }

    /// Everything works again: then the cluster must, too.
    fn recover(&mut self) {
        for i in 0..self.cluster.servers.len() {
            if self.cluster.servers[i].raft.is_none() {
                self.cluster.start(i);
            }
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
            let states = self.cluster.servers.iter().map(|server| &server.state);
            if proposed && states.clone().all(|state| state.contains(&last)) {
                return;
            }
            // A leader of the last minute may have lost the proposal with its office.
            let lost = self.cluster.servers.iter().all(|server| {
                let log = &server.raft.as_ref().expect("all run").persistent().log;
                !server.state.contains(&last)
                    && !log
                        .entries()
                        .iter()
                        .any(|e| e.command == Some(Op(last.clone())))
            });
            proposed &= !lost;
        }
        panic!("the cluster does not recover");
    }
}

fn schedules(sizes: &[usize], seeds: u64) -> Tally {
    let mut total = Tally::default();
    for &size in sizes {
        for seed in 0..seeds {
            let mut schedule = Schedule::new(size, seed);
            for _ in 0..STEPS {
                schedule.step();
            }
            schedule.recover();
            total.committed += schedule.tally.committed;
            total.reads_served += schedule.tally.reads_served;
            total.crashes += schedule.tally.crashes;
            total.restored += schedule.tally.restored;
        }
    }
    total
}

fn seeds() -> u64 {
    let from_env = std::env::var("EDDY_SEEDS").ok();
    from_env.map_or(20, |text| text.parse().expect("EDDY_SEEDS is a number"))
}

#[test]
fn whatever_the_schedule_logs_agree_states_agree_and_reads_are_never_stale() {
    let total = schedules(&[3, 5], seeds());
    eprintln!("{total:?}");
    assert!(
        total.committed > 1_000 && total.reads_served > 100,
        "{total:?}"
    );
    assert!(total.crashes > 100 && total.restored > 10, "{total:?}");
}

#[test]
fn clusters_of_one_two_and_four_are_no_exception() {
    let total = schedules(&[1, 2, 4], seeds());
    eprintln!("{total:?}");
    assert!(
        total.committed > 1_000 && total.reads_served > 100,
        "{total:?}"
    );
}
