//! Brokers, the messages between them, and their calls of lin-kv, in steps of a millisecond.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::faults::FaultRates;
use crate::Settings;
use crate::broker::Broker;
use crate::journal::Entry;
use crate::leadership::{Leadership, Member, Proposal};
use crate::wire::{Appended, Batch};

/// A compare-and-set of a leadership in lin-kv. It may take effect after its caller was killed.
pub struct LinKvCall {
    caller: Member,
    pub proposal: Proposal,
    /// When it takes effect, and after that when its reply arrives.
    at: Instant,
    /// The record in force, or `None` for an error, once the call has taken effect.
    reply: Option<Option<Leadership>>,
}

/// A message on its way.
struct InFlight {
    arrives_at: Instant,
    from: usize,
    to: usize,
    json: String,
}

/// Counts of the events that tests must provoke.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub kills: u64,
    /// Changes of leaderships.
    pub changes: u64,
    /// Changes by which a node got in sync.
    pub joins: u64,
    /// Batches from before a join that arrived after one that announced it, while entries of the
    /// latter were uncommitted.
    pub overtaken_by_join: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.changes += other.changes;
        self.joins += other.joins;
        self.overtaken_by_join += other.overtaken_by_join;
    }
}

pub struct World {
    pub rng: ChaCha8Rng,
    pub now: Instant,
    pub rates: FaultRates,
    settings: Settings,
    /// `None` while a node is down.
    pub brokers: Vec<Option<Broker>>,
    pub incarnations: Vec<u64>,
    pub restart_at: Vec<Instant>,
    pub planned_kills: Vec<(Instant, usize)>,
    network: Vec<InFlight>,
    /// Pairs of a sender and a receiver whose messages are dropped.
    pub cuts: Vec<(usize, usize)>,
    /// The leadership of each shard that is in force.
    pub lin_kv: Vec<Leadership>,
    pub lin_kv_calls: Vec<LinKvCall>,
    /// For each shard, all entries that any broker ever committed.
    pub committed: Vec<Vec<Entry>>,
    /// Key, message and reply channel of unanswered sends.
    pub sends: Vec<(String, u64, oneshot::Receiver<u64>)>,
    /// The messages that were acknowledged, by key and offset.
    pub acknowledged: BTreeMap<String, BTreeMap<u64, u64>>,
    /// By receiver and shard, the leadership's version and the end of the longest batch that
    /// announced a join under it.
    announced: BTreeMap<(Member, usize), (u64, usize)>,
    pub counts: Counts,
}

