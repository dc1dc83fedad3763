//! How a leader is elected: a pre-vote, then a vote.
//!
//! As in `raft`, a node first asks whether a majority would vote for it. No term changes by that, so
//! a node that was cut off does not depose a working leader when it returns.

use std::collections::BTreeSet;
use std::time::Duration;

use glomers::NodeId;

use super::leader::Leader;
use super::{Elector, Role};
use crate::Term;
use crate::lease::message::{Message, Packet};

/// A node that stands for election.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The term in which it wants to lead.
    term: Term,
    stage: Stage,
    /// The nodes that support it in this stage, itself included.
    supporters: BTreeSet<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    PreVote,
    Vote,
}

impl Candidate {
    /// Returns whether the candidate is in the pre-vote, so it has not yet voted for itself.
    pub(super) fn is_asking(&self) -> bool {
        self.stage == Stage::PreVote
    }
}

impl Elector {
    /// Begins a pre-vote, after this node heard of no leader or an election failed.
    pub(super) fn ask_for_pre_votes(&mut self, now: Duration) {
        let was_ignored = matches!(&self.role, Role::Candidate(candidate) if candidate.is_asking());
        self.leader = None;
        self.deferred = false;
        self.stand(now, Stage::PreVote, self.term + 1);
        if was_ignored {
            // The node is probably cut off from a majority. Once it is connected again it hears
            // from a leader, if there is one, so it need not ask often.
            self.election_at += self.timing.election_timeout * 2;
        }
    }

    pub(super) fn pre_vote_granted(&mut self, now: Duration, from: &NodeId, term: Term) {
        if self.is_supported_by(from, Stage::PreVote, term) {
            self.ask_for_votes(now, term);
        }
    }

    fn ask_for_votes(&mut self, now: Duration, term: Term) {
        self.persist(term, Some(self.id.clone()));
        self.stand(now, Stage::Vote, term);
    }

    pub(super) fn vote_granted(&mut self, now: Duration, from: &NodeId, term: Term) {
        if self.is_supported_by(from, Stage::Vote, term) {
            self.lead(now);
        }
    }

    /// Begins a stage by asking all other nodes.
    fn stand(&mut self, now: Duration, stage: Stage, term: Term) {
        self.election_at = self.candidacy_later(now);
        self.role = Role::Candidate(Candidate {
            term,
            stage,
            supporters: BTreeSet::from([self.id.clone()]),
        });
        let message = match stage {
            Stage::PreVote => Message::PreVote,
            Stage::Vote => Message::Vote,
        };
        let requests = self.peers().into_iter();
        let requests = requests.map(|peer| (peer, Packet { term, message }));
        self.output.messages.extend(requests);
        // A node without peers is a majority by itself.
        if self.majority() == 1 {
            match stage {
                Stage::PreVote => self.ask_for_votes(now, term),
                Stage::Vote => self.lead(now),
            }
        }
    }

    /// Counts a supporter in this stage and term. Returns whether a majority supports this node.
    fn is_supported_by(&mut self, from: &NodeId, stage: Stage, term: Term) -> bool {
        let majority = self.majority();
        match &mut self.role {
            Role::Candidate(candidate) if (candidate.stage, candidate.term) == (stage, term) => {
                candidate.supporters.insert(from.clone());
                candidate.supporters.len() >= majority
            }
            _ => false,
        }
    }

    /// Begins to lead the current term. The lease begins with the first renewal that a majority
    /// answers.
    fn lead(&mut self, now: Duration) {
        self.leader = Some(self.id.clone());
        self.last_leader = self.leader.clone();
        self.role = Role::Leader(Leader::new(now));
        self.renew(now);
    }
}
