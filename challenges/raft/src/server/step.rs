//! What a message does, by its term and type (§5.1; Figure 2, "rules for all servers").
//!
//! The rule that everything else rests on is applied here before the content of a message is looked
//! at: a higher term makes the receiver a follower of that term, and a message of a lower term is
//! refused. All other files therefore deal with messages of the current term only.

use std::time::Duration;

use glomers::NodeId;

use super::Raft;
use crate::message::{Appended, Command, Packet, Rpc};

impl<C: Command> Raft<C> {
    /// Handles a message that arrived from another server at `now`, the time since this server
    /// started.
    pub fn step(&mut self, now: Duration, from: &NodeId, packet: Packet<C>) {
        self.advance_clock(now);
        // Rules for all servers (§5.1): a higher term makes a follower.
        if packet.term > self.current_term() {
            self.become_follower(packet.term);
        }
        if packet.term < self.current_term() {
            return self.refuse_old_term(from, packet.rpc);
        }
        match packet.rpc {
            Rpc::PreVote {
                last_log_index,
                last_log_term,
            } => self.pre_vote(from, last_log_index, last_log_term),
            Rpc::PreVoteReply { granted, voters } => self.pre_vote_reply(from, granted, voters),
            Rpc::RequestVote {
                last_log_index,
                last_log_term,
            } => self.request_vote(from, last_log_index, last_log_term),
            Rpc::RequestVoteReply { vote_granted } => self.request_vote_reply(from, vote_granted),
            Rpc::AppendEntries {
                prev_log_index,
                prev_log_term,
                entries,
                leader_commit,
                round,
            } => {
                self.follow(from);
                let outcome =
                    self.append_entries(prev_log_index, prev_log_term, entries, leader_commit);
                self.answer_append_entries(from, outcome, round);
            }
            Rpc::AppendEntriesReply { outcome, round } => {
                self.append_entries_reply(from, outcome, round);
            }
            Rpc::InstallSnapshot {
                last_included_index,
                last_included_term,
                voters,
                offset,
                data,
                done,
            } => {
                self.follow(from);
                let place = (last_included_index, last_included_term);
                let (received, installed) =
                    self.install_snapshot(place, voters, offset, &data, done);
                let reply = Rpc::InstallSnapshotReply {
                    last_included_index,
                    received,
                    installed,
                };
                self.send(from, reply);
            }
            Rpc::InstallSnapshotReply {
                last_included_index,
                received,
                installed,
            } => self.install_snapshot_reply(from, last_included_index, received, installed),
            Rpc::Propose { commands } => self.forwarded_proposals(from, commands),
            Rpc::ReadIndex { id } => self.read_index(from, id),
            Rpc::ReadIndexReply { id, index } => self.read_index_reply(id, index),
        }
    }

    /// Refuses a message of an earlier term. The reply carries the current term, from which the
    /// sender learns that its term is over. Forwarded commands are accepted from any term, because
    /// they do not depend on one.
    fn refuse_old_term(&mut self, from: &NodeId, rpc: Rpc<C>) {
        match rpc {
            Rpc::PreVote { .. } => {
                let (granted, voters) = (false, None);
                self.send(from, Rpc::PreVoteReply { granted, voters });
            }
            Rpc::RequestVote { .. } => {
                let vote_granted = false;
                self.send(from, Rpc::RequestVoteReply { vote_granted });
            }
            Rpc::AppendEntries {
                prev_log_index,
                round,
                ..
            } => {
                let outcome = Appended::Conflict {
                    prev_log_index,
                    term: None,
                    index: prev_log_index,
                };
                self.send(from, Rpc::AppendEntriesReply { outcome, round });
            }
            Rpc::InstallSnapshot {
                last_included_index,
                ..
            } => {
                let reply = Rpc::InstallSnapshotReply {
                    last_included_index,
                    received: 0,
                    installed: false,
                };
                self.send(from, reply);
            }
            Rpc::Propose { commands } => self.forwarded_proposals(from, commands),
            Rpc::PreVoteReply { .. }
            | Rpc::RequestVoteReply { .. }
            | Rpc::AppendEntriesReply { .. }
            | Rpc::InstallSnapshotReply { .. }
            | Rpc::ReadIndex { .. }
            | Rpc::ReadIndexReply { .. } => {}
        }
    }
}
