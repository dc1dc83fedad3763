//! How a leader is found (§5.2, §5.4.1), after a pre-vote (dissertation, §9.6).
//!
//! A server that misses its leader asks first whether it could win: the *pre-vote*. Nobody's term
//! changes by that, so a server that was cut off does not depose a working leader when it returns.
//! Only with a majority behind it does it enter the next term and ask for votes in earnest.
//!
//! A candidate whose time is up begins again with a pre-vote for the next term, but goes on to
//! count the votes of the current one. So an election succeeds however long messages take.

use std::collections::BTreeSet;

use glomers::NodeId;

use super::{Raft, Role};
use crate::message::{Command, Index, Rpc, Term};

/// Who supports a candidate.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    /// Would vote for it in the term after the current one.
    willing: BTreeSet<NodeId>,
    /// Voted for it in the current term.
    votes: BTreeSet<NodeId>,
}

impl<C: Command> Raft<C> {
    /// The election timeout has passed (Figure 2, followers rule 2, candidates rule 4).
    pub(super) fn ask_for_election(&mut self) {
        self.leader_id = None;
        self.reset_election_deadline();
        let mut candidate = match std::mem::replace(&mut self.role, Role::Follower) {
            Role::Candidate(candidate) => candidate,
            _ => Candidate::default(),
        };
        candidate.willing.insert(self.id.clone());
        self.role = Role::Candidate(candidate);
        let (last_log_index, last_log_term) = (self.log().last_index(), self.log().last_term());
        for peer in self.peers.clone() {
            let request = Rpc::PreVote {
                last_log_index,
                last_log_term,
            };
            self.send(&peer, request);
        }
        self.count_willing();
    }

    /// Grants a pre-vote to a candidate that could be elected, unless there is a leader to be
    /// content with.
    pub(super) fn pre_vote(&mut self, from: &NodeId, last_log_index: Index, last_log_term: Term) {
        let content = self.leader_heard_at.is_some_and(|heard_at| {
            self.leader_id.is_some() && self.now < heard_at + self.config.election_timeout.start
        });
        let granted =
            !content && !self.is_leader() && self.is_up_to_date(last_log_index, last_log_term);
        self.send(from, Rpc::PreVoteReply { granted });
    }

    pub(super) fn pre_vote_reply(&mut self, from: &NodeId, granted: bool) {
        if let (Role::Candidate(candidate), true) = (&mut self.role, granted) {
            candidate.willing.insert(from.clone());
            self.count_willing();
        }
    }

    /// Begins an election once a majority is willing (Figure 2, candidates rule 1).
    fn count_willing(&mut self) {
        match &self.role {
            Role::Candidate(candidate) if candidate.willing.len() >= self.majority() => {}
            _ => return,
        }
        let id = self.id.clone();
        self.persist_term(self.current_term() + 1, Some(&id));
        self.matched = 0;
        self.incoming = None;
        self.role = Role::Candidate(Candidate {
            willing: BTreeSet::new(),
            votes: BTreeSet::from([id]),
        });
        self.reset_election_deadline();
        let (last_log_index, last_log_term) = (self.log().last_index(), self.log().last_term());
        for peer in self.peers.clone() {
            let request = Rpc::RequestVote {
                last_log_index,
                last_log_term,
            };
            self.send(&peer, request);
        }
        self.count_votes();
    }

    /// RequestVote, receiver's rule 2: one vote per term, and only for a candidate whose log is at
    /// least as up-to-date as the receiver's.
    pub(super) fn request_vote(
        &mut self,
        from: &NodeId,
        last_log_index: Index,
        last_log_term: Term,
    ) {
        let voted_for = self.persistent.voted_for.as_deref();
        let vote_granted = voted_for.is_none_or(|candidate| candidate == &**from)
            && self.is_up_to_date(last_log_index, last_log_term);
        if vote_granted {
            if voted_for.is_none() {
                // The vote is a record, and so on disk before the reply leaves.
                self.persist_term(self.current_term(), Some(from));
            }
            self.reset_election_deadline();
        }
        self.send(from, Rpc::RequestVoteReply { vote_granted });
    }

    pub(super) fn request_vote_reply(&mut self, from: &NodeId, vote_granted: bool) {
        if let (Role::Candidate(candidate), true) = (&mut self.role, vote_granted) {
            candidate.votes.insert(from.clone());
            self.count_votes();
        }
    }

    /// Candidates rule 2: votes from a majority make a leader.
    fn count_votes(&mut self) {
        match &self.role {
            Role::Candidate(candidate) if candidate.votes.len() >= self.majority() => {
                self.become_leader();
            }
            _ => {}
        }
    }

    /// §5.4.1: the log with the later last term is more up-to-date; with equal terms, the longer.
    fn is_up_to_date(&self, last_log_index: Index, last_log_term: Term) -> bool {
        (last_log_term, last_log_index) >= (self.log().last_term(), self.log().last_index())
    }
}
