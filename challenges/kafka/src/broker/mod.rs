//! A broker: the state of one node, and how events change it.
//!
//! A broker does not wait, send or read a clock. Events come in with the time at which they happen;
//! messages and proposals are fetched by [`Kafka`](crate::Kafka). The parts are
//!
//! - this file: start, timers, and the path of a request from held to committed;
//! - [`clients`]: the requests of clients;
//! - [`incoming`] and [`outgoing`]: messages from and to other brokers;
//! - [`membership`]: which node leads a shard, and which are in sync with it.

mod clients;
mod incoming;
mod membership;
mod outgoing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::Settings;
use crate::journal::{Committed, Entry};
use crate::leadership::{Leadership, Member, Proposal};
use crate::link::{BACKGROUND_SEND_DELAY, Link};
use crate::shard::{Role, Shard};

/// Interval of the checks for failed nodes.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The state of a broker.
#[derive(Debug)]
pub struct Broker {
    /// This node in its present incarnation, which is 0 until it has been counted.
    me: Member,
    settings: Settings,
    shards: Vec<Shard>,
    /// By the other node's number; this node's own is not used.
    links: Vec<Link>,
    /// The highest offset that consumers committed, by key.
    offsets: BTreeMap<Rc<str>, u64>,
    proposals: VecDeque<Proposal>,
    check_at: Instant,
    log: Vec<String>,
}

impl Broker {
    /// Returns the broker of node `node` of `nodes`. Until it is [started](Self::start) it answers
    /// polls with nothing and holds all sends.
    pub fn new(node: usize, nodes: usize, settings: Settings) -> Self {
        let me = Member {
            node,
            incarnation: 0,
        };
        Self {
            me,
            settings,
            shards: (0..nodes).map(|_| Shard::new()).collect(),
            links: Vec::new(),
            offsets: BTreeMap::new(),
            proposals: VecDeque::new(),
            check_at: Instant::now(),
            log: Vec::new(),
        }
    }

    /// Starts an incarnation. The first one assumes the initial leadership records until it
    /// receives newer ones; a later one has to receive all of them.
    pub fn start(&mut self, incarnation: u64, now: Instant) {
        self.me.incarnation = incarnation;
        self.links = self.shards.iter().map(|_| Link::new(now)).collect();
        self.check_at = now;
        if incarnation > 1 {
            let line = format!("incarnation {incarnation} starts without data");
            self.log.push(line);
            return;
        }
        let nodes = self.shards.len();
        for shard in 0..nodes {
            let initial = Leadership::initial(shard, nodes, self.settings.replicas);
            self.adopt(shard, initial, now);
        }
    }

    /// Handles all timers that have fired. [`take_due`](Self::take_due) returns the messages that
    /// result.
    pub fn handle_timers(&mut self, now: Instant) {
        for node in 0..self.links.len() {
            if node != self.me.node {
                self.send_again_if_overdue(node, now);
            }
        }
        if self.check_at <= now {
            self.check_at = now + CHECK_INTERVAL;
            for shard in 0..self.shards.len() {
                self.check_membership(shard, now);
                self.release(shard, now);
            }
        }
    }

    /// Returns when the next timer fires.
    pub fn wake_at(&self) -> Instant {
        let links = self.links.iter().enumerate();
        let links = links.filter(|(node, _)| *node != self.me.node);
        let links = links.map(|(_, link)| link.wake_at());
        let shards = self.shards.iter().flat_map(Shard::retries_at);
        links.chain(shards).fold(self.check_at, Instant::min)
    }

    /// Returns the next change of a leadership record to make in lin-kv. Its outcome is reported
    /// with [`on_decided`](Self::on_decided) or
    /// [`on_proposal_failed`](Self::on_proposal_failed).
    pub fn take_proposal(&mut self) -> Option<Proposal> {
        self.proposals.pop_front()
    }

    /// Returns whether there is a proposal to take.
    pub fn has_proposal(&self) -> bool {
        !self.proposals.is_empty()
    }

