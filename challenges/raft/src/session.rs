//! Exactly once (§8; dissertation, §6.3).
//!
//! A node hands its clients' commands to the leader, and hands them over again when the leader
//! changes or keeps silent, so a command may enter the log twice. Each command carries a stamp that
//! is unique for all time, and the state machine of every server remembers which stamps it has
//! seen, and what came of them: a node that learns of its command through a snapshot only can still
//! tell its client.
//!
//! The memory is bounded: a stamp says which older ones its node still waits for, and the others
//! are forgotten. A command that comes after that is never executed, and nobody waits for it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::message::Command;

/// A command, and the stamp that makes it unlike any other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stamped<C> {
    /// The node whose client it is from.
    pub node: Rc<str>,
    /// How many times the node had started then.
    pub boot: u64,
    /// How many commands it had taken since.
    pub sequence: u64,
    /// The least sequence number that the node still waits for.
    pub oldest: u64,
    /// What is to be done.
    pub command: C,
    #[serde(skip)]
    size_bytes: OnceCell<usize>,
}

impl<C> Stamped<C> {
    /// Puts a stamp on a command.
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
            // What cannot be written is not sent either.
            let _ = serde_json::to_writer(&mut count, &**self);
            count.0
        })
    }
}

/// Counts what is written to it.
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

/// Which commands have been executed, with what came of them; a part of the replicated state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions<O>(BTreeMap<Rc<str>, Session<O>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session<O> {
    boot: u64,
    oldest: u64,
    /// Executed, and not older than `oldest`.
    executed: BTreeMap<u64, O>,
}

impl<O> Default for Sessions<O> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<O> Sessions<O> {
    /// Executes a command, once for every stamp at most, and returns what came of it. None if that
    /// has been before, or nobody waits for it any more.
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
        // The node has died since, or does not wait for this any more.
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

    /// What came of a command, if it was executed and is still remembered.
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

    /// Executes commands that say ten times their sequence number; whether each of them was.
    fn execute(sessions: &mut Sessions<u64>, stamps: &[(u64, u64, u64)]) -> Vec<bool> {
        let execute = |&(boot, sequence, oldest): &(u64, u64, u64)| {
            let output = sessions.execute(&stamped(boot, sequence, oldest), |command| *command);
            output.is_some_and(|output| *output == 10 * sequence)
        };
        stamps.iter().map(execute).collect()
    }

    #[test]
    fn a_command_is_executed_once_in_whatever_order_its_copies_come() {
        let mut sessions = Sessions::default();
        let stamps = [(1, 2, 1), (1, 1, 1), (1, 2, 1), (1, 1, 1)];
        assert_eq!(execute(&mut sessions, &stamps), [true, true, false, false]);
        assert_eq!(sessions.outcome("n1", 1, 2), Some(&20));
        assert_eq!(sessions.outcome("n1", 1, 3), None);
        assert_eq!(sessions.outcome("n1", 2, 2), None, "of another life");
    }

    #[test]
    fn a_command_that_nobody_waits_for_is_never_executed() {
        let mut sessions = Sessions::default();
        let given_up = [(1, 5, 5), (1, 4, 3)];
        assert_eq!(execute(&mut sessions, &given_up), [true, false]);
        let of_an_earlier_life = [(2, 1, 1), (1, 6, 5)];
        assert_eq!(execute(&mut sessions, &of_an_earlier_life), [true, false]);
    }

    #[test]
    fn what_is_remembered_is_what_is_still_waited_for() {
        let mut sessions = Sessions::default();
        let stamps = (1..=1000).map(|it: u64| (1, it, it.saturating_sub(2).max(1)));
        execute(&mut sessions, &Vec::from_iter(stamps));
        assert_eq!(sessions.0["n1"].executed.len(), 3);
    }
}
