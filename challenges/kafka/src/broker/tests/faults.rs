//! The faults: nodes that are cut off or killed, and messages that are lost, repeated or late.

use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;

use super::world::World;
use crate::leadership::Leadership;

/// How often each fault happens.
#[derive(Clone, Copy, Default)]
pub struct FaultRates {
    /// Fraction of messages that are lost.
    pub loss: f64,
    /// Fraction of messages that are delivered twice.
    pub duplication: f64,
    /// Longest delay of all but the late messages.
    pub delay_max_ms: u64,
    /// Fraction of messages that take up to [`MAX_LATENESS_MS`].
    pub late: f64,
    /// Probability per millisecond that a link or a node is cut off.
    pub cuts: f64,
    /// Probability per millisecond that all links work again.
    pub heals: f64,
    /// Probability per millisecond that a node is killed.
    pub kills: f64,
    /// Probability that a leader is killed just after another node got in sync with it.
    pub leader_kills: f64,
    /// Fraction of calls of lin-kv that end with an error although they took effect.
    pub lin_kv_errors: f64,
}

/// Longest delay of a late message: long enough for a node to join in the meantime.
const MAX_LATENESS_MS: u64 = 2000;

/// Longest time that a killed node is down.
const MAX_DOWNTIME_MS: u64 = 3000;

impl World {
    /// Draws the faults of this millisecond.
    pub fn disturb(&mut self) {
        let nodes = self.brokers.len();
        if self.rng.random_bool(self.rates.cuts) {
            let a = self.rng.random_range(0..nodes);
            let b = self.rng.random_range(0..nodes);
            match self.rng.random_bool(0.5) {
                true => self.cuts.push((a, b)),
                false => self.isolate(a),
            }
        }
        if self.rng.random_bool(self.rates.heals) {
            self.cuts.clear();
        }
        if self.rng.random_bool(self.rates.kills) {
            let node = self.rng.random_range(0..nodes);
            self.kill(node);
        }
        let now = self.now;
        let due: Vec<_> = self
            .planned_kills
            .extract_if(.., |(at, _)| *at <= now)
            .collect();
        for (_, node) in due {
            self.kill(node);
        }
    }

    /// Plans the most dangerous fault after a node has joined: the leader dies, and the followers
    /// that were in sync before are cut off, so that the new one has to take over.
    pub fn plan_leader_kill(&mut self, before: &Leadership) {
        if !self.rng.random_bool(self.rates.leader_kills) {
            return;
        }
        let delay = Duration::from_millis(self.rng.random_range(0..30));
        let leader = before.leader.node;
        self.planned_kills.push((self.now + delay, leader));
        for member in &before.in_sync {
            if member.node != leader && self.rng.random_bool(0.5) {
                self.isolate(member.node);
            }
        }
    }

    /// Returns the arrival time of each copy of a message that is sent now.
    pub fn arrivals(&mut self) -> Vec<Instant> {
        let copies = 1 + usize::from(self.rng.random_bool(self.rates.duplication));
        let mut arrivals = Vec::new();
        for _ in 0..copies {
            let delay_max_ms = match self.rng.random_bool(self.rates.late) {
                true => MAX_LATENESS_MS,
                false => self.rates.delay_max_ms,
            };
            let delay = Duration::from_millis(self.rng.random_range(0..=delay_max_ms));
            if !self.rng.random_bool(self.rates.loss) {
                arrivals.push(self.now + delay);
            }
        }
        arrivals
    }

    fn isolate(&mut self, node: usize) {
        for other in 0..self.brokers.len() {
            self.cuts.extend([(node, other), (other, node)]);
        }
    }

    fn kill(&mut self, node: usize) {
        if self.may_die(node) {
            self.counts.kills += 1;
            self.brokers[node] = None;
            let down = self.rng.random_range(0..MAX_DOWNTIME_MS);
            self.restart_at[node] = self.now + Duration::from_millis(down);
        }
    }

    /// Returns whether each shard has a running node in sync besides this one. Only then does the
    /// README promise that a kill loses nothing.
    fn may_die(&self, node: usize) -> bool {
        let survives = |leadership: &Leadership| {
            leadership.in_sync.iter().any(|member| {
                let is_running = self.brokers[member.node].is_some();
                member.node != node
                    && is_running
                    && member.incarnation == self.incarnations[member.node]
            })
        };
        let possible = self.lin_kv_calls.iter().map(|call| &call.proposal.to);
        self.lin_kv.iter().chain(possible).all(survives)
    }
}
