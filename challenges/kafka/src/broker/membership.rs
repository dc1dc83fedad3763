//! Membership of a shard: detecting failed nodes, and proposing and adopting leadership records.

use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use crate::leadership::{Leadership, Member, Proposal};
use crate::link::DEAD_AFTER;
use crate::placement;
use crate::shard::{Pending, Role};

/// Head start that each possible successor of a leader gives to the one before it.
const TAKEOVER_STAGGER: Duration = Duration::from_millis(200);

/// Interval at which a node asks lin-kv for the record in force while the leader seems dead.
const INQUIRY_INTERVAL: Duration = Duration::from_secs(1);

/// Delay before a proposal is repeated that lin-kv answered with an error.
const PROPOSAL_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Reactions to a changed record, and to the outcome of a proposal.
impl Broker {
    /// Adopts a leadership record if it is newer than the one known.
    pub(super) fn adopt(&mut self, number: usize, newer: Leadership, now: Instant) {
        let nodes = self.shards.len();
        let shard = &mut self.shards[number];
        let known = shard.leadership.as_ref();
        if known.is_some_and(|known| known.version >= newer.version) {
            return;
        }
        let (version, leader) = (newer.version, newer.leader);
        if version > 0 {
            let in_sync: Vec<_> = newer.in_sync.iter().map(|m| m.node).collect();
            self.log.push(format!(
                "shard {number}, version {version}: led by n{} in epoch {}, in sync {in_sync:?}",
                leader.node, newer.epoch,
            ));
        }
        let epoch_begins = shard.adopt(newer, self.me, nodes);
        if !shard.is_led_here() {
            // Requests that were in flight to another leader must go to this one.
            let is_waiting = !shard.requests.is_empty();
            if epoch_begins && is_waiting && leader.node != self.me.node {
                self.links[leader.node].request_by(now, now);
            }
            return;
        }
        if epoch_begins && version > 0 {
            self.append_own(number);
            for link in self.other_links() {
                link.request_by(now, now);
            }
        }
        self.replicate(number, now);
    }

    /// Handles the outcome of a proposal: the record that is in force.
    pub fn on_decided(&mut self, proposal: &Proposal, leadership: Leadership, now: Instant) {
        let shard = proposal.shard;
        // Another proposal may be pending by now, about which this outcome says nothing.
        self.shards[shard]
            .pending
            .take_if(|pending| pending.proposal == *proposal);
        self.adopt(shard, leadership, now);
        self.release(shard, now);
    }

    /// Handles an error of lin-kv. The change may have been made despite the error, so the proposal
    /// stays pending and is repeated until its outcome is known.
    pub fn on_proposal_failed(&mut self, proposal: &Proposal, now: Instant) {
        let pending = self.shards[proposal.shard].pending.as_mut();
        if let Some(pending) = pending.filter(|pending| pending.proposal == *proposal) {
            pending.retry_at = Some(now + PROPOSAL_RETRY_DELAY);
        }
    }
}

/// The conditions under which a record must change.
impl Broker {
    /// Proposes a new record if the shard has lost its leader, or if the leader can remove dead
    /// members or add members that have caught up.
    pub(super) fn check_membership(&mut self, number: usize, now: Instant) {
        let shard = &mut self.shards[number];
        let Some(from) = shard.leadership.clone() else {
            return;
        };
        if let Some(pending) = &mut shard.pending {
            if pending.retry_at.take_if(|at| *at <= now).is_some() {
                self.proposals.push_back(pending.proposal.clone());
            }
            return;
        }
        let to = match shard.is_led_here() {
            true => self.update_in_sync(number, &from, now),
            false => self.take_over(number, &from, now),
        };
        if let Some(to) = to {
            let proposal = Proposal {
                shard: number,
                from,
                to,
            };
            self.proposals.push_back(proposal.clone());
            self.shards[number].pending = Some(Pending {
                proposal,
                retry_at: None,
            });
        }
    }

    /// Leader: returns the record without dead members and with those that have caught up, if it
    /// differs.
    ///
    /// A node joins in two steps: first nothing more is committed without it, then it is written
    /// into the record, once it has every entry that may have been committed before.
    fn update_in_sync(
        &mut self,
        number: usize,
        known: &Leadership,
        now: Instant,
    ) -> Option<Leadership> {
        if !self.failures_are_certain(known, now) {
            return None;
        }
        let mut in_sync = known.in_sync.clone();
        in_sync.retain(|member| self.is_alive(*member, now));
        let wanted = self.candidates(number, &in_sync, now);
        let shard = &mut self.shards[number];
        let (len, committed) = (shard.journal.len(), shard.journal.committed());
        let Role::Leader(leader) = &mut shard.role else {
            return None;
        };
        leader.joining.retain(|joiner, _| wanted.contains(joiner));
        for member in wanted {
            let progress = &leader.progress[member.node];
            match leader.joining.get(&member) {
                None if progress.acked_version.is_some() && progress.acked >= committed => {
                    leader.joining.insert(member, len);
                }
                Some(required) if progress.acked >= *required => in_sync.push(member),
                _ => {}
            }
        }
        let is_better = in_sync != known.in_sync && in_sync.len() >= self.settings.quorum();
        is_better.then(|| known.with_in_sync(in_sync))
    }

