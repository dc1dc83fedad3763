//! Messages from other brokers: what each part of one changes.

use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use crate::journal::Entry;
use crate::leadership::Member;
use crate::link::BACKGROUND_SEND_DELAY;
use crate::shard::{Progress, Role};
use crate::wire::{Ack, Appended, Batch, Forwarded};

impl Broker {
    /// Handles a message of another node. It is ignored before this broker has started, and if it
    /// is from or for an earlier incarnation.
    pub fn receive(&mut self, node: usize, batch: Batch, now: Instant) {
        if self.me.incarnation == 0 || batch.incarnation < self.links[node].incarnation {
            return;
        }
        if batch.incarnation > self.links[node].incarnation {
            self.on_new_incarnation(node, batch.incarnation, now);
        }
        if batch.to_incarnation != 0 && batch.to_incarnation != self.me.incarnation {
            // The reply shows the sender the present incarnation.
            self.links[node].send_by(now);
            return;
        }
        self.links[node].on_message(batch.number, batch.received, now);
        for (shard, leadership) in batch.leaderships {
            self.adopt(shard, leadership, now);
        }
        for (key, offset) in batch.offsets {
            self.raise_offset(&key, offset);
        }
        for (shard, appended) in batch.appended {
            self.on_appended(node, shard, appended, now);
        }
        for (shard, ack) in batch.acks {
            self.on_ack(node, shard, &ack, now);
        }
        let within = Duration::from_micros(batch.reply_within_us.unwrap_or(0));
        for (shard, forwarded) in batch.forwarded {
            self.on_forwarded(node, shard, forwarded, within, now);
        }
        if batch.reply_within_us.is_some() {
            self.links[node].reply_within(within, now);
        }
        for shard in 0..self.shards.len() {
            self.release(shard, now);
        }
    }

    /// Handles the first message of an incarnation of another node, which has no data.
    fn on_new_incarnation(&mut self, node: usize, incarnation: u64, now: Instant) {
        // State that relied on the previous incarnation must be checked.
        self.check_at = now;
        if incarnation == 1 {
            self.links[node].incarnation = incarnation;
            return;
        }
        self.links[node].restart(incarnation, now);
        let known = self.offsets.keys().map(|key| (key.clone(), None));
        self.links[node].offsets = known.collect();
        for shard in &mut self.shards {
            if let Role::Leader(leader) = &mut shard.role {
                leader.progress[node] = Progress::default();
            }
        }
    }

    /// Follower: copies entries of the leader.
    fn on_appended(&mut self, node: usize, number: usize, appended: Appended, now: Instant) {
        let sender = self.member(node);
        let shard = &mut self.shards[number];
        let Some(leadership) = &shard.leadership else {
            return;
        };
        if appended.epoch < leadership.epoch {
            self.links[node].stale_leaderships.insert(number);
            self.links[node].send_by(now);
            return;
        }
        let is_leader = appended.epoch == leadership.epoch && leadership.leader == sender;
        if !is_leader || shard.is_taking_over(self.me) {
            return;
        }
        let committed = shard.copy(appended, self.me);
        if let Role::Follower(follower) = &shard.role {
            let delay = match follower.needs_resend {
                true => Duration::ZERO,
                false => BACKGROUND_SEND_DELAY,
            };
            self.links[node].send_by(now + delay);
        }
        self.resolve(number, &committed, now);
    }

    /// Leader: records an acknowledgement of a follower.
    fn on_ack(&mut self, node: usize, number: usize, ack: &Ack, now: Instant) {
        let shard = &mut self.shards[number];
        let is_news = shard.record_ack(node, ack);
        match (&mut shard.role, &shard.leadership) {
            (Role::Leader(leader), Some(known)) => {
                let round_trip = self.links[node].round_trip();
                leader.update_retry(node, known.version, is_news, round_trip, now);
                if ack.resend {
                    self.links[node].send_by(now);
                } else if leader.progress[node].sent < shard.journal.len() {
                    // The next part for a node that is catching up.
                    self.links[node].send_by(now + BACKGROUND_SEND_DELAY);
                }
                self.commit_replicated(number, now);
            }
            (Role::Follower(_), Some(known)) if ack.epoch < known.epoch => {
                self.links[node].stale_leaderships.insert(number);
                self.links[node].send_by(now);
            }
            _ => {}
        }
    }

    /// Leader: appends the requests of another node's clients, and schedules their replication so
    /// that the node has its reply `within` this time.
    fn on_forwarded(
        &mut self,
        node: usize,
        number: usize,
        forwarded: Forwarded,
        within: Duration,
        now: Instant,
    ) {
        let origin = self.member(node);
        let shard = &mut self.shards[number];
        if !shard.is_led_here() {
            self.links[node].stale_leaderships.insert(number);
            self.links[node].send_by(now + within);
            return;
        }
        let mut is_news = false;
        for (number, (key, msg)) in (forwarded.first..).zip(forwarded.requests) {
            is_news |= shard.journal.append_next(Entry {
                key,
                msg,
                origin,
                number,
            });
        }
        if !is_news {
            return;
        }
        if !shard.commits_on_receipt(self.me, origin) {
            for member in self.required_others(number) {
                // Half of the remaining time is for batching on the way to the members, which
                // answer at once.
                let at = now + within / 2;
                self.links[member.node].request_by(at, at);
            }
        }
        self.replicate(number, now);
    }

    /// Returns a node in the incarnation that was last heard from.
    fn member(&self, node: usize) -> Member {
        Member {
            node,
            incarnation: self.links[node].incarnation,
        }
    }
}
