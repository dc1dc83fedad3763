//! What a leader sends (Figure 2, "leaders", rules 1 and 3).
//!
//! Nothing is sent at once. Messages are made when the driver asks for its
//! [`output`](Raft::output), so everything that came in together goes out together, one message
//! for each follower. Sending does not wait for replies: `next_index` moves when entries are sent,
//! and moves back when a follower says that its log differs, which is also how a lost message is
//! noticed.

use glomers::NodeId;

use super::{Raft, Role};
use crate::message::{Command, Index, Rpc};

impl<C: Command> Raft<C> {
    /// Sends each follower what it lacks (leaders rule 3), and a heartbeat if that is nothing.
    pub(super) fn replicate(&mut self) {
        self.begin_round_for_reads();
        for peer in self.peers.clone() {
            self.replicate_to(&peer);
        }
        self.release_reads();
    }

    fn replicate_to(&mut self, peer: &NodeId) {
        let (now, last_index) = (self.now, self.log().last_index());
        let included = self.log().last_included_index();
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let follower = &leader.followers[peer];
        let resend_due = follower
            .sent_at
            .is_none_or(|sent_at| now >= sent_at + self.config.heartbeat_interval);
        if follower.next_index <= included {
            if resend_due {
                self.send_snapshot(peer);
            }
            return;
        }
        let room = follower.next_index <= follower.match_index + self.config.pipeline_max;
        // While probing, entries go with the first message and with every repetition only.
        let may_send = if follower.probing { resend_due } else { room };
        let mut due = resend_due || follower.owed_commit || follower.sent_round < leader.round;
        let mut next_index = follower.next_index;
        let (round, probing) = (leader.round, follower.probing);
        while due || (may_send && next_index <= last_index) {
            let entries = match may_send {
                true => self.log().from(next_index, self.config.message_bytes_max),
                false => Vec::new(),
            };
            let prev_log_index = next_index - 1;
            let prev_log_term = self.log().term_at(prev_log_index);
            let sent = entries.len() as Index;
            let request = Rpc::AppendEntries {
                prev_log_index,
                prev_log_term: prev_log_term.expect("the log reaches back to the preceding entry"),
                entries,
                leader_commit: self.commit_index,
                round,
            };
            self.send(peer, request);
            due = false;
            if probing {
                break;
            }
            next_index += sent;
        }
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let follower = leader.followers.get_mut(peer).expect("peers are followers");
        let sent_something = resend_due
            || next_index > follower.next_index
            || follower.owed_commit
            || follower.sent_round < round;
        if sent_something {
            // Between probes only the clock of the probe itself counts.
            if !probing || resend_due {
                follower.sent_at = Some(now);
            }
            follower.sent_round = round;
            follower.owed_commit = false;
            follower.next_index = next_index;
        }
    }
}
