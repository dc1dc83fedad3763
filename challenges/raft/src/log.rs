//! The replicated log in memory: consecutive entries, the first of which a snapshot may replace.

use crate::message::{Appended, Command, Entry, Index, Term, Voters};

/// A log without the entries up to `last_included_index`, which a snapshot replaces.
#[derive(Clone, Debug)]
pub struct Log<C> {
    last_included_index: Index,
    last_included_term: Term,
    /// The element at position *i* has index `last_included_index + 1 + i`.
    entries: Vec<Entry<C>>,
    /// The configurations in `entries`, by index in ascending order.
    configurations: Vec<(Index, Voters)>,
}

impl<C> Default for Log<C> {
    fn default() -> Self {
        Self {
            last_included_index: 0,
            last_included_term: 0,
            entries: Vec::new(),
            configurations: Vec::new(),
        }
    }
}

impl<C: Clone> Log<C> {
    /// Returns the index of the last entry; 0 in an empty log.
    pub fn last_index(&self) -> Index {
        self.last_included_index + self.entries.len() as Index
    }

    /// Returns the term of the last entry; 0 in an empty log.
    pub fn last_term(&self) -> Term {
        self.entries
            .last()
            .map_or(self.last_included_term, |entry| entry.term)
    }

    /// Returns the index of the last entry that the snapshot replaces; 0 without a snapshot.
    pub fn last_included_index(&self) -> Index {
        self.last_included_index
    }

    /// Returns the entries after the snapshot.
    pub fn entries(&self) -> &[Entry<C>] {
        &self.entries
    }

    /// Returns the entry at an index, if the log has it.
    pub fn get(&self, index: Index) -> Option<&Entry<C>> {
        let position = index.checked_sub(self.last_included_index + 1)?;
        self.entries.get(usize::try_from(position).ok()?)
    }

