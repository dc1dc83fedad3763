//! Exactly once (§8; dissertation, §6.3).
//!
//! A node hands its clients' commands to the leader, and hands them over again when the leader
//! changes or keeps silent, so a command may enter the log twice. Each command carries a stamp that
//! is unique for all time, and the state machine of every server remembers which stamps it has seen.
//!
//! The memory is bounded: a stamp says which older ones its node still waits for, and the others
//! are forgotten. A command that comes after that is never executed, and nobody waits for it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
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

/// Which commands have been executed; a part of the replicated state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions(BTreeMap<Rc<str>, Session>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    boot: u64,
    oldest: u64,
    /// Executed, and not older than `oldest`.
    executed: BTreeSet<u64>,
}

impl Sessions {
    /// Whether a command is to be executed: true once for every stamp at most.
    pub fn admit<C>(&mut self, stamped: &Stamped<C>) -> bool {
        let session = self.0.entry(Rc::clone(&stamped.node)).or_default();
        if stamped.boot > session.boot {
            *session = Session {
                boot: stamped.boot,
                ..Session::default()
            };
        }
        // The node has died since, or does not wait for this any more.
        if stamped.boot < session.boot || stamped.sequence < session.oldest {
            return false;
        }
        if stamped.oldest > session.oldest {
            session.oldest = stamped.oldest;
            session.executed = session.executed.split_off(&stamped.oldest);
        }
        session.executed.insert(stamped.sequence)
    }

    /// Whether a command of a node's present life has been executed, or never will be.
    pub fn is_settled(&self, node: &str, boot: u64, sequence: u64) -> bool {
        self.0.get(node).is_some_and(|session| {
            boot < session.boot
                || boot == session.boot
                    && (sequence < session.oldest || session.executed.contains(&sequence))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(boot: u64, sequence: u64, oldest: u64) -> Stamped<()> {
        Stamped::new("n1", boot, sequence, oldest, ())
    }

    #[test]
    fn a_command_is_executed_once_in_whatever_order_its_copies_come() {
        let mut sessions = Sessions::default();
        assert!(sessions.admit(&stamped(1, 2, 1)));
        assert!(sessions.admit(&stamped(1, 1, 1)));
        assert!(!sessions.admit(&stamped(1, 2, 1)));
        assert!(!sessions.admit(&stamped(1, 1, 1)));
        assert!(sessions.is_settled("n1", 1, 2));
        assert!(!sessions.is_settled("n1", 1, 3));
    }

    #[test]
    fn a_command_that_nobody_waits_for_is_never_executed() {
        let mut sessions = Sessions::default();
        assert!(sessions.admit(&stamped(1, 5, 5)));
        assert!(!sessions.admit(&stamped(1, 4, 3)), "given up");
        assert!(sessions.admit(&stamped(2, 1, 1)));
        assert!(!sessions.admit(&stamped(1, 6, 5)), "of an earlier life");
    }

    #[test]
    fn what_is_remembered_is_what_is_still_waited_for() {
        let mut sessions = Sessions::default();
        for sequence in 1..=1000 {
            sessions.admit(&stamped(1, sequence, sequence.saturating_sub(2).max(1)));
        }
        assert_eq!(sessions.0["n1"].executed.len(), 3);
    }
}
