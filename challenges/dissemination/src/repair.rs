//! The rules that make delivery reliable. Without faults they cost almost nothing.
//!
//! A receiver sees from the versions in each message what it lacks, and asks for it. So a sender only
//! has to make sure that its *last* message arrives: the echo of that message's stamp confirms all
//! before it. Echoes travel on messages that are sent anyway. When a link falls quiet, one message
//! confirms the last. A peer whose confirmation is late is questioned.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::Wants;
use crate::link::State;
use crate::log::Item;
use crate::star::{Star, is_due};

/// The longest time until a message is confirmed, on a busy link.
const CONFIRM_WITHIN: Duration = Duration::from_millis(2500);

/// The time after the announced arrival of a round at which a node stops expecting it.
const ROUND_GRACE: Duration = Duration::from_millis(50);

/// The number of questions that a peer may leave unanswered before it is suspected.
const MAX_QUESTIONS: u32 = 2;

impl<T: Item> Star<T> {
    /// Schedules a question to a peer that holds something that this node lacks. It may be on its
    /// way, since messages overtake each other. So the question waits for the jitter of the link,
    /// unless the peer certainly has `more`.
    pub(crate) fn look_for_gaps(&mut self, from: usize, more: bool, now: Instant) {
        let has_gaps = self.links[from].incoming.has_gaps();
        if !has_gaps && self.links[from].ask_at.is_none() {
            return;
        }
        let jitter = self.rtt(from).jitter();
        let link = &mut self.links[from];
        if !has_gaps {
            link.ask_at = None;
        } else if more {
            link.ask_at = Some(now);
        } else {
            link.ask_at.get_or_insert(now + jitter);
        }
    }

    /// Answers a peer's question with what it lacks, and asks for what this node lacks.
    pub(crate) fn answer(&mut self, peer: usize, now: Instant) {
        if !is_due(self.answer_at(peer), now) {
            return;
        }
        let link = &mut self.links[peer];
        // Another peer may have sent what was missing.
        link.incoming.close_gaps(&self.logs);
        let owed = std::mem::take(&mut link.answer_owed);
        let lacking = link.ask_at.take().is_some() && link.incoming.has_gaps();
        if !owed && !lacking {
            return;
        }
        let wants = if lacking || link.is_suspected() {
            Wants::Answer
        } else {
            Wants::Nothing
        };
        self.send_news(peer, wants, now);
    }

    /// Returns the time of the next answer or question, if there is one.
    pub(crate) fn answer_at(&self, peer: usize) -> Option<Instant> {
        let link = &self.links[peer];
        if link.answer_owed {
            return Some(self.start);
        }
        let may_ask = !link.is_suspected() && !link.is_asked();
        link.ask_at.filter(|_| may_ask)
    }

    /// Confirms what a peer has sent, if no other message has done so.
    pub(crate) fn confirm(&mut self, peer: usize, now: Instant) {
        if !is_due(self.confirm_at(peer), now) {
            return;
        }
        if !self.is_neighbour(peer) {
            return self.send_state(peer, now);
        }
        // In a large cluster a node publishes rarely, and would notice a dead hub late. But its hub sends
        // it the items of all others in every round, so a round that does not arrive is a reason to ask.
        let wants = match self.groups.are_many() && peer == self.hub() {
            true => Wants::Answer,
            false => Wants::Nothing,
        };
        self.send_news(peer, wants, now);
    }

    /// Returns the time of the confirmation that a peer is owed. A hub confirms with its next
    /// round; other nodes do so if the hub's next round does not arrive.
    pub(crate) fn confirm_at(&self, peer: usize) -> Option<Instant> {
        let owed = self.links[peer].owed?;
        if self.serves(peer) {
            return None;
        }
        if peer != self.hub() {
            // The peer regards this node as its follower, or was its hub until now, and has to
            // learn of the change.
            return Some(owed.last_at);
        }
        let quiet_at = owed.last_at + self.quiet_after(peer);
        Some(quiet_at.min(owed.first_at + CONFIRM_WITHIN))
    }

    /// Returns the time without a message after which a link is quiet.
    fn quiet_after(&self, peer: usize) -> Duration {
        self.windows.round + self.rtt(peer).jitter() + ROUND_GRACE
    }

    /// Returns the time at which a peer is late: with its answer, if it was asked; with the round
    /// that confirms what was sent, if it is the hub; and otherwise once the link has fallen quiet.
    pub(crate) fn late_at(&self, peer: usize) -> Option<Instant> {
        let link = &self.links[peer];
        let unconfirmed = link.unconfirmed.filter(|_| !link.is_suspected())?;
        let (rtt, quiet_after) = (self.rtt(peer), self.quiet_after(peer));
        if unconfirmed.questions > 0 {
            return Some(unconfirmed.asked_at + rtt.timeout());
        }
        if peer != self.hub() {
            let quiet_at = unconfirmed.last_at + quiet_after;
            let confirmed_at = quiet_at.min(unconfirmed.first_at + CONFIRM_WITHIN);
            return Some(confirmed_at + rtt.timeout());
        }
        Some(match unconfirmed.round_at {
            Some(round_at) => round_at + rtt.slack(),
            None => unconfirmed.first_at + quiet_after + rtt.timeout(),
        })
    }

    /// Questions a peer that is late, and suspects it if it has left its questions unanswered.
    pub(crate) fn retry_or_suspect(&mut self, peer: usize, now: Instant) {
        if !is_due(self.late_at(peer), now) {
            return;
        }
        let link = &mut self.links[peer];
        link.state = State::Questioned;
        match link.unconfirmed.map_or(0, |it| it.questions) {
            0 => {
                // A message may have been lost, so its content is sent again.
                link.outgoing.rewind();
                self.send_news(peer, Wants::Answer, now);
            }
            questions if questions < MAX_QUESTIONS => self.send_question(peer, now),
            _ => self.suspect(peer, now),
        }
    }

    /// Introduces this node to its hub, or a hub to another node: after a restart, it has to learn
    /// what other nodes hold.
    pub(crate) fn send_hello(&mut self, now: Instant) {
        if !is_due(self.hello_at, now) {
            return;
        }
        self.hello_at = None;
        let hub = Some(self.hub()).filter(|&hub| hub != self.me);
        let other = || self.peers().next();
        // While the first node of a group was down, the next was its hub.
        let successor = self.groups.members(self.me).nth(1);
        let successor = successor.filter(|_| self.is_group_hub());
        for peer in hub.or_else(other).into_iter().chain(successor) {
            self.send_news(peer, Wants::Answer, now);
        }
    }
}
