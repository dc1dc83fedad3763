//! Composes messages.

use tokio::time::Instant;

use crate::delta::Interval;
use crate::gossip::{Gossip, Head, Wants};
use crate::log::{Item, Run};
use crate::star::{Level, Star};
use crate::vector::Vector;

/// The limit of items per message. A node that lacks more asks again.
pub(crate) const MAX_ITEMS: usize = 1024;

/// The limit of items sent at a time to a node that has not said what it holds.
const MAX_UNASKED_ITEMS: u64 = 64;

/// What a message says of its sender's logs.
struct Content<T> {
    versions: Option<Interval>,
    news: Vec<Run<T>>,
    have: Vector,
    /// Whether all that the peer lacks is on its way with this message.
    whole: bool,
}

impl<T: Item> Star<T> {
    /// Sends a peer all that it lacks and that is not on its way. Items always want a confirmation.
    pub(crate) fn send_news(&mut self, peer: usize, wants: Wants, now: Instant) {
        let limit = if self.is_unknown(peer) { 0 } else { MAX_ITEMS };
        let content = self.content(peer, self.links[peer].outgoing.sent, limit);
        let outgoing = &mut self.links[peer].outgoing;
        if content.whole {
            outgoing.complete(self.logs.version());
        } else {
            for run in &content.news {
                outgoing.on_the_way.raise(run.origin, run.upto);
            }
        }
        self.send(peer, content, wants, now);
    }

    /// Asks a peer that may be unreachable what it holds and lacks.
    pub(crate) fn send_question(&mut self, peer: usize, now: Instant) {
        let content = self.content(peer, self.links[peer].outgoing.acked, 0);
        self.send(peer, content, Wants::Answer, now);
    }

    /// Sends a peer the state of this node and of the link, and nothing of the logs.
    pub(crate) fn send_state(&mut self, peer: usize, now: Instant) {
        let nothing = Content {
            versions: None,
            news: Vec::new(),
            have: Vector::default(),
            whole: false,
        };
        self.send(peer, nothing, Wants::Nothing, now);
    }

    /// Returns whether this node would send many items to a peer that has not said what it holds. A
    /// restarted hub would otherwise return to all nodes what they sent it.
    pub(crate) fn is_unknown(&self, peer: usize) -> bool {
        let introduced = self.links[peer].incoming.introduced;
        !introduced && self.leads_over(peer).sum::<u64>() > MAX_UNASKED_ITEMS
    }

    /// Accounts for all changes of the logs since a version. What the peer holds by its own word is
    /// left out, what it lacks is carried, up to a limit of items, and the rest is named.
    fn content(&self, peer: usize, after: u64, limit: usize) -> Content<T> {
        let upto = self.logs.version();
        let mut content = Content {
            versions: Some(Interval { after, upto }),
            news: Vec::new(),
            have: Vector::default(),
            whole: true,
        };
        let mut left = limit;
        let outgoing = &self.links[peer].outgoing;
        for origin in self.logs.changed_since(after) {
            let upto = self.logs.upto(origin);
            if outgoing.has.get(origin) >= upto {
                continue;
            }
            let mut carried = self.held_by(peer, outgoing, origin);
            let lacking = carried < upto && left > 0;
            if let Some(run) = lacking
                .then(|| self.logs.run(origin, carried, left))
                .flatten()
            {
                left -= run.items.len();
                carried = run.upto;
                content.news.push(run);
                if carried == upto {
                    continue;
                }
            }
            content.have.raise(origin, upto);
            content.whole &= carried >= upto;
        }
        content
    }

    fn send(&mut self, peer: usize, content: Content<T>, wants: Wants, now: Instant) {
        let Content {
            versions,
            news,
            mut have,
            ..
        } = content;
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
        let level = self.level_of(peer);
        let hubs = match level {
            Level::Hubs if self.hub == self.me => self.unusual_hubs(),
            _ => Vec::new(),
        };
        let next_round = self.announced_round(level);
        let lead = self.lead().filter(|_| level == Level::Group);
        let link = &mut self.links[peer];
        if wants == Wants::Answer {
            // The answer then leaves out what has arrived of the messages that are not complete.
            for origin in link.incoming.doubtful_origins() {
                have.raise(origin, self.logs.upto(origin));
            }
        }
        link.stated_version = self.logs.version();
        link.owed = None;
        let at = link.next_stamp(now_ms);
        if wants != Wants::Nothing {
            link.expect_confirmation(at, wants == Wants::Answer, round_at, now);
        }
        let ms_since = |since: Instant| (now - since).as_millis() as u64;
        let echo = link.stamp_heard;
        let head = Head {
            versions,
            have,
            seen: link.incoming.base,
            wants,
            hub,
            waited: waited.map_or(0, ms_since),
            incarnation: self.origin.incarnation,
            peer: link.incarnation,
            at,
            echo: echo.map(|(stamp, since)| (stamp, ms_since(since))),
            next: next_round
                .map(|at| (at - now).as_millis() as u64)
                .filter(|&ms| ms > 0),
            lead: lead.map_or(0, |lead| lead.as_millis() as u64),
            hubs,
        };
        let head = Some(head);
        self.outgoing.push((peer, Gossip { news, head }));
        self.timers.invalidate(peer);
    }
}
