//! Who leads, and who is in sync: when that must change, and what a change does.

use std::time::Duration;

use tokio::time::Instant;

use super::{Broker, Proposal};
use crate::leadership::{Incarnation, Leadership};
use crate::link::DEAD;
use crate::placement;
use crate::shard::Role;

/// How long each successor lets the one before it go first.
const PRECEDENCE: Duration = Duration::from_millis(200);

/// How often a node asks lin-kv who leads, as long as nobody seems to.
const INQUIRY: Duration = Duration::from_secs(1);

impl Broker {
    /// Follows a leadership, if it is newer than the one known.
    pub(super) fn adopt(&mut self, number: usize, newer: Leadership, now: Instant) {
        let nodes = self.shards.len();
        let shard = &mut self.shards[number];
        let known = shard.leadership.as_ref();
        if known.is_some_and(|known| known.version >= newer.version) {
            return;
        }
        if newer.version > 0 {
            self.notes.push(format!(
                "shard {number}, version {}: led by n{} in epoch {}, in sync {:?}",
                newer.version,
                newer.leader.node,
                newer.epoch,
                newer
                    .in_sync
                    .iter()
                    .map(|member| member.node)
                    .collect::<Vec<_>>()
            ));
        }
        let epoch_begins = shard.adopt(newer, self.me, nodes);
        if let Some(leader) = shard.leader_elsewhere() {
            // What was under way to another leader must go to this one.
            let is_waiting = !shard.requests.is_empty();
            if epoch_begins && is_waiting && leader.node != self.me.node {
                self.links[leader.node].ask_by(now, now);
            }
            return;
        }
        if epoch_begins
            && self.shards[number]
                .leadership
                .as_ref()
                .is_some_and(|l| l.version > 0)
        {
            self.append_own(number);
            for link in self.others() {
                link.ask_by(now, now);
            }
        }
        self.spread(number, now);
    }

    /// What became of a proposal.
    pub fn decided(&mut self, number: usize, leadership: Leadership, now: Instant) {
        self.shards[number].proposal = None;
        self.adopt(number, leadership, now);
        self.release(number, now);
    }

    /// Sees to it that a shard has a leader, and its leader enough who are in sync.
    pub(super) fn keep_led(&mut self, number: usize, now: Instant) {
        let shard = &self.shards[number];
        let Some(from) = shard.leadership.clone() else {
            return;
        };
        if shard.proposal.is_some() {
            return;
        }
        let to = if shard.is_led_here() {
            self.reformed(number, &from, now)
        } else {
            self.succession(number, &from, now)
        };
        if let Some(to) = to {
            self.shards[number].proposal = Some(to.clone());
            self.proposals.push_back(Proposal {
                shard: number,
                from,
                to,
            });
        }
    }

    /// Leader: the leadership without the dead and with those who have caught up, if that is a
    /// change for the better.
    fn reformed(&mut self, number: usize, known: &Leadership, now: Instant) -> Option<Leadership> {
        if !self.is_clear_who_is_dead(known, now) {
            return None;
        }
        let living = known.in_sync.iter().copied();
        let mut in_sync: Vec<_> = living.filter(|m| self.is_alive(*m, now)).collect();
        let nodes = self.shards.len();
        let wanted = placement::preference(number, nodes)
            .filter(|node| *node != self.me.node)
            .map(|node| Incarnation {
                node,
                life: self.links[node].life,
            })
            .filter(|one| one.life > 0 && self.is_alive(*one, now) && !in_sync.contains(one))
            .take(self.settings.replicas.saturating_sub(in_sync.len()));
        let wanted: Vec<_> = wanted.collect();
        let shard = &mut self.shards[number];
        let (len, committed) = (shard.journal.len(), shard.journal.committed());
        let Role::Leader(lead) = &mut shard.role else {
            return None;
        };
        lead.joining.retain(|joiner, _| wanted.contains(joiner));
        for one in wanted {
            let acked = lead.progress[one.node].acked;
            match lead.joining.get(&one) {
                // From now on nothing is committed without it; once it has all that may have been
                // before, it knows everything.
                None if lead.progress[one.node].informed > 0 && acked >= committed => {
                    lead.joining.insert(one, len);
                }
                Some(barrier) if acked >= *barrier => in_sync.push(one),
                _ => {}
            }
        }
        let is_better = in_sync != known.in_sync && in_sync.len() >= self.settings.quorum();
        is_better.then(|| known.with_in_sync(in_sync))
    }

