//! The log: entries in a row, of which the first ones may have made way for a snapshot.

use crate::message::{Appended, Command, Entry, Index, Term};

/// A log whose entries up to `last_included_index` are gone, since a snapshot includes them.
#[derive(Clone, Debug)]
pub struct Log<C> {
    last_included_index: Index,
    last_included_term: Term,
    /// The entry at position *i* has index `last_included_index + 1 + i`.
    entries: Vec<Entry<C>>,
}

impl<C> Default for Log<C> {
    fn default() -> Self {
        Self {
            last_included_index: 0,
            last_included_term: 0,
            entries: Vec::new(),
        }
    }
}

impl<C: Clone> Log<C> {
    /// The index of the last entry; 0 in an empty log.
    pub fn last_index(&self) -> Index {
        self.last_included_index + self.entries.len() as Index
    }

    /// The term of the last entry; 0 in an empty log.
    pub fn last_term(&self) -> Term {
        self.entries
            .last()
            .map_or(self.last_included_term, |entry| entry.term)
    }

    /// The last index that only the snapshot includes.
    pub fn last_included_index(&self) -> Index {
        self.last_included_index
    }

    /// The entries that are not yet part of a snapshot.
    pub fn entries(&self) -> &[Entry<C>] {
        &self.entries
    }

    /// The entry at an index, if the log has it.
    pub fn get(&self, index: Index) -> Option<&Entry<C>> {
        let position = index.checked_sub(self.last_included_index + 1)?;
        self.entries.get(usize::try_from(position).ok()?)
    }

