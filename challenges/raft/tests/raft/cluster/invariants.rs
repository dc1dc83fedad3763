//! What must hold in every state of a cluster.

use std::collections::BTreeMap;

use raft::{Index, Output, Raft, ReadId, Term, Voters};

use super::{Cluster, Op};

/// What is known of a committed entry.
struct Committed {
    /// The term of the entry.
    term: Term,
    /// The term of the first server that knew of the commit. The entry was committed in that term, or
    /// before.
    committed_in: Term,
}

/// What entries of equal index and term have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    /// The term of the preceding entry, if the log has it.
    term_before: Option<Term>,
    command: Option<Op>,
    voters: Option<Voters>,
}

/// The safety properties of Figure 3, checked after every step.
#[derive(Default)]
pub struct Invariants {
    leaders: BTreeMap<Term, usize>,
    /// By index and term.
    entries: BTreeMap<(Index, Term), Content>,
    committed: BTreeMap<Index, Committed>,
    applied: BTreeMap<Index, Vec<String>>,
    /// The committed configurations.
    pub configurations: BTreeMap<Index, Voters>,
    /// For each read: the highest index known to be committed anywhere when it was asked.
    reads: BTreeMap<ReadId, Index>,
}

impl Invariants {
    /// Returns whether no leader of this term has been seen yet.
    pub fn is_new_term(&self, term: Term) -> bool {
        !self.leaders.contains_key(&term)
    }

    /// Notes a read that is about to start.
    pub fn ask(&mut self, id: ReadId) {
        let last = self.committed.keys().next_back().copied();
        self.reads.insert(id, last.unwrap_or(0));
    }

    /// Checks a server after a step, with its output.
    pub fn check(&mut self, cluster: &Cluster, i: usize, output: &Output<Op>) {
        let server = &cluster.servers[i];
        let Some(raft) = &server.raft else { return };
        // The only voter of a cluster elects itself and commits alone. If it crashes before that is on
        // disk, its term may have another leader and other entries. No message has left it before.
        if !(raft.is_member() && raft.voters().len() == 1) {
            self.election_safety(raft, i);
            self.log_matching(raft);
        }
        for entry in &output.committed {
            let committed = self.committed.entry(entry.index).or_insert(Committed {
                term: entry.term,
                committed_in: raft.current_term(),
            });
            assert_eq!(
                committed.term, entry.term,
                "two entries are committed at {}",
                entry.index
            );
            let voters = entry.voters.iter().map(|it| (entry.index, it.clone()));
            self.configurations.extend(voters);
        }
        self.configuration_safety(cluster);
        self.leader_completeness(raft);
        let state = self.applied.entry(server.applied);
        let state = state.or_insert_with(|| server.state.clone());
        assert_eq!(
            *state, server.state,
            "state machine safety at {}",
            server.applied
        );
        for (id, index) in &output.reads {
            let due = self.reads[id];
            assert!(
                *index >= due,
                "read {id} misses what was committed up to {due}"
            );
        }
    }

    fn election_safety(&mut self, raft: &Raft<Op>, i: usize) {
        if raft.is_leader() {
            let leader = *self.leaders.entry(raft.current_term()).or_insert(i);
            assert_eq!(leader, i, "two leaders in term {}", raft.current_term());
        }
    }

    /// Entries of equal index and term have equal commands and equal predecessors; by induction, all
    /// entries before them are equal too.
    fn log_matching(&mut self, raft: &Raft<Op>) {
        let log = &raft.persistent().log;
        for entry in log.entries() {
            let key = (entry.index, entry.term);
            let known = self.entries.entry(key);
            let content = Content {
                term_before: log.term_at(entry.index - 1),
                command: entry.command.clone(),
                voters: entry.voters.clone(),
            };
            let known = known.or_insert_with(|| content.clone());
            assert_eq!(*known, content, "log matching at {key:?}");
        }
    }

    /// Committed configurations differ from the one before by one server, so that any two majorities
    /// share a server.
    fn configuration_safety(&self, cluster: &Cluster) {
        let first = Voters::from(&cluster.names[..cluster.first_voters]);
        let mut before = &first;
        for (index, voters) in &self.configurations {
            let in_one = |of: &Voters, other: &Voters| {
                of.iter().filter(|voter| !other.contains(voter)).count()
            };
            let changed = in_one(before, voters) + in_one(voters, before);
            assert_eq!(changed, 1, "{before:?} becomes {voters:?} at {index}");
            before = voters;
        }
    }

    fn leader_completeness(&self, raft: &Raft<Op>) {
        if !raft.is_leader() {
            return;
        }
        let log = &raft.persistent().log;
        for (&index, committed) in self.committed.range(log.last_included_index() + 1..) {
            // A leader that does not know yet that its term is over may lack what later terms commit.
            if committed.committed_in <= raft.current_term() {
                assert_eq!(
                    log.term_at(index),
                    Some(committed.term),
                    "leader completeness at {index}"
                );
            }
        }
    }
}
