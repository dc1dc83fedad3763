//! The sends that this node has taken from clients for one shard, until they are answered.
//!
//! A request is *held* until there is a way to the shard's leader, and *under way* from the moment
//! when it has a number and may be in somebody's journal. The difference is what a client may be
//! told: of a request that was only held it is certain that it has no effect and never will; one
//! that is under way is repeated until it is committed, however long that takes.

use std::collections::VecDeque;
use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::patience::Patience;
use crate::wire::Forwarded;

/// A message for a log, and where its offset is waited for.
#[derive(Debug)]
pub struct Request {
    ticket: u64,
    /// The key of the log.
    pub key: Rc<str>,
    /// The message.
    pub msg: Value,
    answer: oneshot::Sender<u64>,
}

/// The unanswered sends for one shard, in the order in which they came.
#[derive(Debug, Default)]
pub struct Requests {
    tickets: u64,
    held: VecDeque<Request>,
    /// Their numbers follow upon one another, and end at `latest`.
    under_way: VecDeque<Request>,
    latest: u64,
    /// So many of those under way have been sent to the present leader.
    sent: usize,
    /// How long answers are waited for.
    pub patience: Patience,
}

impl Requests {
    /// Holds a request; its offset comes on the channel.
    pub fn hold(&mut self, key: Rc<str>, msg: Value) -> (u64, oneshot::Receiver<u64>) {
        let (answer, offset) = oneshot::channel();
        self.tickets += 1;
        let ticket = self.tickets;
        self.held.push_back(Request {
            ticket,
            key,
            msg,
            answer,
        });
        (ticket, offset)
    }

    /// Takes a request back, if it is still held: then it will never have any effect.
    pub fn withdraw(&mut self, ticket: u64) -> bool {
        let position = self.held.iter().position(|held| held.ticket == ticket);
        position.and_then(|held| self.held.remove(held)).is_some()
    }

    /// Whether any are not answered.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.under_way.is_empty()
    }

    /// Whether any are held.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives all that are held their numbers: they are under way.
    pub fn release(&mut self) {
        self.latest += self.held.len() as u64;
        self.under_way.append(&mut self.held);
    }

    /// Those under way, with their numbers.
    pub fn under_way(&self) -> impl Iterator<Item = (u64, &Request)> {
        (self.first()..).zip(&self.under_way)
    }

    /// Those that have not been sent to the present leader, if any; they count as sent from now on.
    pub fn take_unsent(&mut self) -> Option<Forwarded> {
        let unsent = self.under_way.range(self.sent..);
        let forwarded = Forwarded {
            first: self.first() + self.sent as u64,
            requests: unsent.map(|r| (r.key.clone(), r.msg.clone())).collect(),
        };
        self.sent = self.under_way.len();
        (!forwarded.requests.is_empty()).then_some(forwarded)
    }

    /// There is another leader, to whom all must be sent again.
    pub fn rewind(&mut self) {
        self.sent = 0;
        self.patience = Patience::default();
    }

    /// All must be sent again, if they were waited for long enough: they may have been lost.
    /// Returns whether that is so.
    pub fn send_again(&mut self, now: Instant) -> bool {
        let is_overdue = self.patience.has_ended(now);
        if is_overdue {
            self.sent = 0;
        }
        is_overdue
    }

    /// Whether any were sent to the leader and are not answered.
    pub fn awaits_leader(&self) -> bool {
        self.sent > 0
    }

    /// Answers the request of this number: its message is committed.
    pub fn resolve(&mut self, number: u64, offset: u64) {
        // Entries of one origin are committed in order, each once, so it is the first.
        debug_assert_eq!(number, self.first(), "requests are committed in order");
        self.sent = self.sent.saturating_sub(1);
        if let Some(request) = self.under_way.pop_front() {
            // The client may have been told that nothing is known; then nobody listens.
            let _ = request.answer.send(offset);
        }
    }

    fn first(&self) -> u64 {
        self.latest + 1 - self.under_way.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(requests: &Requests) -> Vec<u64> {
        requests.under_way().map(|(number, _)| number).collect()
    }

    #[test]
    fn only_what_is_held_can_be_withdrawn() {
        let mut requests = Requests::default();
        let (first, _) = requests.hold("a".into(), 1.into());
        requests.release();
        let (second, _) = requests.hold("a".into(), 2.into());
        assert!(!requests.withdraw(first));
        assert!(requests.withdraw(second));
        assert!(!requests.withdraw(second));
        assert_eq!(numbers(&requests), [1]);
    }

    #[test]
    fn numbers_have_no_gaps_whatever_is_withdrawn() {
        let mut requests = Requests::default();
        for msg in 0..4 {
            let (ticket, _) = requests.hold("a".into(), msg.into());
            if msg % 2 == 0 {
                requests.withdraw(ticket);
            }
        }
        requests.release();
        assert_eq!(numbers(&requests), [1, 2]);
    }

    #[test]
    fn a_request_is_sent_once_until_all_are_sent_again() {
        let mut requests = Requests::default();
        let (_, mut offset) = requests.hold("a".into(), 1.into());
        requests.hold("a".into(), 2.into());
        requests.release();
        let firsts = |requests: &mut Requests| {
            let forwarded = requests.take_unsent()?;
            Some((forwarded.first, forwarded.requests.len()))
        };
        assert_eq!(firsts(&mut requests), Some((1, 2)));
        assert_eq!(firsts(&mut requests), None);
        requests.resolve(1, 0);
        assert_eq!(offset.try_recv(), Ok(0));
        requests.rewind();
        assert_eq!(firsts(&mut requests), Some((2, 1)));
    }
}
