//! The replicated state, which is the content of snapshots.

use std::io;

use serde::{Deserialize, Serialize};

use super::{LogCommand, StateMachine};
use crate::message::Index;
use crate::session::Sessions;

/// A state machine and its client sessions. Both are determined by the log.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Replicated<M: StateMachine> {
    sessions: Sessions<M::Output>,
    machine: M,
    /// Index of the last applied entry.
    #[serde(skip)]
    applied: Index,
}

impl<M: StateMachine> Default for Replicated<M> {
    fn default() -> Self {
        Self {
            sessions: Sessions::default(),
            machine: M::default(),
            applied: 0,
        }
    }
}

impl<M: StateMachine> Replicated<M> {
    pub(super) fn machine(&self) -> &M {
        &self.machine
    }

    pub(super) fn applied(&self) -> Index {
        self.applied
    }

    pub(super) fn sessions(&self) -> &Sessions<M::Output> {
        &self.sessions
    }

    /// Applies the next entry of the log. Returns the output of its command, or `None` if the entry
    /// has no command or one that must not be executed again.
    pub(super) fn apply(
        &mut self,
        index: Index,
        command: Option<&LogCommand<M>>,
    ) -> Option<&M::Output> {
        self.applied = index;
        let machine = &mut self.machine;
        self.sessions
            .execute(command?, |command| machine.apply(command))
    }

    /// Serialises the state for a snapshot.
    pub(super) fn snapshot(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// Restores the state from a snapshot of all entries up to `index`.
    pub(super) fn restored(index: Index, data: &str) -> io::Result<Self> {
        let replicated: Self = serde_json::from_str(data)?;
        Ok(Self {
            applied: index,
            ..replicated
        })
    }
}
