//! The replicated state: what snapshots are made of.

use std::io;

use serde::{Deserialize, Serialize};

use super::{LogCommand, StateMachine};
use crate::message::Index;
use crate::session::Sessions;

/// A state machine, and the memory of what it has executed; both follow from the log alone.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Replicated<M: StateMachine> {
    sessions: Sessions<M::Output>,
    machine: M,
    /// How much of the log is in it.
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

    /// Applies the next entry of the log. Returns what came of its command; none if it has no
    /// command, or one that was executed before.
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

    /// All of it, in words.
    pub(super) fn snapshot(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// What a snapshot of everything up to an index says.
    pub(super) fn restored(index: Index, data: &str) -> io::Result<Self> {
        let replicated: Self = serde_json::from_str(data)?;
        Ok(Self {
            applied: index,
            ..replicated
        })
    }
}
