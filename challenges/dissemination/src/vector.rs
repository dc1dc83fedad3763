//! How much of every origin's log a node holds: one number per origin, since logs have no gaps.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The source of items: one incarnation of one node.
///
/// A node that is killed loses its log, so after a restart it cannot continue the numbering. It
/// begins a new log under another `incarnation`, drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(usize, u32)", into = "(usize, u32)")]
pub struct Origin {
    /// The node's place in the cluster's list of nodes.
    pub node: usize,
    /// A number that differs from one start of the node to the next.
    pub incarnation: u32,
}

impl From<(usize, u32)> for Origin {
    fn from((node, incarnation): (usize, u32)) -> Self {
        Self { node, incarnation }
    }
}

impl From<Origin> for (usize, u32) {
    fn from(origin: Origin) -> Self {
        (origin.node, origin.incarnation)
    }
}

/// A version vector: for each origin, the number up to which its log is held.
///
/// On the wire it is a list of `[node, incarnation, number]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector(BTreeMap<Origin, u64>);

impl Vector {
    /// Returns the number up to which this origin's log is held; 0 if nothing is.
    pub fn get(&self, origin: Origin) -> u64 {
        self.0.get(&origin).copied().unwrap_or(0)
    }

    /// Raises one entry to `upto`. Does nothing if the entry is at least as high.
    pub fn raise(&mut self, origin: Origin, upto: u64) {
        if upto > 0 {
            let entry = self.0.entry(origin).or_default();
            *entry = upto.max(*entry);
        }
    }

    /// Raises all entries to those of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (&origin, &upto) in &other.0 {
            self.raise(origin, upto);
        }
    }

    /// Returns all entries, in the order of their origins.
    pub fn entries(&self) -> impl Iterator<Item = (Origin, u64)> {
        self.0.iter().map(|(&origin, &upto)| (origin, upto))
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes the entries for which `keep` returns false.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Origin, u64) -> bool) {
        self.0.retain(|&origin, upto| keep(origin, *upto));
    }
}

impl Serialize for Vector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.0.iter();
        serializer
            .collect_seq(entries.map(|(origin, upto)| (origin.node, origin.incarnation, upto)))
    }
}

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<(usize, u32, u64)>::deserialize(deserializer)?;
        let mut vector = Self::default();
        for (node, incarnation, upto) in entries {
            vector.raise(Origin { node, incarnation }, upto);
        }
        Ok(vector)
    }
}
