//! The protocol as a state machine: no clock, no network, no tasks.
//!
//! Whoever drives it says what happened ([`Star::publish`], [`Star::receive`]), takes what is to be
//! sent ([`Star::act`]), and comes back at [`Star::wake_at`] at the latest. What is due, and when,
//! is worked out from the state each time; nothing has to be cancelled.

use tokio::time::Instant;

use crate::Windows;
use crate::gossip::{Gossip, Head, Wants};
use crate::link::Link;
use crate::log::{Item, Logs, Run};
use crate::repair::GREETING;
use crate::rtt::Rtt;
use crate::timetable::Timetable;
use crate::vector::{Origin, Vector};

/// Items per message, at most. Who lacks more asks again.
pub(crate) const CHUNK: usize = 1024;

/// One node's part in the star.
pub(crate) struct Star<T: Item> {
    pub(crate) me: usize,
    pub(crate) origin: Origin,
    pub(crate) windows: Windows,
    pub(crate) logs: Logs<T>,
    /// By place in the list of nodes; the own one is never used.
    pub(crate) links: Vec<Link>,
    pub(crate) start: Instant,
    /// Over all links, for those that have not been measured.
    pub(crate) rtt: Rtt,
    /// When the last round departed, if any of this node did.
    pub(crate) departed: Option<Instant>,
    pub(crate) rounds_sent: u32,
    pub(crate) overdue_at: Option<Instant>,
    pub(crate) unsent_since: Option<Instant>,
    /// When items are sent up to the hub, if there are any.
    pub(crate) up_at: Option<Instant>,
    pub(crate) timetable: Option<Timetable>,
    /// When own items are sent straight to everybody, and after which number.
    pub(crate) direct_at: Option<Instant>,
    pub(crate) direct_after: u64,
    /// When this node introduces itself, unless it hears something before.
    pub(crate) greet_at: Option<Instant>,
    /// How many hubs were given up in a row.
    pub(crate) hubs_lost: u32,
    pub(crate) outgoing: Vec<(usize, Gossip<T>)>,
}

impl<T: Item> Star<T> {
    pub(crate) fn new(me: usize, count: usize, life: u32, windows: Windows, now: Instant) -> Self {
        Self {
            me,
            origin: Origin { node: me, life },
            windows,
            logs: Logs::new(),
            links: (0..count).map(|_| Link::default()).collect(),
            start: now,
            rtt: Rtt::default(),
            departed: None,
            rounds_sent: 0,
            overdue_at: None,
            unsent_since: None,
            up_at: None,
            timetable: None,
            direct_at: None,
            direct_after: 0,
            greet_at: (count > 1).then(|| now + GREETING),
            hubs_lost: 0,
            outgoing: Vec::new(),
        }
    }

    /// Adds an item of this node.
    pub(crate) fn publish(&mut self, item: T, now: Instant) {
        self.logs.push(self.origin, item);
        if let Some(window) = self.windows.direct {
            self.direct_at.get_or_insert(now + window);
        }
        self.aim(now);
    }

    /// Takes a message; tells the items that are new, each once, in the order of their origin.
    pub(crate) fn receive(
        &mut self,
        from: usize,
        gossip: Gossip<T>,
        now: Instant,
    ) -> Vec<(Origin, T)> {
        let mut learnt = Vec::new();
        let waited = gossip.head.as_ref().map_or(0, |head| head.waited);
        for run in gossip.news {
            self.note_spread(from, &run);
            self.logs.learn(run, &mut learnt);
        }
        let direct = gossip.head.is_none();
        let asked = self.links[from].is_asked();
        if let Some(head) = gossip.head {
            self.read_head(from, head, now);
        }
        if direct || self.is_neighbour(from) {
            // If this is the first part of much, the next can be had at once.
            let more = asked && !self.links[from].is_asked() && !learnt.is_empty();
            self.look_for_gaps(from, more, now);
        }
        if !learnt.is_empty() {
            self.note_deadline(waited, now);
            self.aim(now);
        }
        learnt
    }

    /// The sender of a run has it, and so has everybody else if the origin sends to all.
    fn note_spread(&mut self, from: usize, run: &Run<T>) {
        self.links[from].has.raise(run.origin, run.upto);
        if self.windows.direct.is_some() && run.origin.node == from {
            for link in &mut self.links {
                link.sent.raise(run.origin, run.upto);
            }
        } else {
            self.links[from].sent.raise(run.origin, run.upto);
        }
    }

