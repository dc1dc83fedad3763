//! What keeps delivery reliable, and costs next to nothing while nothing goes wrong.
//!
//! Whoever receives a message knows from the vector in it what it lacks, and asks. So a sender has
//! only to make sure that its *last* message arrives: an echo of that one's stamp confirms all
//! before it. Echoes ride on traffic that flows anyway; a link that falls quiet is closed by one
//! confirmation. A peer that owes an echo and stays silent is asked; see [`crate::hub`] for what
//! happens if it does not answer.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::Wants;
use crate::log::Item;
use crate::star::{Star, due};

/// A node that has heard nothing of its hub introduces itself after this time, and so does a hub
/// that has heard of nobody.
pub(crate) const GREETING: Duration = Duration::from_millis(600);

/// While a link is busy, confirmations may take this long.
const CONFIRM_LATEST: Duration = Duration::from_millis(2500);

/// A round that is this much later than expected will not come.
const GRACE: Duration = Duration::from_millis(50);

/// So many questions may remain unanswered; with the next silence, the peer is suspected.
const QUESTIONS: u32 = 2;

impl<T: Item> Star<T> {
    /// Compares what a peer has with what we have. If something is missing, it may be on its way,
    /// since messages overtake each other: unless there is `more` for certain, we wait a little.
    pub(crate) fn look_for_gaps(&mut self, from: usize, more: bool, now: Instant) {
        let patience = self.rtt(from).jitter();
        let link = &mut self.links[from];
        if self.logs.vector().covers(&link.has) {
            link.lacking = None;
        } else if more {
            link.lacking = Some(now);
        } else {
            link.lacking.get_or_insert(now + patience);
        }
    }

    /// Answers whoever wants an answer, with what it lacks; asks for what we lack ourselves.
    pub(crate) fn answer(&mut self, peer: usize, now: Instant) {
        if !due(self.answer_at(peer), now) {
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

    pub(crate) fn answer_at(&self, peer: usize) -> Option<Instant> {
        let link = &self.links[peer];
        if link.answer {
            return Some(self.start);
        }
        // One question at a time is enough.
        let may_ask = link.suspected.is_none() && !link.is_asked();
        link.lacking.filter(|_| may_ask)
    }

    /// Confirms what a peer has sent, if no other message has done so.
    pub(crate) fn confirm(&mut self, peer: usize, now: Instant) {
        if !due(self.confirm_at(peer), now) {
            return;
        }
        if self.is_neighbour(peer) {
            self.tell(peer, Wants::Nothing, now);
        } else {
            self.note(peer, now);
        }
    }

    /// The hub confirms with its next round, and others once the hub's next round has not come.
    pub(crate) fn confirm_at(&self, peer: usize) -> Option<Instant> {
        let owed = self.links[peer].owed?;
        if self.serves(peer) {
            return None;
        }
        if peer != self.hub() {
            // It takes us for its follower, or we did so for it until now: it should know better.
            return Some(owed.last_at);
        }
        let quiet_at = owed.last_at + self.quiet(peer);
        Some(quiet_at.min(owed.first_at + CONFIRM_LATEST))
    }

    /// After this time without a message a link is quiet.
    fn quiet(&self, peer: usize) -> Duration {
        self.windows.round + self.rtt(peer).jitter() + GRACE
    }

    /// When a peer is late: with its answer, if it was asked; with the round that would confirm
    /// what we sent, if it is our hub; and otherwise when the link has fallen quiet.
    pub(crate) fn late_at(&self, peer: usize) -> Option<Instant> {
        let link = &self.links[peer];
        let waiting = link.waiting.filter(|_| link.suspected.is_none())?;
        let (rtt, quiet) = (self.rtt(peer), self.quiet(peer));
        if waiting.asks > 0 {
            return Some(waiting.asked_at + rtt.timeout());
        }
        if peer != self.hub() {
            let confirmed = (waiting.last_at + quiet).min(waiting.first_at + CONFIRM_LATEST);
            return Some(confirmed + rtt.timeout());
        }
        Some(match waiting.round_at {
            Some(round_at) => round_at + rtt.slack(),
            None => waiting.first_at + quiet + rtt.timeout(),
        })
    }

    /// Asks a peer that is late; gives it up if it has not answered before.
    pub(crate) fn press(&mut self, peer: usize, now: Instant) {
        if !due(self.late_at(peer), now) {
            return;
        }
        let link = &mut self.links[peer];
        link.greeted = None;
        match link.waiting.map_or(0, |waiting| waiting.asks) {
            0 => {
                // Perhaps a message was lost: its content goes out again.
                link.sent = link.has.clone();
                self.tell(peer, Wants::Answer, now);
            }
            asks if asks < QUESTIONS => self.ask(peer, now),
            _ => self.suspect(peer, now),
        }
    }

    /// Introduces this node to its hub, or a hub to another node: it may have been restarted, and
    /// know nothing.
    pub(crate) fn greet(&mut self, now: Instant) {
        if !due(self.greet_at, now) {
            return;
        }
        self.greet_at = None;
        let hub = self.hub();
        let other = Some(hub).filter(|&hub| hub != self.me);
        if let Some(other) = other.or_else(|| self.peers().next()) {
            self.tell(other, Wants::Answer, now);
            self.links[other].greeted = Some(now);
        }
    }
}