    /// Returns the nodes that should join those in sync, in order of preference.
    fn candidates(&self, number: usize, in_sync: &[Member], now: Instant) -> Vec<Member> {
        let others = placement::preference(number, self.shards.len())
            .filter(|node| *node != self.me.node)
            .map(|node| Member {
                node,
                incarnation: self.links[node].incarnation,
            });
        others
            .filter(|m| m.incarnation > 0 && self.is_alive(*m, now) && !in_sync.contains(m))
            .take(self.settings.replicas.saturating_sub(in_sync.len()))
            .collect()
    }

    /// Follower: returns the record with this node as leader, if the leader is gone and this node
    /// is the next in order.
    fn take_over(&mut self, number: usize, known: &Leadership, now: Instant) -> Option<Leadership> {
        let leader = known.leader;
        if leader.node == self.me.node {
            return None;
        }
        let is_restarted = self.links[leader.node].incarnation > leader.incarnation;
        let gone_since = match is_restarted {
            true => self.links[leader.node].began_at(),
            false => self.links[leader.node].dead_since(now)?,
        };
        if !known.includes(self.me) {
            return self.inquire(number, known, gone_since, now);
        }
        let successors = known.in_sync.iter().filter(|member| **member != leader);
        let rank = successors.clone().position(|member| *member == self.me)?;
        let is_next = now >= gone_since + TAKEOVER_STAGGER * rank as u32;
        if !is_next || !self.failures_are_certain(known, now) {
            return None;
        }
        let alive = successors.copied().filter(|m| self.is_alive(*m, now));
        let mut in_sync: Vec<_> = alive.collect();
        if in_sync.len() < self.settings.quorum() {
            // Nothing can be committed until other nodes have joined. Until then silent members
            // miss nothing, and they have the only other copies, so they stay in sync.
            let silent = known.in_sync.iter().filter(|m| self.is_silent(m));
            let silent: Vec<_> = silent.filter(|m| !in_sync.contains(m)).copied().collect();
            in_sync.extend(silent);
        }
        // A takeover helps only if other nodes can join, or if the old leader has lost its data.
        let answers = |node: &usize| {
            let link = &self.links[*node];
            *node != self.me.node && link.acked_at() > gone_since && !link.is_suspect(now)
        };
        let helpers = (0..self.shards.len()).filter(answers).count();
        (is_restarted || 1 + helpers >= self.settings.quorum())
            .then(|| known.led_by(self.me, in_sync))
    }

    /// Follower: returns a proposal of the unchanged record, whose outcome shows which record is in
    /// force. The leader may have added this node to those in sync and died before it could
    /// announce that.
    fn inquire(
        &mut self,
        number: usize,
        known: &Leadership,
        gone_since: Instant,
        now: Instant,
    ) -> Option<Leadership> {
        let shard = &mut self.shards[number];
        if now < shard.last_inquiry_at.unwrap_or(gone_since) + INQUIRY_INTERVAL {
            return None;
        }
        shard.last_inquiry_at = Some(now);
        Some(known.clone())
    }
}

/// Detection of failed members.
impl Broker {
    /// Returns whether silent members are dead, rather than this node being cut off. A node that is
    /// cut off sees all others fall silent within a short time. So every living member must have
    /// answered long after the silent ones did.
    fn failures_are_certain(&self, known: &Leadership, now: Instant) -> bool {
        let others = known.in_sync.iter().filter(|m| m.node != self.me.node);
        let (living, dead): (Vec<&Member>, Vec<&Member>) =
            others.partition(|m| self.is_alive(**m, now));
        let acked_at = |member: &Member| self.links[member.node].acked_at();
        let silent = dead.into_iter().filter(|m| self.is_silent(m));
        let Some(silent_since) = silent.map(acked_at).max() else {
            return true;
        };
        living
            .into_iter()
            .all(|m| acked_at(m) > silent_since + DEAD_AFTER / 2)
    }

    /// Returns whether a member may still have its data, as far as this node knows.
    fn is_silent(&self, member: &Member) -> bool {
        self.links[member.node].incarnation <= member.incarnation
    }

    /// Returns whether a member is alive, as far as this node knows. One that was never heard from
    /// counts as alive for a while after the start.
    pub(super) fn is_alive(&self, member: Member, now: Instant) -> bool {
        if member.node == self.me.node {
            return member == self.me;
        }
        let link = &self.links[member.node];
        let is_present = link.incarnation == member.incarnation
            || (link.incarnation == 0 && member.incarnation == 1);
        is_present && link.dead_since(now).is_none()
    }
}