    fn read_head(&mut self, from: usize, head: Head, now: Instant) {
        let hub_before = self.hub();
        let now_ms = self.ms(now);
        let last = self.links.len() - 1;
        let link = &mut self.links[from];
        link.stamp_heard = Some((head.at, now));
        (link.hub, link.hub_told) = (head.hub.min(last), Some(now));
        match head.wants {
            Wants::Nothing => {}
            Wants::Confirmation => link.owe(now),
            Wants::Answer => link.answer = true,
        }
        if head.wants == Wants::Answer {
            // It may have been restarted: what it says now counts, and not what it said before.
            link.sent = head.have.clone();
            link.has = head.have;
        } else {
            link.has.merge(&head.have);
            link.sent.merge(&head.have);
        }
        if let Some((stamp, held_ms)) = head.echo {
            link.echo(stamp, now);
            // A stamp of this node's former life may make no sense.
            if stamp > link.stamp_sampled
                && let Some(rtt_ms) = now_ms.checked_sub(stamp.saturating_add(held_ms)) {
                link.stamp_sampled = stamp;
                link.rtt.sample(rtt_ms as f64, head.next.is_some());
                self.rtt.sample(rtt_ms as f64, true);
            }
        }
        let hub = self.hub();
        if hub != hub_before {
            self.change_hub(hub_before, now);
        }
        if from == hub || hub == self.me {
            self.greet_at = None;
        }
        if from == hub {
            self.hubs_lost = 0;
            self.read_timetable(head.next, now);
        }
        self.doubt_hub(from, now);
    }

    /// Does all that is due, and gives what is to be sent.
    pub(crate) fn act(&mut self, now: Instant) -> Vec<(usize, Gossip<T>)> {
        for peer in self.peers() {
            self.press(peer, now);
            self.probe(peer, now);
            self.answer(peer, now);
            self.confirm(peer, now);
        }
        self.greet(now);
        self.go_direct(now);
        self.go_up(now);
        self.depart(now);
        std::mem::take(&mut self.outgoing)
    }

    /// When there will be something to do, if nothing happens before.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let own = [self.greet_at, self.direct_at, self.up_at, self.departs_at()];
        let peers = self.peers().flat_map(|peer| {
            [
                self.late_at(peer),
                self.probe_at(peer),
                self.answer_at(peer),
                self.confirm_at(peer),
            ]
        });
        own.into_iter().chain(peers).flatten().min()
    }

    /// Whether this node holds something that the peer does not, and that is not on its way to it.
    pub(crate) fn exceeds(&self, peer: usize) -> bool {
        !self.links[peer].sent.covers(self.logs.vector())
    }

    /// Tells a peer all that it lacks and that is not on its way to it. Items are confirmed,
    /// whether asked for or not.
    pub(crate) fn tell(&mut self, peer: usize, wants: Wants, now: Instant) {
        let news = self.logs.since(&self.links[peer].sent, CHUNK);
        self.send(peer, news, wants, now);
    }

    /// Asks a peer that may not be there what it has and what it lacks.
    pub(crate) fn ask(&mut self, peer: usize, now: Instant) {
        self.send(peer, Vec::new(), Wants::Answer, now);
    }

    /// Tells a peer no more than how things stand here.
    pub(crate) fn note(&mut self, peer: usize, now: Instant) {
        self.send(peer, Vec::new(), Wants::Nothing, now);
    }

    fn send(&mut self, peer: usize, news: Vec<Run<T>>, wants: Wants, now: Instant) {
        let (hub, now_ms) = (self.hub(), self.ms(now));
        let departs_in = self.announced(now);
        let timetable = self.timetable.filter(|_| peer == hub);
        let round_at = timetable.map(|timetable| timetable.confirmed(now));
        let link = &mut self.links[peer];
        for run in &news {
            link.sent.raise(run.origin, run.upto);
        }
        link.version = self.logs.version();
        let waited = if peer == hub { self.unsent_since.take() } else { None };
        link.owed = None;
        let wants = if news.is_empty() {
            wants
        } else {
            wants.max(Wants::Confirmation)
        };
        let at = link.stamp(now_ms);
        if wants != Wants::Nothing {
            link.wait(at, wants == Wants::Answer, round_at, now);
        }
        let held_ms = |since: Instant| (now - since).as_millis() as u64;
        let head = Head {
            have: self.logs.vector().clone(),
            wants,
            hub,
            at,
            waited: waited.map_or(0, |since| (now - since).as_millis() as u64),
            echo: link
                .stamp_heard
                .map(|(stamp, since)| (stamp, held_ms(since))),
            next: departs_in
                .map(|it| it.as_millis() as u64)
                .filter(|&ms| ms > 0),
        };
        let head = Some(head);
        self.outgoing.push((peer, Gossip { news, head }));
    }

    /// All nodes but this one.
    pub(crate) fn peers(&self) -> impl Iterator<Item = usize> + use<T> {
        let me = self.me;
        (0..self.links.len()).filter(move |&peer| peer != me)
    }

    /// How much is held.
    pub(crate) fn vector(&self) -> &Vector {
        self.logs.vector()
    }

    /// The round-trip time of a link; of links in general, while it has not been measured.
    pub(crate) fn rtt(&self, peer: usize) -> Rtt {
        let own = self.links[peer].rtt;
        if own.mean().is_some() { own } else { self.rtt }
    }

    fn ms(&self, now: Instant) -> u64 {
        (now - self.start).as_millis() as u64
    }
}

/// Whether something is due.
pub(crate) fn due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

#[cfg(test)]
mod tests;
