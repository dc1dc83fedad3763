//! The unanswered sends of this node's clients for one shard.
//!
//! A request is *held* until the shard's leader can be reached, and *in flight* from the moment
//! when it has a number and may be in a journal. A held request can be withdrawn, and then
//! certainly has no effect. One that is in flight is repeated until it is committed.

use std::collections::VecDeque;
use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::retry::RetryTimer;
use crate::wire::Forwarded;

/// A message for a log, and the channel for its offset.
#[derive(Debug)]
pub struct Request {
    ticket: u64,
    /// The key of the log.
    pub key: Rc<str>,
    /// The message.
    pub msg: Value,
    reply: oneshot::Sender<u64>,
}

/// The unanswered sends for one shard, in the order in which clients sent them.
#[derive(Debug, Default)]
pub struct Requests {
    tickets: u64,
    held: VecDeque<Request>,
    /// Requests with consecutive numbers, of which the last is `latest`.
    in_flight: VecDeque<Request>,
    latest: u64,
    /// Number of requests in flight that were sent to the present leader.
    sent: usize,
    /// Retries of requests that the leader has not answered.
    pub retry: RetryTimer,
}

impl Requests {
    /// Holds a request. Returns a ticket to withdraw it, and the channel for its offset.
    pub fn hold(&mut self, key: Rc<str>, msg: Value) -> (u64, oneshot::Receiver<u64>) {
        let (reply, offset) = oneshot::channel();
        self.tickets += 1;
        let ticket = self.tickets;
        self.held.push_back(Request {
            ticket,
            key,
            msg,
            reply,
        });
        (ticket, offset)
    }

    /// Removes a request that is still held, and returns whether it was.
    pub fn withdraw(&mut self, ticket: u64) -> bool {
        let position = self.held.iter().position(|held| held.ticket == ticket);
        position.and_then(|held| self.held.remove(held)).is_some()
    }

    /// Returns whether all requests are answered.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.in_flight.is_empty()
    }

    /// Returns whether any requests are held.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Numbers all held requests: they are in flight from now on.
    pub fn release(&mut self) {
        self.latest += self.held.len() as u64;
        self.in_flight.append(&mut self.held);
    }

    /// Returns the requests in flight with their numbers.
    pub fn in_flight(&self) -> impl Iterator<Item = (u64, &Request)> {
        (self.first()..).zip(&self.in_flight)
    }

    /// Returns the requests that were not sent to the present leader yet, if there are any, and
    /// marks them as sent.
    pub fn take_unsent(&mut self) -> Option<Forwarded> {
        let unsent = self.in_flight.range(self.sent..);
        let forwarded = Forwarded {
            first: self.first() + self.sent as u64,
            requests: unsent.map(|r| (r.key.clone(), r.msg.clone())).collect(),
        };
        self.sent = self.in_flight.len();
        (!forwarded.requests.is_empty()).then_some(forwarded)
    }

    /// Marks all requests as unsent, since there is a new leader.
    pub fn rewind(&mut self) {
        self.sent = 0;
        self.retry = RetryTimer::default();
    }

    /// Marks all requests as unsent if they have been unanswered for too long, and returns whether
    /// it did.
    pub fn rewind_if_overdue(&mut self, now: Instant) -> bool {
        let is_overdue = self.retry.take_fired(now);
        if is_overdue {
            self.sent = 0;
        }
        is_overdue
    }

    /// Returns whether any requests were sent to the leader and not answered.
    pub fn awaits_leader(&self) -> bool {
        self.sent > 0
    }

    /// Answers a request whose message is committed.
    ///
    /// # Panics
    ///
    /// If it is not the first one in flight: the journal holds the requests of an origin in order,
    /// each once. Answering another request would give a client the offset of a message that is not
    /// its own.
    pub fn resolve(&mut self, number: u64, offset: u64) {
        assert_eq!(
            number,
            self.first(),
            "an origin's requests are committed in order, each once"
        );
        let request = self.in_flight.pop_front();
        let request = request.expect("only requests in flight are committed");
        self.sent = self.sent.saturating_sub(1);
        // The client may have given up, in which case the channel is closed.
        let _ = request.reply.send(offset);
    }

    fn first(&self) -> u64 {
        self.latest + 1 - self.in_flight.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(requests: &Requests) -> Vec<u64> {
        requests.in_flight().map(|(number, _)| number).collect()
    }

    #[test]
    fn only_held_requests_can_be_withdrawn() {
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
    fn withdrawn_requests_leave_no_gap_in_the_numbers() {
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
    fn request_is_sent_once_to_each_leader() {
        let mut requests = Requests::default();
        let (_, mut offset) = requests.hold("a".into(), 1.into());
        requests.hold("a".into(), 2.into());
        requests.release();
        let unsent = |requests: &mut Requests| {
            let forwarded = requests.take_unsent()?;
            Some((forwarded.first, forwarded.requests.len()))
        };
        assert_eq!(unsent(&mut requests), Some((1, 2)));
        assert_eq!(unsent(&mut requests), None);
        requests.resolve(1, 0);
        assert_eq!(offset.try_recv(), Ok(0));
        requests.rewind();
        assert_eq!(unsent(&mut requests), Some((2, 1)));
    }

    #[test]
    #[should_panic(expected = "committed in order")]
    fn offset_of_another_request_is_rejected() {
        let mut requests = Requests::default();
        requests.hold("a".into(), 1.into());
        requests.hold("a".into(), 2.into());
        requests.release();
        requests.resolve(2, 0);
    }
}