impl World {
    pub fn new(seed: u64, nodes: usize, replicas: usize, rates: FaultRates) -> Self {
        let now = Instant::now();
        let settings = Settings {
            replicas,
            ..Settings::default()
        };
        let broker = |node| {
            let mut broker = Broker::new(node, nodes, settings);
            broker.start(1, now);
            Some(broker)
        };
        let initial = |shard| Leadership::initial(shard, nodes, replicas);
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now,
            rates,
            settings,
            brokers: (0..nodes).map(broker).collect(),
            incarnations: vec![1; nodes],
            restart_at: vec![now; nodes],
            planned_kills: Vec::new(),
            network: Vec::new(),
            cuts: Vec::new(),
            lin_kv: (0..nodes).map(initial).collect(),
            lin_kv_calls: Vec::new(),
            committed: vec![Vec::new(); nodes],
            sends: Vec::new(),
            acknowledged: BTreeMap::new(),
            announced: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Advances by a millisecond, in which each client sends with probability `send_rate`.
    pub fn step(&mut self, send_rate: f64) {
        self.now += Duration::from_millis(1);
        self.disturb();
        for node in 0..self.brokers.len() {
            if self.brokers[node].is_none() && self.restart_at[node] <= self.now {
                self.incarnations[node] += 1;
                let mut broker = Broker::new(node, self.brokers.len(), self.settings);
                broker.start(self.incarnations[node], self.now);
                self.brokers[node] = Some(broker);
            }
            if self.rng.random_bool(send_rate) {
                self.send(node);
            }
            if let Some(broker) = &mut self.brokers[node]
                && broker.wake_at() <= self.now
            {
                broker.handle_timers(self.now);
            }
            self.take_output(node);
        }
        self.deliver();
        self.serve_lin_kv();
        self.check();
    }

    fn send(&mut self, node: usize) {
        if let Some(broker) = &mut self.brokers[node] {
            let key = self.rng.random_range(0..8).to_string();
            let msg = self.rng.next_u64() >> 12;
            let (_, offset) = broker.submit(key.as_str().into(), msg.into(), self.now);
            self.sends.push((key, msg, offset));
        }
    }

    /// Sends the messages and the proposals of a broker.
    fn take_output(&mut self, node: usize) {
        let Some(broker) = &mut self.brokers[node] else {
            return;
        };
        let due = broker.take_due(self.now);
        let proposals: Vec<_> = std::iter::from_fn(|| broker.take_proposal()).collect();
        for (to, batch) in due {
            let json = serde_json::to_string(&batch).expect("a batch can be written");
            for arrives_at in self.arrivals() {
                self.network.push(InFlight {
                    arrives_at,
                    from: node,
                    to,
                    json: json.clone(),
                });
            }
        }
        for proposal in proposals {
            let delay = self.rng.random_range(0..=2 * self.rates.delay_max_ms);
            self.lin_kv_calls.push(LinKvCall {
                caller: self.member(node),
                proposal,
                at: self.now + Duration::from_millis(delay),
                reply: None,
            });
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let arrived: Vec<_> = self
            .network
            .extract_if(.., |message| message.arrives_at <= now)
            .collect();
        for InFlight { from, to, json, .. } in arrived {
            if self.brokers[to].is_none() || self.cuts.contains(&(from, to)) {
                continue;
            }
            let batch: Batch = serde_json::from_str(&json).expect("a batch can be read");
            for (shard, appended) in &batch.appended {
                self.count_overtaken(to, *shard, appended);
            }
            if let Some(broker) = &mut self.brokers[to] {
                broker.receive(from, batch, now);
            }
            self.take_output(to);
        }
    }

    /// Counts batches from before a join that arrive after one that announced it.
    fn count_overtaken(&mut self, to: usize, shard: usize, appended: &Appended) {
        let receiver = self.member(to);
        let until = appended.until();
        let announced = self.announced.entry((receiver, shard)).or_default();
        if appended.joining {
            *announced = (*announced).max((appended.version, until));
            return;
        }
        let (version, announced_until) = *announced;
        let journal = self.brokers[to].as_ref().map(|b| &b.shards[shard].journal);
        let uncommitted = journal.is_some_and(|j| j.len() > until && j.committed() < j.len());
        if version == appended.version && announced_until > until && uncommitted {
            self.counts.overtaken_by_join += 1;
        }
    }

    /// Executes the calls of lin-kv that are due, and delivers the replies that are due.
    fn serve_lin_kv(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.lin_kv_calls.extract_if(.., |c| c.at <= now).collect();
        for mut call in due {
            let Some(reply) = call.reply.take() else {
                let leadership = self.compare_and_set(&call.proposal);
                let is_error = self.rng.random_bool(self.rates.lin_kv_errors);
                call.reply = Some((!is_error).then_some(leadership));
                let delay = self.rng.random_range(0..=self.rates.delay_max_ms);
                call.at = now + Duration::from_millis(delay);
                self.lin_kv_calls.push(call);
                continue;
            };
            let node = call.caller.node;
            let is_same = self.member(node) == call.caller;
            if let (Some(broker), true) = (&mut self.brokers[node], is_same) {
                match reply {
                    Some(leadership) => broker.on_decided(&call.proposal, leadership, now),
                    None => broker.on_proposal_failed(&call.proposal, now),
                }
                self.take_output(node);
            }
        }
    }

    fn member(&self, node: usize) -> Member {
        Member {
            node,
            incarnation: self.incarnations[node],
        }
    }

    /// Changes a leadership unless it has changed already, and returns the one in force.
    fn compare_and_set(&mut self, proposal: &Proposal) -> Leadership {
        let Proposal { shard, from, to } = proposal;
        if self.lin_kv[*shard] == *from {
            self.lin_kv[*shard] = to.clone();
            self.counts.changes += 1;
            if to.in_sync.iter().any(|member| !from.includes(*member)) {
                self.counts.joins += 1;
                self.plan_leader_kill(from);
            }
        }
        self.lin_kv[*shard].clone()
    }
}
