//! The settings of a cluster. They must be the same on all nodes.

use std::time::Duration;

/// Number of copies of a message, and the time that batching may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Number of nodes that store a message before it is acknowledged; at least 1. All other nodes
    /// copy it later, for their readers. With one replica a message is acknowledged as soon as its
    /// leader has it, and is lost if that node is killed.
    pub replicas: usize,
    /// Time for which a send may wait to share a batch with others, on the way to the leader and
    /// back together.
    pub budget: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            replicas: 3,
            budget: Duration::from_millis(5),
        }
    }
}

impl Settings {
    /// Returns the same settings with no more replicas than there are nodes.
    pub(crate) fn for_nodes(self, nodes: usize) -> Self {
        Self {
            replicas: self.replicas.min(nodes),
            ..self
        }
    }

    /// Returns the number of nodes that must be in sync for a commit: two, so that one may fail.
    pub(crate) fn quorum(&self) -> usize {
        self.replicas.min(2)
    }
}