    /// The term of the entry at an index; none beyond the end, and before the last included one.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.last_included_index {
            return Some(self.last_included_term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// The entries from an index on, as many as fit in so many bytes, but at least one if there is
    /// any.
    pub fn from(&self, index: Index, bytes_max: usize) -> Vec<Entry<C>>
    where
        C: Command,
    {
        let start = index.saturating_sub(self.last_included_index + 1) as usize;
        let mut bytes = 0;
        let fits = |entry: &&Entry<C>| {
            let before = bytes;
            bytes += entry.command.as_ref().map_or(0, Command::size_bytes);
            before == 0 || bytes <= bytes_max
        };
        let rest = self.entries.get(start..).unwrap_or_default();
        rest.iter().take_while(fits).cloned().collect()
    }

    /// Stores an entry at its index; whatever is there and behind it goes.
    ///
    /// # Panics
    ///
    /// If the entry would leave a gap, or replace something that a snapshot includes.
    pub fn store(&mut self, entry: Entry<C>) {
        let place = entry.index.checked_sub(self.last_included_index + 1);
        let place = place.expect("what a snapshot includes is never replaced") as usize;
        assert!(place <= self.entries.len(), "a log has no gaps");
        self.entries.truncate(place);
        self.entries.push(entry);
    }

    /// Forgets everything that a snapshot includes. What follows it stays only if the log agrees
    /// with the snapshot about its last entry (Figure 13, rules 6 and 7).
    pub fn compact(&mut self, last_included_index: Index, last_included_term: Term) {
        if last_included_index <= self.last_included_index {
            return;
        }
        if self.term_at(last_included_index) == Some(last_included_term) {
            let included = (last_included_index - self.last_included_index) as usize;
            self.entries.drain(..included);
        } else {
            self.entries.clear();
        }
        self.last_included_index = last_included_index;
        self.last_included_term = last_included_term;
    }

    /// Whether the log contains an entry of this index and term; if not, where it differs (§5.3,
    /// the optimisation at its end: one rejection for each conflicting term, not for each entry).
    pub fn check(&self, prev_log_index: Index, prev_log_term: Term) -> Result<(), Appended> {
        let (term, index) = match self.term_at(prev_log_index) {
            Some(term) if term == prev_log_term => return Ok(()),
            // Committed, or it would not be in a snapshot; so the leader's log has it too.
            None if prev_log_index < self.last_included_index => return Ok(()),
            None => (None, self.last_index() + 1),
            Some(term) => (Some(term), self.first_of_term(term)),
        };
        Err(Appended::Conflict {
            prev_log_index,
            term,
            index,
        })
    }

    /// The last index of this term, if the log has any.
    pub fn last_of_term(&self, term: Term) -> Option<Index> {
        let end = self.entries.partition_point(|entry| entry.term <= term);
        let last = self.last_included_index + end as Index;
        (self.term_at(last) == Some(term)).then_some(last)
    }

    /// The first index of this term, or the first after the snapshot if the term began before.
    fn first_of_term(&self, term: Term) -> Index {
        let before = self.entries.partition_point(|entry| entry.term < term);
        self.last_included_index + 1 + before as Index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Command for char {
        fn size_bytes(&self) -> usize {
            1
        }
    }

    /// A log with entries of these terms, from index 1 on.
    fn log(terms: &[Term]) -> Log<char> {
        let mut log = Log::default();
        for (index, &term) in (1..).zip(terms) {
            let command = Some('x');
            log.store(Entry {
                index,
                term,
                command,
            });
        }
        log
    }

    fn terms(log: &Log<char>) -> Vec<Term> {
        log.entries().iter().map(|entry| entry.term).collect()
    }

    fn conflict(prev_log_index: Index, term: Option<Term>, index: Index) -> Result<(), Appended> {
        Err(Appended::Conflict {
            prev_log_index,
            term,
            index,
        })
    }

    #[test]
    fn an_entry_replaces_everything_from_its_index_on() {
        let mut log = log(&[1, 1, 2, 2]);
        log.store(Entry {
            index: 2,
            term: 3,
            command: None,
        });
        assert_eq!(terms(&log), [1, 3]);
    }

    #[test]
    fn a_conflict_names_the_first_entry_of_the_conflicting_term() {
        let log = log(&[1, 1, 4, 4, 4]);
        assert_eq!(log.check(5, 6), conflict(5, Some(4), 3));
        assert_eq!(log.check(9, 6), conflict(9, None, 6));
        assert_eq!(log.check(2, 1), Ok(()));
        assert_eq!(log.check(0, 0), Ok(()));
    }

    #[test]
    fn the_last_entry_of_a_term_is_found_even_in_the_snapshot() {
        let mut log = log(&[1, 1, 4, 4, 6]);
        assert_eq!(log.last_of_term(4), Some(4));
        assert_eq!(log.last_of_term(5), None);
        log.compact(4, 4);
        assert_eq!(log.last_of_term(4), Some(4));
        assert_eq!(log.last_of_term(1), None);
    }

    #[test]
    fn a_snapshot_keeps_what_follows_it_if_the_log_agrees_with_it() {
        let mut agreeing = log(&[1, 1, 2, 2]);
        agreeing.compact(2, 1);
        assert_eq!((terms(&agreeing), agreeing.last_index()), (vec![2, 2], 4));
        let mut disagreeing = log(&[1, 1, 2, 2]);
        disagreeing.compact(3, 3);
        assert!(disagreeing.entries().is_empty());
        assert_eq!((disagreeing.last_index(), disagreeing.last_term()), (3, 3));
        let mut short = log(&[1]);
        short.compact(7, 2);
        assert_eq!((short.last_index(), short.term_at(6)), (7, None));
    }

    #[test]
    fn what_a_snapshot_includes_is_agreed_on() {
        let mut log = log(&[1, 1, 2, 2]);
        log.compact(3, 2);
        assert_eq!(log.check(1, 9), Ok(()));
        assert_eq!(log.check(3, 2), Ok(()));
        assert_eq!(log.check(4, 3), conflict(4, Some(2), 4));
    }

    #[test]
    fn a_message_takes_as_many_entries_as_fit_and_at_least_one() {
        let log = log(&[1, 1, 1, 1]);
        assert_eq!(log.from(2, 2).len(), 2);
        assert_eq!(log.from(2, 0).len(), 1);
        assert_eq!(log.from(5, 100).len(), 0);
    }
}