    /// Follower: the leadership without its leader, if that is gone and it is our turn.
    fn succession(
        &mut self,
        number: usize,
        known: &Leadership,
        now: Instant,
    ) -> Option<Leadership> {
        let leader = known.leader;
        let has_forgotten = self.links[leader.node].life > leader.life;
        let since = if leader.node == self.me.node {
            return None;
        } else if has_forgotten {
            self.links[leader.node].begun_at()
        } else {
            self.links[leader.node].dead_since(now)?
        };
        if !known.includes(self.me) {
            return self.inquiry(number, known, since, now);
        }
        let successors = known.in_sync.iter().filter(|member| **member != leader);
        let rank = successors.clone().position(|member| *member == self.me)?;
        if now < since + PRECEDENCE * rank as u32 || !self.is_clear_who_is_dead(known, now) {
            return None;
        }
        let mut in_sync: Vec<_> = successors
            .copied()
            .filter(|m| self.is_alive(*m, now))
            .collect();
        if in_sync.len() < self.settings.quorum() {
            // Nothing can be committed until others have joined. Until then those who are silent
            // miss nothing, and may be the only ones left if we die: they stay, unless they forgot.
            let is_silent = |m: &&Incarnation| self.links[m.node].life <= m.life;
            let silent = known.in_sync.iter().filter(is_silent).copied();
            let silent: Vec<_> = silent.filter(|m| !in_sync.contains(m)).collect();
            in_sync.extend(silent);
        }
        // Taking over makes sense only if there are others who can join, or if the old leader will
        // never do anything again, either.
        let answers = |node: &usize| {
            let answered_at = self.links[*node].answered_at();
            *node != self.me.node && answered_at > since && !self.links[*node].is_doubtful(now)
        };
        let helpers = (0..self.shards.len()).filter(answers).count();
        (has_forgotten || 1 + helpers >= self.settings.quorum())
            .then(|| known.led_by(self.me, in_sync))
    }

    /// Whether it is the silent ones that are gone, and not we who are cut off: in that case, too,
    /// they fall silent one after the other. So all who are alive must have answered long after.
    fn is_clear_who_is_dead(&self, known: &Leadership, now: Instant) -> bool {
        let others = known.in_sync.iter().copied();
        let others = others.filter(|member| member.node != self.me.node);
        let (living, dead): (Vec<Incarnation>, Vec<_>) =
            others.partition(|m| self.is_alive(*m, now));
        let answered_at = |member: &Incarnation| self.links[member.node].answered_at();
        let is_silent = |member: &&Incarnation| self.links[member.node].life <= member.life;
        let Some(silent_since) = dead.iter().filter(is_silent).map(answered_at).max() else {
            return true;
        };
        let is_fresh = |member| answered_at(member) > silent_since + DEAD / 2;
        living.iter().all(is_fresh)
    }

    /// Follower: a change that changes nothing, to learn what is in force. The leader may have made
    /// us one of those in sync, and died before it could say so.
    fn inquiry(
        &mut self,
        number: usize,
        known: &Leadership,
        since: Instant,
        now: Instant,
    ) -> Option<Leadership> {
        let shard = &mut self.shards[number];
        if now < shard.inquired_at.unwrap_or(since) + INQUIRY {
            return None;
        }
        shard.inquired_at = Some(now);
        Some(known.clone())
    }
}
