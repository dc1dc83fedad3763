//! The state that survives a crash: term, vote, log and snapshot (Figure 2, "persistent state on all
//! servers").
//!
//! The state changes only through [`Record`]s, and the disk stores the same records. A server that
//! restarts replays them and so returns to the state it had made durable.

use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::message::{Entry, Index, Snapshot, Term, Voters};

/// A change to the persistent state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<C> {
    /// The server enters a term or votes in it.
    Term {
        /// The latest term the server has seen.
        current_term: Term,
        /// The candidate that received its vote in that term, if any.
        voted_for: Option<String>,
    },
    /// The entry is stored at its index; all later entries are removed.
    Entry(Entry<C>),
    /// The snapshot replaces all entries up to its last included index.
    Snapshot(Snapshot),
}

/// The persistent state of a server.
#[derive(Clone, Debug)]
pub struct Persistent<C> {
    /// The latest term the server has seen.
    pub current_term: Term,
    /// The candidate that received its vote in the current term, if any.
    pub voted_for: Option<String>,
    /// The log, without the entries that the snapshot replaces.
    pub log: Log<C>,
    /// The snapshot that replaces the first entries of the log, if any.
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
    /// Applies a record. An entry that the snapshot includes has no effect.
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

    /// Returns the last configuration at or before an index, with the index of its entry, or the
    /// index of the snapshot that includes it. `None` means the first configuration of the cluster.
    /// The index must not lie before the end of the snapshot.
    pub fn configuration_at(&self, index: Index) -> Option<(Index, Voters)> {
        let in_log = self.log.configuration_at(index).cloned();
        in_log.or_else(|| {
            let snapshot = self.snapshot.as_ref()?;
            Some((snapshot.last_included_index, snapshot.voters.clone()?))
        })
    }

    /// Returns the shortest list of records that leads to this state.
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
