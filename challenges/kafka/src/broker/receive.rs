//! What a message from another broker does.

use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use crate::journal::Entry;
use crate::leadership::Incarnation;
use crate::link::LAZY;
use crate::shard::{Progress, Role};
use crate::wire::{Ack, Appended, Batch, Forwarded};

impl Broker {
    /// Takes in what another node says. Ignored before this life has begun.
    pub fn receive(&mut self, node: usize, batch: Batch, now: Instant) {
        if self.me.life == 0 || batch.life < self.links[node].life {
            return;
        }
        if batch.life > self.links[node].life {
            self.meet(node, batch.life, now);
        }
        if batch.to_life != 0 && batch.to_life != self.me.life {
            // It speaks to our former life, and must be told of this one.
            self.links[node].send_by(now);
            return;
        }
        self.links[node].hear(batch.number, batch.heard, now);
        for (shard, leadership) in batch.leaderships {
            self.adopt(shard, leadership, now);
        }
        for (key, offset) in batch.offsets {
            self.raise_offset(&key, offset);
        }
        for (shard, appended) in batch.appended {
            self.copy(node, shard, appended, now);
        }
        for (shard, ack) in batch.acks {
            self.acknowledged(node, shard, &ack, now);
        }
        let within = Duration::from_micros(batch.within_us.unwrap_or(0));
        for (shard, forwarded) in batch.forwarded {
            self.append_forwarded(node, shard, forwarded, within, now);
        }
        if batch.within_us.is_some() {
            self.links[node].answer_within(within, now);
        }
        for shard in 0..self.shards.len() {
            self.release(shard, now);
        }
    }

    /// A node says something for the first time in a life: it knows nothing.
    fn meet(&mut self, node: usize, life: u64, now: Instant) {
        let is_restarted = life > 1;
        if is_restarted {
            self.links[node].restart(life, now);
            let known = self.offsets.keys().map(|key| (key.clone(), None));
            self.links[node].offsets = known.collect();
        } else {
            self.links[node].life = life;
        }
        for shard in &mut self.shards {
            if let (Role::Leader(lead), true) = (&mut shard.role, is_restarted) {
                lead.progress[node] = Progress::default();
            }
        }
        // Whatever relied on its former life must be seen to.
        self.tick_at = now;
    }

    /// Follower: copies what a leader has appended.
    fn copy(&mut self, node: usize, number: usize, appended: Appended, now: Instant) {
        let from = Incarnation {
            node,
            life: self.links[node].life,
        };
        let shard = &mut self.shards[number];
        let Some(leadership) = &shard.leadership else {
            return;
        };
        if appended.epoch < leadership.epoch {
            self.links[node].misled.push(number);
            self.links[node].send_by(now);
            return;
        }
        let is_leader = appended.epoch == leadership.epoch && leadership.leader == from;
        if !is_leader || shard.is_taking_over(self.me) {
            return;
        }
        let committed = shard.follow(appended, self.me);
        if let Role::Follower(follow) = &shard.role {
            let at = if follow.resend { now } else { now + LAZY };
            self.links[node].send_by(at);
        }
        self.resolve(number, &committed, now);
    }

    /// Leader: a follower says what it has.
    fn acknowledged(&mut self, node: usize, number: usize, ack: &Ack, now: Instant) {
        let shard = &mut self.shards[number];
        let is_news = shard.acknowledge(node, ack);
        match (&mut shard.role, &shard.leadership) {
            (Role::Leader(lead), Some(known)) => {
                let awaits = lead.awaits(node, known.version);
                let progress = &mut lead.progress[node];
                let round_trip = self.links[node].round_trip();
                progress.patience.note(awaits, is_news, round_trip, now);
                if ack.resend {
                    self.links[node].send_by(now);
                } else if progress.sent < shard.journal.len() {
                    // The next piece, for one who is catching up.
                    self.links[node].send_by(now + LAZY);
                }
                self.advance(number, now);
            }
            (Role::Follower(_), Some(known)) if ack.epoch < known.epoch => {
                self.links[node].misled.push(number);
                self.links[node].send_by(now);
            }
            _ => {}
        }
    }

    /// Leader: takes requests over from the node that took them from clients, and sees to it that
    /// it has its answer in time.
    fn append_forwarded(
        &mut self,
        node: usize,
        number: usize,
        forwarded: Forwarded,
        within: Duration,
        now: Instant,
    ) {
        let origin = Incarnation {
            node,
            life: self.links[node].life,
        };
        let shard = &mut self.shards[number];
        if !shard.is_led_here() {
            self.links[node].misled.push(number);
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
        if !shard.knows_by_itself(self.me, origin) {
            for member in self.needed(number) {
                // Half of what is left is for company on the way to the others; they answer at
                // once, and so do we.
                let at = now + within / 2;
                self.links[member.node].ask_by(at, at);
            }
        }
        self.spread(number, now);
    }
}
