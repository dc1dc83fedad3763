//! What survives a crash: the term, the vote, the log and the snapshot (Figure 2, "persistent state
//! on all servers").
//!
//! The state changes through [`Record`]s only, and a disk stores the very same records. So what a
//! server finds after a crash is what it had: it replays them.

use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::message::{Entry, Snapshot, Term};

/// A change of the persistent state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<C> {
    /// The server is in this term, and has voted for this candidate.
    Term {
        /// The latest term the server has seen.
        current_term: Term,
        /// The candidate that received its vote in that term, if any.
        voted_for: Option<String>,
    },
    /// The log has this entry, and nothing behind it.
    Entry(Entry<C>),
    /// The log begins after this snapshot.
    Snapshot(Snapshot),
}

/// The persistent state of a server.
#[derive(Clone, Debug)]
pub struct Persistent<C> {
    /// The latest term the server has seen.
    pub current_term: Term,
    /// The candidate that received its vote in the current term, if any.
    pub voted_for: Option<String>,
    /// The log.
    pub log: Log<C>,
    /// What stands for the entries that the log has no more.
    pub snapshot: Option<Snapshot>,
}

impl<C> Default for Persistent<C> {
    fn default() -> Self {
        Self {
            current_term: 0,
            voted_for: None,
            log: Log::default(),
            snapshot: None,
        }
    }
}

impl<C: Clone> Persistent<C> {
    /// Makes a change. Changes that are made again, in the same order, change nothing: a log that
    /// was rewritten may be followed by records that it includes already.
    pub fn replay(&mut self, record: Record<C>) {
        match record {
            Record::Term {
                current_term,
                voted_for,
            } => {
                self.current_term = current_term;
                self.voted_for = voted_for;
            }
            Record::Entry(entry) if entry.index <= self.log.last_included_index() => {}
            Record::Entry(entry) => self.log.store(entry),
            Record::Snapshot(snapshot) => {
                let (index, term) = (snapshot.last_included_index, snapshot.last_included_term);
                self.log.compact(index, term);
                self.snapshot = Some(snapshot);
            }
        }
    }

    /// The fewest records that lead to this state.
    pub fn records(&self) -> Vec<Record<C>> {
        let term = Record::Term {
            current_term: self.current_term,
            voted_for: self.voted_for.clone(),
        };
        let entries = self.log.entries().iter().cloned().map(Record::Entry);
        let snapshot = self.snapshot.iter().cloned().map(Record::Snapshot);
        [term].into_iter().chain(snapshot).chain(entries).collect()
    }
}
