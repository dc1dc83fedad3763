//! Composes messages.

use tokio::time::Instant;

use crate::gossip::{Gossip, Head, Wants};
use crate::log::{Item, Run};
use crate::star::Star;

/// The limit of items per message. A node that lacks more asks again.
pub(crate) const MAX_ITEMS: usize = 1024;

impl<T: Item> Star<T> {
    /// Sends a peer all that it lacks and that is not on its way. Items always want a confirmation.
    pub(crate) fn send_news(&mut self, peer: usize, wants: Wants, now: Instant) {
        let news = self.logs.since(&self.links[peer].sent, MAX_ITEMS);
        self.send(peer, news, wants, now);
    }

    /// Asks a peer that may be unreachable what it holds and lacks.
    pub(crate) fn send_question(&mut self, peer: usize, now: Instant) {
        self.send(peer, Vec::new(), Wants::Answer, now);
    }

    /// Sends a peer this node's state, and no items.
    pub(crate) fn send_state(&mut self, peer: usize, now: Instant) {
        self.send(peer, Vec::new(), Wants::Nothing, now);
    }

    fn send(&mut self, peer: usize, news: Vec<Run<T>>, wants: Wants, now: Instant) {
        let (hub, now_ms) = (self.hub(), self.ms(now));
        let wants = match news.is_empty() {
            true => wants,
            false => wants.max(Wants::Confirmation),
        };
        let waited = match peer == hub && !news.is_empty() {
            true => self.up.waiting_since.take(),
            false => None,
        };
        let timetable = self.up.timetable.filter(|_| peer == hub);
        let round_at = timetable.map(|timetable| timetable.confirmed_at(now));
        let next_round = self.announced_round();
        let link = &mut self.links[peer];
        for run in &news {
            link.sent.raise(run.origin, run.upto);
        }
        link.sent_version = self.logs.version();
        link.owed = None;
        let at = link.next_stamp(now_ms);
        if wants != Wants::Nothing {
            link.expect_confirmation(at, wants == Wants::Answer, round_at, now);
        }
        let ms_since = |since: Instant| (now - since).as_millis() as u64;
        let echo = link.stamp_heard;
        let head = Head {
            have: self.logs.vector().clone(),
            wants,
            hub,
            waited: waited.map_or(0, ms_since),
            incarnation: self.origin.incarnation,
            at,
            echo: echo.map(|(stamp, since)| (stamp, ms_since(since))),
            next: next_round
                .map(|at| (at - now).as_millis() as u64)
                .filter(|&ms| ms > 0),
        };
        let head = Some(head);
        self.outgoing.push((peer, Gossip { news, head }));
    }
}
