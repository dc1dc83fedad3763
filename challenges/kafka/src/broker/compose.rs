//! What a message to another broker says: everything that is owed to it.

use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use crate::leadership::Incarnation;
use crate::shard::{Lead, Role, Shard};
use crate::wire::{Ack, Appended, Batch};

/// A node that is catching up gets so many entries at a time.
const CATCH_UP_MAX: usize = 10_000;

impl Broker {
    /// The messages that must go now, with the nodes that they are for.
    pub fn take_due(&mut self, now: Instant) -> Vec<(usize, Batch)> {
        let mut due = Vec::new();
        for node in 0..self.links.len() {
            let link = &self.links[node];
            if node != self.me.node && (link.is_due(now) || link.wants_probe(now)) {
                due.extend(self.compose(node, now).map(|batch| (node, batch)));
            }
        }
        due
    }

    /// What is owed to a node, if anything is.
    fn compose(&mut self, node: usize, now: Instant) -> Option<Batch> {
        let link = &mut self.links[node];
        let mut batch = Batch {
            life: self.me.life,
            to_life: link.life,
            heard: link.heard,
            ..Batch::default()
        };
        for number in std::mem::take(&mut link.misled) {
            let known = self.shards[number].leadership.clone();
            batch.leaderships.extend(known.map(|known| (number, known)));
        }
        let round_trip = link.round_trip();
        for number in 0..self.shards.len() {
            self.shards[number].tell(self.me, number, node, &mut batch, round_trip, now);
        }
        let link = &mut self.links[node];
        let is_news = !batch.appended.is_empty()
            || !batch.forwarded.is_empty()
            || !batch.leaderships.is_empty()
            || !link.offsets.is_empty();
        if is_news || link.wants_probe(now) {
            batch.number = Some(link.number(now));
        } else if batch.acks.is_empty() && !link.owes_answer() {
            link.stay();
            return None;
        }
        for (key, told_in) in &mut link.offsets {
            *told_in = told_in.or(batch.number);
            batch.offsets.insert(key.clone(), self.offsets[key]);
        }
        batch.within_us = link.depart(now).map(|within| within.as_micros() as u64);
        self.links[node].await_offsets(false, now);
        Some(batch)
    }

    /// What a node has not acknowledged for too long is sent again.
    pub(super) fn send_again(&mut self, node: usize, now: Instant) {
        let link = &mut self.links[node];
        let mut is_overdue = link.patience.has_ended(now);
        for shard in &mut self.shards {
            is_overdue |= match (&mut shard.role, &shard.leadership) {
                (Role::Leader(lead), _) => lead.send_again(node, now),
                (Role::Follower(_), Some(known)) if known.leader.node == node => {
                    shard.requests.send_again(now)
                }
                _ => false,
            };
        }
        if is_overdue {
            link.ask_by(now, now);
        }
    }
}

impl Shard {
    /// Adds to a message what this shard owes to a node.
    fn tell(
        &mut self,
        me: Incarnation,
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
            Role::Leader(lead) => {
                let is_member = leadership.in_sync.iter().any(|member| member.node == node);
                let limit = if is_member { usize::MAX } else { CATCH_UP_MAX };
                let Lead {
                    base,
                    progress,
                    joining,
                } = lead;
                let progress = &mut progress[node];
                let (len, committed) = (self.journal.len(), self.journal.committed());
                let is_uninformed = progress.informed <= leadership.version;
                if progress.sent == len && progress.committed_told == committed && !is_uninformed {
                    return;
                }
                if is_uninformed {
                    batch.leaderships.push((number, leadership.clone()));
                }
                let (from, until) = (progress.sent, len.min(progress.sent.saturating_add(limit)));
                let appended = Appended {
                    version: leadership.version,
                    epoch: leadership.epoch,
                    base: *base,
                    from,
                    entries: self.journal.entries(from..until).to_vec(),
                    committed,
                    joining: !joining.is_empty(),
                };
                batch.appended.push((number, appended));
                (progress.sent, progress.committed_told) = (until, committed);
                let awaits = lead.awaits(node, leadership.version);
                lead.progress[node]
                    .patience
                    .note(awaits, false, round_trip, now);
            }
            Role::Follower(follow) if leadership.leader.node == node => {
                if std::mem::take(&mut follow.owes_ack) && !is_taking_over {
                    let position = match follow.in_step {
                        true => self.journal.len(),
                        false => self.journal.committed(),
                    };
                    let ack = Ack {
                        version: leadership.version,
                        epoch: leadership.epoch,
                        position,
                        committed: self.journal.committed(),
                        resend: std::mem::take(&mut follow.resend),
                    };
                    batch.acks.push((number, ack));
                }
                if let Some(forwarded) = self.requests.take_unsent() {
                    batch.forwarded.push((number, forwarded));
                    self.requests.patience.note(true, false, round_trip, now);
                }
            }
            Role::Follower(_) => {}
        }
    }
}
