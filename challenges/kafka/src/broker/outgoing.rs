//! Messages to other brokers: when one leaves, and what it carries.

use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use crate::leadership::Member;
use crate::shard::{Role, Shard};
use crate::wire::Batch;

impl Broker {
    /// Returns the messages that must leave now, with the nodes that they are for.
    pub fn take_due(&mut self, now: Instant) -> Vec<(usize, Batch)> {
        let mut due = Vec::new();
        for node in 0..self.links.len() {
            let link = &self.links[node];
            if node != self.me.node && (link.is_due(now) || link.heartbeat_is_due(now)) {
                due.extend(self.compose(node, now).map(|batch| (node, batch)));
            }
        }
        due
    }

    /// Returns the message with everything that is owed to a node, if anything is.
    fn compose(&mut self, node: usize, now: Instant) -> Option<Batch> {
        let link = &mut self.links[node];
        let mut batch = Batch {
            incarnation: self.me.incarnation,
            to_incarnation: link.incarnation,
            received: link.received,
            ..Batch::default()
        };
        for number in std::mem::take(&mut link.stale_leaderships) {
            let known = self.shards[number].leadership.clone();
            batch.leaderships.extend(known.map(|known| (number, known)));
        }
        let round_trip = link.round_trip();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            shard.add_owed(self.me, number, node, &mut batch, round_trip, now);
        }
        let link = &mut self.links[node];
        let wants_ack = !batch.appended.is_empty()
            || !batch.forwarded.is_empty()
            || !batch.leaderships.is_empty()
            || !link.offsets.is_empty();
        if wants_ack || link.heartbeat_is_due(now) {
            batch.number = Some(link.next_number(now));
        } else if batch.acks.is_empty() && !link.owes_ack() {
            link.cancel_send();
            return None;
        }
        for (key, carried_by) in &mut link.offsets {
            *carried_by = carried_by.or(batch.number);
            batch.offsets.insert(key.clone(), self.offsets[key]);
        }
        batch.reply_within_us = link.on_sent(now).map(|within| within.as_micros() as u64);
        link.update_offsets_retry(false, now);
        Some(batch)
    }

    /// Schedules again what a node has not acknowledged for too long.
    pub(super) fn send_again_if_overdue(&mut self, node: usize, now: Instant) {
        let link = &mut self.links[node];
        let mut is_overdue = link.offsets_retry.take_fired(now);
        for shard in &mut self.shards {
            is_overdue |= match (&mut shard.role, &shard.leadership) {
                (Role::Leader(leader), _) => leader.rewind_if_overdue(node, now),
                (Role::Follower(_), Some(known)) if known.leader.node == node => {
                    shard.requests.rewind_if_overdue(now)
                }
                _ => false,
            };
        }
        if is_overdue {
            link.request_by(now, now);
        }
    }
}

impl Shard {
    /// Adds to a message what this shard owes to a node: a leader its entries, a follower its
    /// acknowledgement and its clients' requests.
    fn add_owed(
        &mut self,
        me: Member,
        number: usize,
        node: usize,
        batch: &mut Batch,
        round_trip: Duration,
        now: Instant,
    ) {
        let is_taking_over = self.is_taking_over(me);
        let Some(leadership) = &self.leadership else {
            return;
        };
        match &mut self.role {
            Role::Leader(leader) => {
                if leader.add_unsent(number, node, leadership, &self.journal, batch) {
                    leader.update_retry(node, leadership.version, false, round_trip, now);
                }
            }
            Role::Follower(follower) if leadership.leader.node == node => {
                let ack = follower.take_ack(leadership, &self.journal);
                if let Some(ack) = ack.filter(|_| !is_taking_over) {
                    batch.acks.push((number, ack));
                }
                if let Some(forwarded) = self.requests.take_unsent() {
                    batch.forwarded.push((number, forwarded));
                    self.requests.retry.update(true, false, round_trip, now);
                }
            }
            Role::Follower(_) => {}
        }
    }
}
