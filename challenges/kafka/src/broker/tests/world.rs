//! Brokers, what is under way between them, and what may befall either.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Weather;
use crate::Settings;
use crate::broker::{Broker, Proposal};
use crate::journal::Entry;
use crate::leadership::{Incarnation, Leadership};
use crate::wire::Batch;

/// Somebody's question to lin-kv, which may be answered although the asker is dead by then.
pub struct Question {
    asker: Incarnation,
    proposal: Proposal,
    at: Instant,
    answer: Option<Leadership>,
}

pub struct World {
    pub rng: ChaCha8Rng,
    pub now: Instant,
    pub weather: Weather,
    pub settings: Settings,
    pub brokers: Vec<Option<Broker>>,
    pub lives: Vec<u64>,
    pub reborn_at: Vec<Instant>,
    /// Messages under way: when they arrive, from whom, to whom, and what they say.
    pub network: Vec<(Instant, usize, usize, String)>,
    /// Who does not hear whom.
    pub cuts: Vec<(usize, usize)>,
    pub lin_kv: Vec<Leadership>,
    pub questions: Vec<Question>,
    /// For each shard, all that any broker ever took for committed.
    pub committed: Vec<Vec<Entry>>,
    pub sends: Vec<(usize, u64, oneshot::Receiver<u64>)>,
    /// The offsets that clients were told, by key.
    pub answers: BTreeMap<String, BTreeMap<u64, u64>>,
    pub kills: u64,
    pub changes: u64,
}

impl World {
    pub fn new(seed: u64, nodes: usize, replicas: usize, weather: Weather) -> Self {
        let now = Instant::now();
        let settings = Settings {
            replicas,
            ..Settings::default()
        };
        let broker = |node| {
            let mut broker = Broker::new(node, nodes, settings);
            broker.begin(1, now);
            Some(broker)
        };
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now,
            weather,
            settings,
            brokers: (0..nodes).map(broker).collect(),
            lives: vec![1; nodes],
            reborn_at: vec![now; nodes],
            network: Vec::new(),
            cuts: Vec::new(),
            lin_kv: (0..nodes)
                .map(|shard| Leadership::initial(shard, nodes, replicas))
                .collect(),
            questions: Vec::new(),
            committed: vec![Vec::new(); nodes],
            sends: Vec::new(),
            answers: BTreeMap::new(),
            kills: 0,
            changes: 0,
        }
    }

    /// A millisecond passes.
    pub fn step(&mut self, sends: f64) {
        self.now += Duration::from_millis(1);
        self.strike();
        for node in 0..self.brokers.len() {
            if self.brokers[node].is_none() && self.reborn_at[node] <= self.now {
                self.lives[node] += 1;
                let mut broker = Broker::new(node, self.brokers.len(), self.settings);
                broker.begin(self.lives[node], self.now);
                self.brokers[node] = Some(broker);
            }
            if self.rng.random_bool(sends) {
                self.send(node);
            }
            if let Some(broker) = &mut self.brokers[node]
                && broker.wake_at() <= self.now
            {
                broker.pass_time(self.now);
            }
            self.settle(node);
        }
        self.deliver();
        self.consult();
        self.check();
    }

    fn strike(&mut self) {
        let nodes = self.brokers.len();
        if self.rng.random_bool(self.weather.cuts) {
            let (a, b) = (
                self.rng.random_range(0..nodes),
                self.rng.random_range(0..nodes),
            );
            match self.rng.random_bool(0.5) {
                true => self.cuts.push((a, b)),
                false => (0..nodes).for_each(|other| self.cuts.extend([(a, other), (other, a)])),
            }
        }
        if self.rng.random_bool(self.weather.heals) {
            self.cuts.clear();
        }
        if self.rng.random_bool(self.weather.kills) {
            let node = self.rng.random_range(0..nodes);
            if self.may_die(node) {
                self.kills += 1;
                self.brokers[node] = None;
                let down = self.rng.random_range(0..3000);
                self.reborn_at[node] = self.now + Duration::from_millis(down);
            }
        }
    }

    /// Whether somebody is in sync with each shard without this node: that is all that is asked.
    fn may_die(&self, node: usize) -> bool {
        let survives = |leadership: &Leadership| {
            leadership.in_sync.iter().any(|member| {
                let is_alive = self.brokers[member.node].is_some();
                member.node != node && is_alive && member.life == self.lives[member.node]
            })
        };
        let possible = self.questions.iter().map(|question| &question.proposal.to);
        self.lin_kv.iter().chain(possible).all(survives)
    }

    fn send(&mut self, node: usize) {
        if let Some(broker) = &mut self.brokers[node] {
            let key: u64 = self.rng.random_range(0..8);
            let msg = self.rng.next_u64() >> 12;
            let (_, offset) = broker.submit(key.to_string().into(), msg.into(), self.now);
            self.sends.push((key as usize, msg, offset));
        }
    }

    /// Takes what a broker has to say.
    fn settle(&mut self, node: usize) {
        let Some(broker) = &mut self.brokers[node] else {
            return;
        };
        for (to, batch) in broker.take_due(self.now) {
            let text = serde_json::to_string(&batch).expect("a batch can be written");
            let copies = 1 + u32::from(self.rng.random_bool(self.weather.duplication));
            for _ in 0..copies {
                let delay = self.rng.random_range(0..=self.weather.delay_max_ms);
                if !self.rng.random_bool(self.weather.loss) {
                    let at = self.now + Duration::from_millis(delay);
                    self.network.push((at, node, to, text.clone()));
                }
            }
        }
        while let Some(proposal) = broker.take_proposal() {
            let life = self.lives[node];
            let delay = self.rng.random_range(0..=2 * self.weather.delay_max_ms);
            self.questions.push(Question {
                asker: Incarnation { node, life },
                proposal,
                at: self.now + Duration::from_millis(delay),
                answer: None,
            });
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let arrived: Vec<_> = self.network.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, from, to, text) in arrived {
            let is_cut = self.cuts.contains(&(from, to));
            if let (Some(broker), false) = (&mut self.brokers[to], is_cut) {
                let batch: Batch = serde_json::from_str(&text).expect("a batch can be read");
                broker.receive(from, batch, now);
                self.settle(to);
            }
        }
    }

    /// lin-kv answers: the compare-and-set happens at one moment, its answer arrives at another.
    fn consult(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.questions.extract_if(.., |q| q.at <= now).collect();
        for mut question in due {
            let Proposal { shard, from, to } = &question.proposal;
            let Some(answer) = question.answer.take() else {
                let current = &mut self.lin_kv[*shard];
                if current == from {
                    *current = to.clone();
                    self.changes += 1;
                }
                question.answer = Some(current.clone());
                let delay = self.rng.random_range(0..=self.weather.delay_max_ms);
                question.at = now + Duration::from_millis(delay);
                self.questions.push(question);
                continue;
            };
            let Incarnation { node, life } = question.asker;
            if let (Some(broker), true) = (&mut self.brokers[node], self.lives[node] == life) {
                broker.decided(*shard, answer, now);
                self.settle(node);
            }
        }
    }
}