    /// Returns the new lines for the log.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Sends the held requests of a shard on their way, if they can be committed soon.
    fn release(&mut self, number: usize, now: Instant) {
        if !self.shards[number].requests.is_holding() || !self.can_commit_soon(number, now) {
            return;
        }
        let shard = &mut self.shards[number];
        shard.requests.release();
        match shard.leader_elsewhere() {
            Some(leader) => self.links[leader.node].request_within(self.settings.budget, now),
            None => {
                self.append_own(number);
                for member in self.required_others(number) {
                    self.links[member.node].request_within(self.settings.budget, now);
                }
                self.replicate(number, now);
            }
        }
    }

    /// Returns whether all members answer that are needed to commit a request of this node.
    fn can_commit_soon(&self, number: usize, now: Instant) -> bool {
        let shard = &self.shards[number];
        let answers = |member: Member| {
            member == self.me
                || self.is_alive(member, now) && !self.links[member.node].is_suspect(now)
        };
        match (&shard.leadership, &shard.role) {
            (None, _) => false,
            (Some(leadership), Role::Leader(_)) => {
                leadership.in_sync.len() >= self.settings.quorum() && shard.required().all(answers)
            }
            (Some(leadership), Role::Follower(_)) => {
                leadership.leader != self.me && answers(leadership.leader)
            }
        }
    }

    /// Leader: appends this node's own requests that are not in the journal.
    fn append_own(&mut self, number: usize) {
        let Shard {
            requests, journal, ..
        } = &mut self.shards[number];
        for (number, request) in requests.in_flight() {
            journal.append_next(Entry {
                key: request.key.clone(),
                msg: request.msg.clone(),
                origin: self.me,
                number,
            });
        }
    }

    /// Leader: schedules the new entries for all nodes, and commits what can be committed.
    fn replicate(&mut self, number: usize, now: Instant) {
        for link in self.other_links() {
            link.send_by(now + BACKGROUND_SEND_DELAY);
        }
        self.commit_replicated(number, now);
    }

    /// Leader: commits the entries that all required members have.
    fn commit_replicated(&mut self, number: usize, now: Instant) {
        let (quorum, links) = (self.settings.quorum(), &self.links);
        let incarnation = |node: usize| links[node].incarnation;
        let committed = self.shards[number].commit_replicated(self.me, quorum, incarnation);
        if committed.is_empty() {
            return;
        }
        for link in self.other_links() {
            link.send_by(now + BACKGROUND_SEND_DELAY);
        }
        let is_only_replica = self.required_others(number).is_empty();
        for Committed { origin, .. } in &committed {
            // A client has waited for all other members, and now waits for this message alone.
            let shard = &self.shards[number];
            if *origin != self.me && !is_only_replica && !shard.commits_on_receipt(self.me, *origin)
            {
                self.links[origin.node].send_by(now);
            }
        }
        self.resolve(number, &committed, now);
    }

    /// Answers the clients of this node whose messages are committed.
    fn resolve(&mut self, number: usize, committed: &[Committed], now: Instant) {
        let shard = &mut self.shards[number];
        let leader = shard.leader_elsewhere().map(|leader| leader.node);
        let round_trip = leader.map_or(Duration::ZERO, |leader| self.links[leader].round_trip());
        let requests = &mut shard.requests;
        for entry in committed.iter().filter(|entry| entry.origin == self.me) {
            requests.resolve(entry.number, entry.offset);
            let awaits = requests.awaits_leader();
            requests.retry.update(awaits, true, round_trip, now);
        }
    }

    /// Leader: returns the other members that must have an entry before it is committed.
    fn required_others(&self, number: usize) -> Vec<Member> {
        let required = self.shards[number].required();
        required.filter(|member| *member != self.me).collect()
    }

    fn other_links(&mut self) -> impl Iterator<Item = &mut Link> {
        let me = self.me.node;
        let links = self.links.iter_mut().enumerate();
        links
            .filter(move |(node, _)| *node != me)
            .map(|(_, link)| link)
    }
}