    /// Returns the term of the entry at an index; `None` beyond the end of the log and before the
    /// last included index.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.last_included_index {
            return Some(self.last_included_term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// Returns the last configuration at or before an index, with its index, if an entry after the
    /// snapshot holds it.
    pub fn configuration_at(&self, index: Index) -> Option<&(Index, Voters)> {
        let mut latest_first = self.configurations.iter().rev();
        latest_first.find(|(at, _)| *at <= index)
    }

    /// Returns entries from `index` on, as many as fit in `bytes_max` bytes, but at least one if
    /// there is one.
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

    /// Stores an entry at its index and removes all later entries.
    ///
    /// # Panics
    ///
    /// Panics if the entry would leave a gap or replace an entry that a snapshot includes.
    pub fn store(&mut self, entry: Entry<C>) {
        let place = entry.index.checked_sub(self.last_included_index + 1);
        let place = place.expect("an entry that a snapshot includes is never replaced") as usize;
        assert!(place <= self.entries.len(), "a log has no gaps");
        self.entries.truncate(place);
        while self
            .configurations
            .pop_if(|(index, _)| *index >= entry.index)
            .is_some()
        {}
        let configuration = entry.voters.iter().cloned();
        self.configurations
            .extend(configuration.map(|voters| (entry.index, voters)));
        self.entries.push(entry);
    }

    /// Removes the entries that a snapshot includes. Later entries stay only if the log and the
    /// snapshot agree on the last included entry (Figure 13, rules 6 and 7).
    pub fn compact(&mut self, last_included_index: Index, last_included_term: Term) {
        if last_included_index <= self.last_included_index {
            return;
        }
        if self.term_at(last_included_index) == Some(last_included_term) {
            let included = (last_included_index - self.last_included_index) as usize;
            self.entries.drain(..included);
            self.configurations
                .retain(|(index, _)| *index > last_included_index);
        } else {
            self.entries.clear();
            self.configurations.clear();
        }
        self.last_included_index = last_included_index;
        self.last_included_term = last_included_term;
    }

    /// Checks that the log contains an entry of this index and term.
    ///
    /// # Errors
    ///
    /// The conflict, if the log differs there. It names the first index of the conflicting term, so
    /// that a leader needs one rejection for each term, not for each entry (end of §5.3).
    pub fn check(&self, prev_log_index: Index, prev_log_term: Term) -> Result<(), Appended> {
        let (term, index) = match self.term_at(prev_log_index) {
            Some(term) if term == prev_log_term => return Ok(()),
            // A snapshot includes only committed entries, and every leader has those.
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

    /// Returns the last index of a term, if the log has an entry of that term.
    pub fn last_of_term(&self, term: Term) -> Option<Index> {
        let end = self.entries.partition_point(|entry| entry.term <= term);
        let last = self.last_included_index + end as Index;
        (self.term_at(last) == Some(term)).then_some(last)
    }

    /// Returns the first index of a term, or the first index after the snapshot if the term began
    /// earlier.
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

    /// Returns a log with entries of these terms, from index 1 on.
    fn log(terms: &[Term]) -> Log<char> {
        let mut log = Log::default();
        for (index, &term) in (1..).zip(terms) {
            let command = Some('x');
            log.store(Entry {
                index,
                term,
                command,
                voters: None,
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
    fn stored_entry_removes_all_later_entries() {
        let mut log = log(&[1, 1, 2, 2]);
        log.store(Entry {
            index: 2,
            term: 3,
            command: None,
            voters: None,
        });
        assert_eq!(terms(&log), [1, 3]);
    }

    #[test]
    fn configuration_leaves_the_log_with_its_entry() {
        let configuration = |index, term| Entry {
            index,
            term,
            command: None,
            voters: Some(Voters::from([])),
        };
        let at = |log: &Log<char>, index| Some(log.configuration_at(index)?.0);
        let mut log = log(&[1]);
        log.store(configuration(2, 1));
        log.store(configuration(3, 1));
        assert_eq!(
            [1, 2, 9].map(|index| at(&log, index)),
            [None, Some(2), Some(3)]
        );
        let mut compacted = log.clone();
        compacted.compact(2, 1);
        assert_eq!([2, 3].map(|index| at(&compacted, index)), [None, Some(3)]);
        log.store(Entry {
            voters: None,
            ..configuration(3, 2)
        });
        assert_eq!(at(&log, 9), Some(2));
    }

    #[test]
    fn conflict_names_first_index_of_conflicting_term() {
        let log = log(&[1, 1, 4, 4, 4]);
        assert_eq!(log.check(5, 6), conflict(5, Some(4), 3));
        assert_eq!(log.check(9, 6), conflict(9, None, 6));
        assert_eq!(log.check(2, 1), Ok(()));
        assert_eq!(log.check(0, 0), Ok(()));
    }

    #[test]
    fn last_index_of_term_is_found_at_end_of_snapshot() {
        let mut log = log(&[1, 1, 4, 4, 6]);
        assert_eq!(log.last_of_term(4), Some(4));
        assert_eq!(log.last_of_term(5), None);
        log.compact(4, 4);
        assert_eq!(log.last_of_term(4), Some(4));
        assert_eq!(log.last_of_term(1), None);
    }

    #[test]
    fn compaction_keeps_later_entries_only_if_terms_agree() {
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
    fn entries_inside_snapshot_never_conflict() {
        let mut log = log(&[1, 1, 2, 2]);
        log.compact(3, 2);
        assert_eq!(log.check(1, 9), Ok(()));
        assert_eq!(log.check(3, 2), Ok(()));
        assert_eq!(log.check(4, 3), conflict(4, Some(2), 4));
    }

    #[test]
    fn byte_limit_bounds_entries_but_allows_one() {
        let log = log(&[1, 1, 1, 1]);
        assert_eq!(log.from(2, 2).len(), 2);
        assert_eq!(log.from(2, 0).len(), 1);
        assert_eq!(log.from(5, 100).len(), 0);
    }
}
