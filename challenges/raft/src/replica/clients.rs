//! The clients of a replica's node: their pending commands and reads.
//!
//! Both wait here until the log answers them. A follower hands them to the leader again when the
//! leader changes or does not answer in time, since messages may be lost.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use glomers::{Error, NodeId};
use tokio::sync::oneshot;

use super::{LogCommand, Options, StateMachine};
use crate::message::{Command, Index, ReadId, Term};
use crate::server::Raft;
use crate::session::{Sessions, Stamped};

/// Size of the range of read ids for each boot. A late answer to a read of an earlier boot therefore
/// matches no read of this one.
const READS_PER_BOOT: u64 = 1 << 32;

/// A leader that was asked, and the time.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) term: Term,
    pub(super) leader: NodeId,
    pub(super) at: Duration,
}

impl Asked {
    /// Returns whether a request that was last sent as `asked` must be sent as `now`.
    fn is_due(asked: Option<&Self>, now: &Self, retry_interval: Duration) -> bool {
        asked.is_none_or(|asked| {
            asked.term != now.term
                || asked.leader != now.leader
                || asked.at + retry_interval <= now.at
        })
    }
}

/// Commands of this node's clients whose outcome is not known yet.
pub(super) struct Commands<M: StateMachine> {
    node: NodeId,
    boot: u64,
    last_sequence: u64,
    /// By sequence number.
    waiting: BTreeMap<u64, WaitingCommand<M>>,
}

struct WaitingCommand<M: StateMachine> {
    stamped: LogCommand<M>,
    asked: Option<Asked>,
    client: oneshot::Sender<M::Output>,
}

