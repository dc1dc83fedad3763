//! A broker: one node's state as a whole, and what happens in it.
//!
//! Nothing here waits, sends, or reads a clock: events come in with the time at which they happen,
//! messages and proposals are fetched. [`Kafka`](crate::Kafka) does the rest.

mod clients;
mod compose;
mod lead;
mod receive;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::Settings;
use crate::journal::{Committed, Entry};
use crate::leadership::{Incarnation, Leadership};
use crate::link::{LAZY, Link};
use crate::shard::{Role, Shard};

/// How often a broker looks whether others are alive.
const TICK: Duration = Duration::from_millis(50);

/// A change of leadership to be asked of lin-kv.
#[derive(Debug)]
pub struct Proposal {
    pub shard: usize,
    pub from: Leadership,
    pub to: Leadership,
}

/// The state of a broker.
#[derive(Debug)]
pub struct Broker {
    /// This node in its present life; life 0 until that has been counted.
    me: Incarnation,
    settings: Settings,
    shards: Vec<Shard>,
    /// By the other node's number; this node's own is not used.
    links: Vec<Link>,
    /// The highest offset that consumers committed, by key.
    offsets: BTreeMap<Rc<str>, u64>,
    proposals: VecDeque<Proposal>,
    tick_at: Instant,
    /// Events worth a line in the log.
    notes: Vec<String>,
}

impl Broker {
    /// The broker of node `node` of `nodes`. Until it [begins](Self::begin) it answers from what it
    /// has, which is nothing, and holds what it is sent.
    pub fn new(node: usize, nodes: usize, settings: Settings) -> Self {
        Self {
            me: Incarnation { node, life: 0 },
            settings,
            shards: (0..nodes).map(|_| Shard::new(None)).collect(),
            links: Vec::new(),
            offsets: BTreeMap::new(),
            proposals: VecDeque::new(),
            tick_at: Instant::now(),
            notes: Vec::new(),
        }
    }

    /// Begins this life. In the first one, the leaderships are known to be the initial ones, or
    /// what others say; in any other, only others know.
    pub fn begin(&mut self, life: u64, now: Instant) {
        self.me.life = life;
        self.links = self.shards.iter().map(|_| Link::new(now)).collect();
        self.tick_at = now;
        if life == 1 {
            let nodes = self.shards.len();
            for shard in 0..nodes {
                let initial = Leadership::initial(shard, nodes, self.settings.replicas);
                self.adopt(shard, initial, now);
            }
        } else {
            self.notes
                .push(format!("life {life} begins, without memory"));
        }
    }

    /// Does what time demands; the messages that it demands are [due](Self::take_due) then.
    pub fn pass_time(&mut self, now: Instant) {
        for node in 0..self.links.len() {
            if node != self.me.node {
                self.send_again(node, now);
            }
        }
        if self.tick_at <= now {
            self.tick_at = now + TICK;
            for shard in 0..self.shards.len() {
                self.keep_led(shard, now);
                self.release(shard, now);
            }
        }
    }

    /// When time next demands something.
    pub fn wake_at(&self) -> Instant {
        let links = self.links.iter().enumerate();
        let links = links.filter(|(node, _)| *node != self.me.node);
        let links = links.map(|(_, link)| link.wake_at());
        let shards = self.shards.iter().flat_map(Shard::patience_ends_at);
        links.chain(shards).fold(self.tick_at, Instant::min)
    }

    /// The next change of leadership to be asked of lin-kv. Its outcome comes as
    /// [`decided`](Self::decided).
    pub fn take_proposal(&mut self) -> Option<Proposal> {
        self.proposals.pop_front()
    }

    /// Whether there is one.
    pub fn has_proposal(&self) -> bool {
        !self.proposals.is_empty()
    }

    /// Lines for the log.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Sets those requests on their way that are held, if there is a way.
    fn release(&mut self, number: usize, now: Instant) {
        if !self.shards[number].requests.is_holding() || !self.has_way(number, now) {
            return;
        }
        let shard = &mut self.shards[number];
        shard.requests.release();
        match shard.leader_elsewhere() {
            Some(leader) => self.links[leader.node].ask(now, self.settings.budget),
            None => {
                self.append_own(number);
                for member in self.needed(number) {
                    self.links[member.node].ask(now, self.settings.budget);
                }
                self.spread(number, now);
            }
        }
    }

    /// Whether what is set on its way now may be expected to be committed soon.
    fn has_way(&self, number: usize, now: Instant) -> bool {
        let shard = &self.shards[number];
        let answers = |member: Incarnation| {
            member == self.me
                || self.is_alive(member, now) && !self.links[member.node].is_doubtful(now)
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
        for (number, request) in requests.under_way() {
            journal.append_next(Entry {
                key: request.key.clone(),
                msg: request.msg.clone(),
                origin: self.me,
                number,
            });
        }
    }

    /// Leader: the journal has grown. Everybody learns of it some time; commits what can be.
    fn spread(&mut self, number: usize, now: Instant) {
        for link in self.others() {
            link.send_by(now + LAZY);
        }
        self.advance(number, now);
    }

    /// Leader: commits what all who are in sync have.
    fn advance(&mut self, number: usize, now: Instant) {
        let (quorum, links) = (self.settings.quorum(), &self.links);
        let life = |node: usize| links[node].life;
        let committed = self.shards[number].advance(self.me, quorum, life);
        if committed.is_empty() {
            return;
        }
        for link in self.others() {
            link.send_by(now + LAZY);
        }
        let is_alone = self.needed(number).is_empty();
        for Committed { origin, .. } in &committed {
            // Its client has waited while others were asked, and waits for nothing else.
            let shard = &self.shards[number];
            if *origin != self.me && !is_alone && !shard.knows_by_itself(self.me, *origin) {
                self.links[origin.node].send_by(now);
            }
        }
        self.resolve(number, &committed, now);
    }

    /// Answers the clients whose messages are committed.
    fn resolve(&mut self, number: usize, committed: &[Committed], now: Instant) {
        let shard = &mut self.shards[number];
        let leader = shard.leader_elsewhere().map(|leader| leader.node);
        let requests = &mut shard.requests;
        for entry in committed.iter().filter(|entry| entry.origin == self.me) {
            requests.resolve(entry.number, entry.offset);
            let round_trip =
                leader.map_or(Duration::ZERO, |leader| self.links[leader].round_trip());
            let awaits = requests.awaits_leader();
            requests.patience.note(awaits, true, round_trip, now);
        }
    }

    /// Leader: the others who must have an entry before it is committed.
    fn needed(&self, number: usize) -> Vec<Incarnation> {
        let required = self.shards[number].required();
        required.filter(|member| *member != self.me).collect()
    }

    /// Whether this life of a node goes on, as far as we know. A node that we have not heard of
    /// at all has the benefit of the doubt for a while.
    fn is_alive(&self, member: Incarnation, now: Instant) -> bool {
        if member.node == self.me.node {
            return member == self.me;
        }
        let link = &self.links[member.node];
        let known = link.life == member.life || (link.life == 0 && member.life == 1);
        known && link.dead_since(now).is_none()
    }

    fn others(&mut self) -> impl Iterator<Item = &mut Link> {
        let me = self.me.node;
        let links = self.links.iter_mut().enumerate();
        links
            .filter(move |(node, _)| *node != me)
            .map(|(_, link)| link)
    }
}
