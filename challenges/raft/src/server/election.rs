//! Who leads: pre-vote, votes, and the ways in and out of each role (§5.2, §5.4.1).
//!
//! A server that misses its leader first asks whether it could win: the *pre-vote* (dissertation,
//! §9.6). It changes no term, so a server that was cut off does not depose a working leader when it
//! returns. Only with the pre-votes of a majority does the server enter the next term and request
//! votes.
//!
//! A candidate whose election timeout passes starts another pre-vote for the next term, but still
//! counts the votes of the current one. An election therefore succeeds even if messages take longer
//! than the timeout.

use std::collections::BTreeSet;

use glomers::NodeId;
use rand::RngExt;

use super::progress::{Leader, Progress};
use super::{Raft, Role};
use crate::message::{Command, Index, Rpc, Term, Voters};

/// The supporters of a candidate.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    /// Servers that were asked for a pre-vote since the last election timeout.
    asked: BTreeSet<NodeId>,
    /// Servers that would vote for it in the next term.
    pre_votes: BTreeSet<NodeId>,
    /// Servers that voted for it in the current term. Empty if it has requested no votes in this
    /// term since it became a candidate.
    votes: BTreeSet<NodeId>,
}

impl<C: Command> Raft<C> {
    /// Starts a pre-vote after an election timeout (Figure 2, followers rule 2, candidates rule 4).
    pub(super) fn ask_for_election(&mut self) {
        self.leader_id = None;
        self.reset_election_deadline();
        if !self.may_campaign() {
            self.role = Role::Follower;
            return;
        }
        let mut candidate = match std::mem::replace(&mut self.role, Role::Follower) {
            Role::Candidate(candidate) => candidate,
            _ => Candidate::default(),
        };
        candidate.pre_votes.insert(self.id.clone());
        candidate.asked = BTreeSet::from([self.id.clone()]);
        self.role = Role::Candidate(candidate);
        let peers = self.peers.clone();
        self.ask_for_pre_votes(&peers);
        self.count_pre_votes();
    }

    /// Asks servers for a pre-vote that were not asked since the last election timeout.
    fn ask_for_pre_votes(&mut self, servers: &[NodeId]) {
        let (last_log_index, last_log_term) = (self.log().last_index(), self.log().last_term());
        for server in servers {
            let request = Rpc::PreVote {
                last_log_index,
                last_log_term,
            };
            if let Role::Candidate(candidate) = &mut self.role
                && candidate.asked.insert(server.clone())
            {
                self.send(server, request);
            }
        }
    }

    /// Grants a pre-vote to a candidate that could be elected, unless there is a working leader.
    pub(super) fn pre_vote(&mut self, from: &NodeId, last_log_index: Index, last_log_term: Term) {
        let has_leader = self.leader_heard_at.is_some_and(|heard_at| {
            self.leader_id.is_some() && self.now < heard_at + self.config.election_timeout.start
        });
        let granted =
            !has_leader && !self.is_leader() && self.is_up_to_date(last_log_index, last_log_term);
        let voters = (!self.is_voter(from)).then(|| self.voters().clone());
        self.send(from, Rpc::PreVoteReply { granted, voters });
        self.inform_removed(from);
    }

    /// Counts a pre-vote. A server that has missed its removal learns where its leader may be: it asks
    /// the voters of other configurations, too, and the leader among them [informs](Self::inform_removed)
    /// it.
    pub(super) fn pre_vote_reply(&mut self, from: &NodeId, granted: bool, voters: Option<Voters>) {
        self.ask_for_pre_votes(voters.as_deref().unwrap_or_default());
        if let (Role::Candidate(candidate), true) = (&mut self.role, granted) {
            candidate.pre_votes.insert(from.clone());
            self.count_pre_votes();
        }
    }

