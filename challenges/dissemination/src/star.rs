//! The protocol as a state machine: no clock, no network, no tasks.
//!
//! Whoever drives it says what happened ([`Star::publish`], [`Star::receive`]), takes what is to be
//! sent ([`Star::act`]), and comes back at [`Star::wake_at`] at the latest.

use std::time::Duration;

use tokio::time::Instant;

use crate::Windows;
use crate::gossip::{Gossip, Head, Wants};
use crate::link::Link;
use crate::log::{Item, Logs, Run};
use crate::rtt::Rtt;
use crate::timetable::Timetable;
use crate::vector::{Origin, Vector};

/// Items per message, at most. Who lacks more asks again.
pub(crate) const CHUNK: usize = 1024;

/// So many items may be sent to somebody who has never said what it holds.
const UNASKED_MAX: usize = 64;

/// While a link is busy, confirmations may take this long.
const CONFIRM_LATEST: Duration = Duration::from_millis(2500);

/// A round that departs this much later than expected will not depart.
const GRACE: Duration = Duration::from_millis(50);

/// A node that has heard nothing of its hub introduces itself after this time.
const GREETING: Duration = Duration::from_millis(300);

/// One node's part in the star.
pub(crate) struct Star<T: Item> {
    pub(crate) me: usize,
    pub(crate) windows: Windows,
    pub(crate) logs: Logs<T>,
    /// By place in the list of nodes; the own one is never used.
    pub(crate) links: Vec<Link>,
    pub(crate) origin: Origin,
    start: Instant,
    /// Over all links.
    rtt: Rtt,
    /// When the last round departed, if this node is a hub.
    departed: Option<Instant>,
    /// A round departs out of turn.
    extra_round: bool,
    /// When items are sent up to the hub.
    up_at: Option<Instant>,
    timetable: Option<Timetable>,
    /// Own items are sent to everybody then, from this number on.
    direct_at: Option<Instant>,
    direct_from: u64,
    greet_at: Option<Instant>,
    /// How many hubs were given up in a row.
    pub(crate) hubs_lost: u32,
    outgoing: Vec<(usize, Gossip<T>)>,
}

