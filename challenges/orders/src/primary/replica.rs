//! One replica of a shard, which executes commands in its primary's order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::shop::{Command, Output, Shard, ShardId};

/// Number of commands that arrive early, after which those before them are taken for lost.
const MAX_EARLY: usize = 20;

/// The version of a state: a random number for the time in which one node was primary without a
/// break, and the number of commands since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    epoch: u64,
    commands: u64,
}

/// A replica of a shard.
pub(super) struct Replica {
    shard: Shard,
    version: Version,
    /// True if this node was primary at the last command.
    is_primary: bool,
    /// Commands that arrived before those that precede them.
    early: BTreeMap<u64, Command>,
}

impl Replica {
    pub(super) fn new(id: ShardId) -> Self {
        Self {
            shard: Shard::new(id),
            version: Version::default(),
            is_primary: false,
            early: BTreeMap::new(),
        }
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Makes this replica the primary. If it was not the primary before, its epoch gets this random
    /// number.
    pub(super) fn lead(&mut self, epoch: u64) {
        if !self.is_primary {
            self.is_primary = true;
            self.early.clear();
            self.version = Version { epoch, commands: 0 };
        }
    }

    /// Executes a command as primary.
    pub(super) fn execute(&mut self, command: &Command) -> Output {
        self.version.commands += 1;
        self.shard.apply(command)
    }

    /// Executes a command of the primary after those that precede it. Returns false if this replica
    /// has not followed that primary before, or has missed commands.
    pub(super) fn follow(&mut self, version: Version, command: Command) -> bool {
        self.is_primary = false;
        if self.version.epoch != version.epoch {
            return false;
        }
        if version.commands > self.version.commands {
            self.early.insert(version.commands, command);
        }
        self.catch_up();
        self.early.len() < MAX_EARLY
    }

    /// Replaces the state by the primary's, unless it is older.
    pub(super) fn replace(&mut self, version: Version, state: Shard) {
        let is_same_epoch = self.version.epoch == version.epoch;
        if is_same_epoch && self.version.commands >= version.commands {
            return;
        }
        self.is_primary = false;
        if !is_same_epoch {
            self.early.clear();
        }
        self.early = self.early.split_off(&(version.commands + 1));
        self.version = version;
        self.shard = state;
        self.catch_up();
    }

    fn catch_up(&mut self) {
        while let Some(command) = self.early.remove(&(self.version.commands + 1)) {
            self.execute(&command);
        }
    }
}