impl<M: StateMachine> Commands<M> {
    pub(super) fn new(node: NodeId, boot: u64) -> Self {
        Self {
            node,
            boot,
            last_sequence: 0,
            waiting: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Accepts a command. Returns its sequence number and the receiver of its outcome.
    pub(super) fn take(&mut self, command: M::Command) -> (u64, oneshot::Receiver<M::Output>) {
        let sequence = self.last_sequence + 1;
        self.last_sequence = sequence;
        let oldest = self.waiting.keys().next().map_or(sequence, |first| *first);
        let stamped = Stamped::new(&self.node, self.boot, sequence, oldest, command);
        let (client, outcome) = oneshot::channel();
        let waiting = WaitingCommand {
            stamped: Rc::new(stamped),
            asked: None,
            client,
        };
        self.waiting.insert(sequence, waiting);
        (sequence, outcome)
    }

    /// Stops waiting for a command. Returns its error, which is definite only if no leader was asked:
    /// the command has then not left this node.
    pub(super) fn give_up(&mut self, sequence: u64) -> Error {
        match self.waiting.remove(&sequence) {
            Some(WaitingCommand { asked: None, .. }) => {
                Error::temporarily_unavailable("no leader is known; nothing was done")
            }
            _ => Error::timeout("the command is not known to be committed yet"),
        }
    }

    /// Hands commands to the leader: new ones, and all if the leader changed or did not answer in
    /// time.
    pub(super) fn ask(&mut self, raft: &mut Raft<LogCommand<M>>, asked: &Asked, options: &Options) {
        // A command in the leader's own log needs no second attempt in the same term.
        let lead = raft.is_leader();
        let retry_interval = if lead {
            Duration::MAX / 2
        } else {
            options.retry_interval
        };
        let mut forwards = Vec::new();
        let mut bytes = 0;
        for waiting in self.waiting.values_mut() {
            if !Asked::is_due(waiting.asked.as_ref(), asked, retry_interval) {
                continue;
            }
            waiting.asked = Some(asked.clone());
            let stamped = Rc::clone(&waiting.stamped);
            if lead {
                // `propose` fails only on a server that does not lead.
                let _ = raft.propose(stamped);
                continue;
            }
            bytes += stamped.size_bytes();
            if bytes > options.raft.message_bytes_max && !forwards.is_empty() {
                raft.forward(std::mem::take(&mut forwards));
                bytes = stamped.size_bytes();
            }
            forwards.push(stamped);
        }
        if !forwards.is_empty() {
            raft.forward(forwards);
        }
    }

    /// Returns the time at which a follower hands a command to its leader again.
    pub(super) fn retry_at(&self, retry_interval: Duration) -> Option<Duration> {
        let asked = self.waiting.values().filter_map(|it| it.asked.as_ref());
        asked.map(|asked| asked.at + retry_interval).min()
    }

    /// Answers the client of a command, if this node accepted the command since it started.
    pub(super) fn answer(&mut self, stamped: &Stamped<M::Command>, output: &M::Output) {
        let ours = *stamped.node == *self.node && stamped.boot == self.boot;
        let waiting = ours.then(|| self.waiting.remove(&stamped.sequence));
        if let Some(waiting) = waiting.flatten() {
            // The client may have given up.
            let _ = waiting.client.send(output.clone());
        }
    }

    /// Answers the clients of commands that a snapshot includes.
    pub(super) fn answer_from(&mut self, sessions: &Sessions<M::Output>) {
        let outcome = |sequence: u64| sessions.outcome(&self.node, self.boot, sequence);
        let settled: Vec<_> = self
            .waiting
            .keys()
            .filter_map(|&sequence| Some((sequence, outcome(sequence)?)))
            .collect();
        for (sequence, output) in settled {
            if let Some(waiting) = self.waiting.remove(&sequence) {
                let _ = waiting.client.send(output.clone());
            }
        }
    }

    /// Removes all commands; their clients receive an indefinite error.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// Pending reads of this node's clients.
pub(super) struct Reads {
    /// Reads for which no leader has been asked yet.
    new: Vec<oneshot::Sender<()>>,
    waiting: BTreeMap<ReadId, WaitingReads>,
    last_id: ReadId,
}

/// Reads that arrived together and are confirmed together.
struct WaitingReads {
    asked: Option<Asked>,
    /// Index up to which the log must be applied; `None` before the leader has answered.
    index: Option<Index>,
    clients: Vec<oneshot::Sender<()>>,
}

impl Reads {
    pub(super) fn new(boot: u64) -> Self {
        Self {
            new: Vec::new(),
            waiting: BTreeMap::new(),
            last_id: boot * READS_PER_BOOT,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.new.len()
    }

    /// Accepts a read. Returns the receiver that is notified when it may be served.
    pub(super) fn take(&mut self) -> oneshot::Receiver<()> {
        let (client, confirmed) = oneshot::channel();
        self.new.push(client);
        confirmed
    }

    /// Asks the leader how far the log must be applied.
    pub(super) fn ask<C: Command>(
        &mut self,
        raft: &mut Raft<C>,
        asked: &Asked,
        retry_interval: Duration,
    ) {
        let clients = std::mem::take(&mut self.new);
        if !clients.is_empty() {
            self.last_id += 1;
            let waiting = WaitingReads {
                asked: None,
                index: None,
                clients,
            };
            self.waiting.insert(self.last_id, waiting);
        }
        for (id, reads) in &mut self.waiting {
            let due = Asked::is_due(reads.asked.as_ref(), asked, retry_interval);
            if reads.index.is_none() && due && raft.read(*id).is_ok() {
                reads.asked = Some(asked.clone());
            }
        }
    }

    /// Returns the time at which a follower asks its leader again.
    pub(super) fn retry_at(&self, retry_interval: Duration) -> Option<Duration> {
        let unanswered = self.waiting.values().filter(|it| it.index.is_none());
        let asked = unanswered.filter_map(|it| it.asked.as_ref());
        asked.map(|asked| asked.at + retry_interval).min()
    }

    /// Notes the leader's answers.
    pub(super) fn confirm(&mut self, confirmed: &[(ReadId, Index)]) {
        for (id, index) in confirmed {
            if let Some(reads) = self.waiting.get_mut(id) {
                reads.index = Some(*index);
            }
        }
    }

    /// Serves the reads whose index is applied.
    pub(super) fn serve(&mut self, applied: Index) {
        self.waiting.retain(|_, reads| {
            let ready = reads.index.is_some_and(|index| index <= applied);
            if ready {
                for client in reads.clients.drain(..) {
                    // The client may have given up.
                    let _ = client.send(());
                }
            }
            !ready
        });
    }

    /// Removes the reads whose clients have given up.
    pub(super) fn prune(&mut self) {
        self.new.retain(|client| !client.is_closed());
        self.waiting.retain(|_, reads| {
            reads.clients.retain(|client| !client.is_closed());
            !reads.clients.is_empty()
        });
    }

    /// Removes all reads; their clients receive an error.
    pub(super) fn clear(&mut self) {
        self.new.clear();
        self.waiting.clear();
    }
}