impl<T: Item> Star<T> {
    pub(crate) fn new(me: usize, count: usize, life: u32, windows: Windows, now: Instant) -> Self {
        Self {
            me,
            windows,
            logs: Logs::new(),
            links: (0..count).map(|_| Link::default()).collect(),
            origin: Origin { node: me, life },
            start: now,
            rtt: Rtt::default(),
            departed: None,
            extra_round: false,
            up_at: None,
            timetable: None,
            direct_at: None,
            direct_from: 0,
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
        let was_suspected = self.links[from].suspected.is_some();
        for run in gossip.news {
            self.note_spread(from, &run);
            self.logs.learn(run, &mut learnt);
        }
        if let Some(head) = gossip.head {
            self.read_head(from, head, !learnt.is_empty(), now);
        }
        let patience = self.rtt(from).jitter();
        let link = &mut self.links[from];
        if self.logs.vector().covers(&link.has) {
            link.lacking = None;
        } else {
            // It may be on its way, if messages overtake each other.
            link.lacking.get_or_insert(now + patience);
        }
        if !learnt.is_empty() {
            let reunited = was_suspected && self.links[from].suspected.is_none();
            if reunited {
                // The others have waited long enough.
                self.extra_round = true;
                self.forget_timetable();
            }
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

    fn read_head(&mut self, from: usize, head: Head, learnt: bool, now: Instant) {
        let hub_before = self.hub();
        let now_ms = self.ms(now);
        let link = &mut self.links[from];
        link.stamp_heard = Some((head.at, now));
        (link.hub, link.hub_told) = (head.hub, Some(now));
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
        let asked = link.is_asked();
        if let Some((stamp, held_ms)) = head.echo {
            link.echo(stamp, now);
            if let Some(rtt) = now_ms.checked_sub(stamp + held_ms) {
                link.rtt.sample(rtt as f64);
                self.rtt.sample(rtt as f64);
            }
        }
        let link = &mut self.links[from];
        if asked && learnt && link.waiting.is_none() {
            // The first part of much: the next one can be had at once.
            link.lacking = Some(now);
        }
        let hub = self.hub();
        if hub != hub_before {
            // Both shall know.
            self.links[hub_before].answer = hub_before != self.me;
            self.links[hub].answer = true;
            self.forget_timetable();
            self.aim(now);
        }
        if from == hub {
            self.hubs_lost = 0;
            self.greet_at = None;
            self.read_timetable(from, head.next, now);
        }
        self.doubt_hub(from, now);
    }

    fn read_timetable(&mut self, hub: usize, next_ms: Option<u64>, now: Instant) {
        let link = &self.links[hub];
        self.timetable = next_ms
            .zip(link.rtt.mean())
            .map(|(next_ms, rtt)| Timetable {
                next: now + Duration::from_millis(next_ms),
                round: self.windows.round,
                rtt,
                jitter: link.rtt.jitter(),
            });
        if self.up_at.is_some() {
            self.up_at = None;
            self.aim(now);
        }
    }

    /// Decides when what the hub lacks is sent to it, if that is not decided yet.
    pub(crate) fn aim(&mut self, now: Instant) {
        let hub = self.hub();
        if hub == self.me || self.up_at.is_some() || !self.exceeds(hub) {
            return;
        }
        self.up_at = Some(match (&self.windows.direct, &self.timetable) {
            (Some(window), _) => now + *window,
            (None, Some(timetable)) => timetable.aim(now),
            (None, None) => now,
        });
    }

    /// Whether we hold something that the peer does not, or soon will.
    fn exceeds(&self, peer: usize) -> bool {
        !self.links[peer].sent.covers(self.logs.vector())
    }

    /// Does all that is due, and gives what is to be sent.
    pub(crate) fn act(&mut self, now: Instant) -> Vec<(usize, Gossip<T>)> {
        for peer in self.peers() {
            self.wait_for(peer, now);
            self.probe(peer, now);
            self.answer(peer, now);
            self.confirm(peer, now);
        }
        if due(self.greet_at, now) {
            self.greet_at = None;
            let hub = self.hub();
            let other = if hub == self.me {
                self.peers().next()
            } else {
                Some(hub)
            };
            if let Some(other) = other {
                self.tell(other, Wants::Answer, now);
            }
        }
        if due(self.direct_at, now) {
            self.send_to_all();
        }
        if due(self.up_at, now) {
            self.up_at = None;
            let hub = self.hub();
            if hub != self.me && self.exceeds(hub) {
                self.tell(hub, Wants::Confirmation, now);
            }
        }
        if self.departs_at().is_some_and(|at| at <= now) {
            self.depart(now);
        }
        self.extra_round = false;
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

    /// Rounds depart as soon as there is something to say, but not within a round of each other.
    fn departs_at(&self) -> Option<Instant> {
        let any = self
            .peers()
            .any(|peer| self.serves(peer) && self.boards(peer));
        let earliest = self
            .departed
            .map_or(self.start, |at| at + self.windows.round);
        any.then_some(earliest)
    }

    /// Whether the next round has something for the peer: items, or a confirmation.
    fn boards(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        link.version < self.logs.version() || link.owed.is_some()
    }

    fn depart(&mut self, now: Instant) {
        if !self.extra_round || self.departed.is_none() {
            self.departed = Some(now);
        }
        for peer in self.peers() {
            if !self.serves(peer) || !self.boards(peer) {
                continue;
            }
            let unknown = self.links[peer].stamp_heard.is_none();
            if unknown && self.logs.count() > UNASKED_MAX {
                self.ask(peer, now);
            } else {
                self.tell(peer, Wants::Confirmation, now);
            }
        }
    }

    /// Sends own items straight to everybody but the hub, which gets them with a head.
    fn send_to_all(&mut self) {
        self.direct_at = None;
        let mut known = self.logs.vector().clone();
        known.lower(self.origin, self.direct_from);
        self.direct_from = self.logs.vector().get(self.origin);
        let news = self.logs.since(&known, CHUNK);
        let hub = self.hub();
        for peer in self.peers() {
            if peer == hub || self.links[peer].suspected.is_some() {
                continue;
            }
            self.links[peer].sent.raise(self.origin, self.direct_from);
            let news = news.clone();
            self.outgoing.push((peer, Gossip { news, head: None }));
        }
    }

    /// Answers whoever wants an answer, with what it lacks; asks for what we lack ourselves.
    fn answer(&mut self, peer: usize, now: Instant) {
        if self.answer_at(peer).is_none_or(|at| at > now) {
            return;
        }
        let link = &mut self.links[peer];
        link.answer = false;
        let lacking = link.lacking.take().is_some();
        let wants = if lacking || link.suspected.is_some() {
            Wants::Answer
        } else {
            Wants::Nothing
        };
        self.tell(peer, wants, now);
    }

    fn answer_at(&self, peer: usize) -> Option<Instant> {
        let link = &self.links[peer];
        if link.answer {
            return Some(self.start);
        }
        // While it does not answer, it need not be asked for more.
        link.lacking
            .filter(|_| link.suspected.is_none() && !link.is_asked())
    }

    /// Confirms what a peer has sent, if no other message has done so.
    fn confirm(&mut self, peer: usize, now: Instant) {
        if self.confirm_at(peer).is_some_and(|at| at <= now) {
            self.tell(peer, Wants::Nothing, now);
        }
    }

    /// A link that is busy confirms by and by; one that has fallen quiet is closed by one message.
    fn confirm_at(&self, peer: usize) -> Option<Instant> {
        let owed = self.links[peer].owed?;
        if self.serves(peer) {
            return None;
        }
        if peer != self.hub() {
            return Some(owed.last_at);
        }
        let quiet_at = owed.last_at + self.quiet(peer);
        Some(quiet_at.min(owed.first_at + CONFIRM_LATEST))
    }

    /// A link is quiet when its next round has not come.
    fn quiet(&self, peer: usize) -> Duration {
        self.windows.round + self.rtt(peer).jitter() + GRACE
    }

    /// When a peer is late: with its answer, if it was asked; with the round that would confirm
    /// what we sent, if it is our hub; and otherwise when the link has fallen quiet.
    pub(crate) fn late_at(&self, peer: usize) -> Option<Instant> {
        let link = &self.links[peer];
        let waiting = link.waiting.filter(|_| link.suspected.is_none())?;
        let rtt = self.rtt(peer);
        let quiet = self.quiet(peer);
        if waiting.asks > 0 {
            return Some(waiting.asked_at + rtt.timeout());
        }
        if peer != self.hub() {
            let at = (waiting.last_at + quiet).min(waiting.first_at + CONFIRM_LATEST);
            return Some(at + rtt.timeout());
        }
        Some(match waiting.round_at {
            Some(round_at) => round_at + rtt.slack(),
            None => waiting.first_at + quiet + rtt.timeout(),
        })
    }

    /// Tells a peer all that it lacks and that is not on its way to it.
    pub(crate) fn tell(&mut self, peer: usize, wants: Wants, now: Instant) {
        let news = self.logs.since(&self.links[peer].sent, CHUNK);
        self.send(peer, news, wants, now);
    }

    /// Asks a peer that may not be there what it lacks.
    pub(crate) fn ask(&mut self, peer: usize, now: Instant) {
        self.send(peer, Vec::new(), Wants::Answer, now);
    }

    fn send(&mut self, peer: usize, news: Vec<Run<T>>, wants: Wants, now: Instant) {
        let (hub, now_ms) = (self.hub(), self.ms(now));
        let departs_in = self.departed.map(|at| at + self.windows.round - now);
        let timetable = self.timetable.filter(|_| peer == hub);
        let round_at = timetable.map(|timetable| timetable.confirmed(now));
        let link = &mut self.links[peer];
        for run in &news {
            link.sent.raise(run.origin, run.upto);
        }
        link.version = self.logs.version();
        link.owed = None;
        let stamp = link.stamp(now_ms);
        if wants != Wants::Nothing {
            link.wait(stamp, wants == Wants::Answer, round_at, now);
        }
        let head = Head {
            have: self.logs.vector().clone(),
            wants,
            hub,
            at: stamp,
            echo: link
                .stamp_heard
                .map(|(stamp, at)| (stamp, (now - at).as_millis() as u64)),
            next: departs_in
                .map(|in_| in_.as_millis() as u64)
                .filter(|&ms| ms > 0),
        };
        let gossip = Gossip {
            news,
            head: Some(head),
        };
        self.outgoing.push((peer, gossip));
    }

    /// The round-trip time of a link; of links in general, while it has not been measured.
    fn rtt(&self, peer: usize) -> Rtt {
        let own = self.links[peer].rtt;
        if own.mean().is_some() { own } else { self.rtt }
    }

    /// All nodes but this one.
    pub(crate) fn peers(&self) -> impl Iterator<Item = usize> + use<T> {
        let me = self.me;
        (0..self.links.len()).filter(move |&peer| peer != me)
    }

    fn ms(&self, now: Instant) -> u64 {
        (now - self.start).as_millis() as u64
    }

    /// Nothing is known of a hub that has changed.
    pub(crate) fn forget_timetable(&mut self) {
        self.timetable = None;
        self.up_at = None;
    }

    /// How much is held.
    pub(crate) fn vector(&self) -> &Vector {
        self.logs.vector()
    }
}

fn due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}
