//! Items, and runs of an origin's log.
//!
//! An origin numbers its items 1, 2, 3, … A node holds a prefix of each origin's log, except for
//! items that later items of the same origin have replaced. A run of a log therefore may contain
//! fewer items than numbers, and is complete nevertheless.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::vector::Origin;

/// A value that is delivered to all nodes.
pub trait Item: Clone + Serialize + DeserializeOwned + 'static {
    /// The type of the keys by which later items of the same origin replace earlier ones.
    type Key: Ord + Clone;

    /// Returns the item's keys. An item is dropped once each of its keys belongs to a later item of
    /// the same origin. An item without keys, which is the default, is kept forever.
    fn keys(&self) -> Vec<Self::Key> {
        Vec::new()
    }
}

/// A run of one origin's log: all items in (`after`, `upto`] that are not replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<T> {
    pub(crate) origin: Origin,
    pub(crate) after: u64,
    pub(crate) upto: u64,
    pub(crate) items: Vec<(u64, T)>,
}

/// A run as JSON. The items' numbers are left out if none is missing.
#[derive(Serialize, Deserialize)]
struct WireRun<T> {
    origin: Origin,
    after: u64,
    items: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    numbers: Option<(Vec<u64>, u64)>,
}

impl<T: Serialize> Serialize for Run<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.upto - self.after == self.items.len() as u64;
        let numbers = || self.items.iter().map(|(number, _)| *number).collect();
        WireRun {
            origin: self.origin,
            after: self.after,
            items: self.items.iter().map(|(_, item)| item).collect(),
            numbers: (!whole).then(|| (numbers(), self.upto)),
        }
        .serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Run<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let run = WireRun::<T>::deserialize(deserializer)?;
        let count = run.items.len() as u64;
        let upto_whole = run
            .after
            .checked_add(count)
            .ok_or_else(|| D::Error::custom("the end of a run is out of range"))?;
        let (numbers, upto) = run
            .numbers
            .unwrap_or_else(|| ((run.after + 1..=upto_whole).collect(), upto_whole));
        let ascending = numbers.is_sorted_by(|a, b| a < b);
        let within = numbers.iter().all(|n| (run.after + 1..=upto).contains(n));
        if !ascending || !within || numbers.len() != run.items.len() || upto < run.after {
            return Err(D::Error::custom(
                "the numbers of a run do not fit its items",
            ));
        }
        Ok(Self {
            origin: run.origin,
            after: run.after,
            upto,
            items: numbers.into_iter().zip(run.items).collect(),
        })
    }
}

impl Item for i64 {
    type Key = ();
}

impl Item for serde_json::Value {
    type Key = ();
}