    /// Starts an election once a majority has granted the pre-vote (Figure 2, candidates rule 1).
    fn count_pre_votes(&mut self) {
        match &self.role {
            Role::Candidate(it) if self.count_voters(&it.pre_votes) >= self.majority() => {}
            _ => return,
        }
        let id = self.id.clone();
        self.persist_term(self.current_term() + 1, Some(&id));
        self.matched = 0;
        self.incoming = None;
        self.role = Role::Candidate(Candidate {
            asked: BTreeSet::new(),
            pre_votes: BTreeSet::new(),
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
                // The vote is a record, so it is on disk before the reply leaves.
                self.persist_term(self.current_term(), Some(from));
            }
            self.reset_election_deadline();
        }
        self.send(from, Rpc::RequestVoteReply { vote_granted });
    }

    /// Counts a vote, unless this server has requested none since it became a candidate. A former
    /// leader of the current term that resigned or restarted may receive late copies of the votes
    /// that elected it. They must not make it leader of the same term again, because it would then
    /// take late answers to its former heartbeats as confirmation of new reads.
    pub(super) fn request_vote_reply(&mut self, from: &NodeId, vote_granted: bool) {
        match &mut self.role {
            Role::Candidate(candidate) if vote_granted && candidate.votes.contains(&self.id) => {
                candidate.votes.insert(from.clone());
                self.count_votes();
            }
            _ => {}
        }
    }

    /// Candidates rule 2: votes from a majority make a leader.
    fn count_votes(&mut self) {
        match &self.role {
            Role::Candidate(it) if self.count_voters(&it.votes) >= self.majority() => {
                self.become_leader();
            }
            _ => {}
        }
    }

    /// Returns whether a log is at least as up-to-date as this server's: the log with the later last
    /// term is more up-to-date; with equal terms, the longer one (§5.4.1).
    fn is_up_to_date(&self, last_log_index: Index, last_log_term: Term) -> bool {
        (last_log_term, last_log_index) >= (self.log().last_term(), self.log().last_index())
    }

    /// Becomes leader and appends an entry of the new term: only through such an entry does a leader
    /// learn which entries are committed (§8).
    fn become_leader(&mut self) {
        // The first replies may take long on a slow network, so followers get extra time for them.
        let heard_at = self.now + self.config.election_timeout.end * 3;
        let next_index = self.log().last_index() + 1;
        self.role = Role::Leader(Leader::new(&self.peers, next_index, heard_at));
        self.leader_id = Some(self.id.clone());
        self.append(None);
    }

    /// Enters a term without a role in it, or gives up the role in the current term.
    pub(super) fn become_follower(&mut self, term: Term) {
        if term > self.current_term() {
            self.persist_term(term, None);
            self.matched = 0;
        }
        if !matches!(self.role, Role::Follower) {
            self.reset_election_deadline();
        }
        self.role = Role::Follower;
        self.leader_id = None;
        self.incoming = None;
    }

    /// Follows the sender of an AppendEntries or InstallSnapshot request of the current term, which
    /// is the leader of that term (Figure 2, candidates rule 3).
    pub(super) fn follow(&mut self, leader: &NodeId) {
        assert!(
            !self.is_leader(),
            "election safety: {} and {leader} both lead term {}",
            self.id,
            self.current_term()
        );
        self.role = Role::Follower;
        self.leader_id = Some(leader.clone());
        self.leader_heard_at = Some(self.now);
        self.reset_election_deadline();
    }

    /// Resigns if fewer than a majority have answered for an election timeout. Such a leader must
    /// not accept commands that it cannot commit (dissertation, §6.2).
    pub(super) fn check_quorum(&mut self) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let timeout = self.config.election_timeout.end;
        let is_answering = |(_, follower): &(_, &Progress)| self.now < follower.heard_at + timeout;
        let answering = leader.followers.iter().filter(is_answering);
        let answering = answering.map(|(id, _)| id).chain([&self.id]);
        if self.count_voters(answering) < self.majority() {
            self.become_follower(self.current_term());
        }
    }

    pub(super) fn reset_election_deadline(&mut self) {
        let timeout = self.rng.random_range(self.config.election_timeout.clone());
        self.election_deadline = self.now + timeout;
    }
}
