//! Client sessions: every command is executed at most once (§8; dissertation, §6.3).
//!
//! A node forwards its clients' commands to the leader, and forwards them again when the leader
//! changes or does not respond. A command may therefore enter the log twice. Each command carries a
//! globally unique stamp, and the replicated state records which stamps were executed, with their
//! outputs. A node that receives the effect of its command only through a snapshot can therefore
//! still answer its client.
//!
//! The size of this record is bounded: a stamp names the oldest command its node still waits for,
//! and older outputs are removed. A copy of a removed command that is committed later is not
//! executed; its client no longer waits.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::message::Command;

/// A command with its unique stamp: node, boot and sequence number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stamped<C> {
    /// The node whose client sent the command.
    pub node: Rc<str>,
    /// The number of times that node had started.
    pub boot: u64,
    /// The number of commands the node had accepted since it started, this one included.
    pub sequence: u64,
    /// The smallest sequence number whose output the node still waits for.
    pub oldest: u64,
    /// The command for the state machine.
    pub command: C,
    #[serde(skip)]
    size_bytes: OnceCell<usize>,
}

impl<C> Stamped<C> {
    /// Attaches a stamp to a command.
    pub fn new(node: &str, boot: u64, sequence: u64, oldest: u64, command: C) -> Self {
        Self {
            node: node.into(),
            boot,
            sequence,
            oldest,
            command,
            size_bytes: OnceCell::new(),
        }
    }
}

impl<C: Serialize> Command for Rc<Stamped<C>> {
    fn size_bytes(&self) -> usize {
        *self.size_bytes.get_or_init(|| {
            let mut count = Count(0);
            // A command that cannot be serialised is not sent either, so its size does not matter.
            let _ = serde_json::to_writer(&mut count, &**self);
            count.0
        })
    }
}

/// A writer that counts bytes.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The commands that were executed, with their outputs; a part of the replicated state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions<O>(BTreeMap<Rc<str>, Session<O>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session<O> {
    boot: u64,
    oldest: u64,
    /// Outputs by sequence number, from `oldest` on.
    executed: BTreeMap<u64, O>,
}

impl<O> Default for Sessions<O> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<O> Sessions<O> {
    /// Executes a command and returns its output. Returns `None`, without executing it, if a command
    /// with this stamp was executed before or its node no longer waits for it.
    pub fn execute<C>(&mut self, stamped: &Stamped<C>, apply: impl FnOnce(&C) -> O) -> Option<&O> {
        let new = || Session {
            boot: stamped.boot,
            oldest: 0,
            executed: BTreeMap::new(),
        };
        let session = self.0.entry(Rc::clone(&stamped.node)).or_insert_with(new);
        if stamped.boot > session.boot {
            *session = new();
        }
        // The node has restarted since, or no longer waits for this command.
        if stamped.boot < session.boot || stamped.sequence < session.oldest {
            return None;
        }
        if stamped.oldest > session.oldest {
            session.oldest = stamped.oldest;
            session.executed = session.executed.split_off(&stamped.oldest);
        }
        match session.executed.entry(stamped.sequence) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => Some(place.insert(apply(&stamped.command))),
        }
    }

    /// Returns the output of a command, if it was executed and its output is still kept.
    pub fn outcome(&self, node: &str, boot: u64, sequence: u64) -> Option<&O> {
        let session = self.0.get(node).filter(|session| session.boot == boot)?;
        session.executed.get(&sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(boot: u64, sequence: u64, oldest: u64) -> Stamped<u64> {
        Stamped::new("n1", boot, sequence, oldest, 10 * sequence)
    }

    /// Executes commands whose output is ten times their sequence number. Returns for each whether
    /// it was executed.
    fn execute(sessions: &mut Sessions<u64>, stamps: &[(u64, u64, u64)]) -> Vec<bool> {
        let execute = |&(boot, sequence, oldest): &(u64, u64, u64)| {
            let output = sessions.execute(&stamped(boot, sequence, oldest), |command| *command);
            output.is_some_and(|output| *output == 10 * sequence)
        };
        stamps.iter().map(execute).collect()
    }

    #[test]
    fn duplicated_command_is_executed_once() {
        let mut sessions = Sessions::default();
        let stamps = [(1, 2, 1), (1, 1, 1), (1, 2, 1), (1, 1, 1)];
        assert_eq!(execute(&mut sessions, &stamps), [true, true, false, false]);
        assert_eq!(sessions.outcome("n1", 1, 2), Some(&20));
        assert_eq!(sessions.outcome("n1", 1, 3), None);
        assert_eq!(sessions.outcome("n1", 2, 2), None, "of another boot");
    }

    #[test]
    fn abandoned_command_is_never_executed() {
        let mut sessions = Sessions::default();
        let given_up = [(1, 5, 5), (1, 4, 3)];
        assert_eq!(execute(&mut sessions, &given_up), [true, false]);
        let of_an_earlier_boot = [(2, 1, 1), (1, 6, 5)];
        assert_eq!(execute(&mut sessions, &of_an_earlier_boot), [true, false]);
    }

    #[test]
    fn outputs_are_kept_only_while_awaited() {
        let mut sessions = Sessions::default();
        let stamps = (1..=1000).map(|it: u64| (1, it, it.saturating_sub(2).max(1)));
        execute(&mut sessions, &Vec::from_iter(stamps));
        assert_eq!(sessions.0["n1"].executed.len(), 3);
    }
}
