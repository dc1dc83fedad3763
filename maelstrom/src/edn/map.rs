//! Maps of values.

use std::mem;
use std::slice;
use std::sync::Arc;

use super::Value;

/// The entries of a map, in the order of their keys.
///
/// Maps in histories are many and small, so the entries are a sorted slice: a B-tree with a single entry
/// takes ten times the memory. A copy shares the entries, and a change to it copies them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Map(Arc<[(Value, Value)]>);

impl Map {
    /// Returns the value of a key.
    pub fn get(&self, key: &Value) -> Option<&Value> {
        let place = self.0.binary_search_by(|(k, _)| k.cmp(key)).ok()?;
        Some(&self.0[place].1)
    }

    /// Returns whether there is an entry of a key.
    pub fn contains_key(&self, key: &Value) -> bool {
        self.get(key).is_some()
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the entries, in the order of their keys.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Returns the keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// Returns the values, in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// Sets the value of a key. Takes time in proportion to the number of entries.
    pub fn insert(&mut self, key: Value, value: Value) {
        self.extend([(key, value)]);
    }

    /// Removes a key. Takes time in proportion to the number of entries.
    pub fn remove(&mut self, key: &Value) {
        self.0 = self.0.iter().filter(|(k, _)| k != key).cloned().collect();
    }

    /// The keys and values, to replace them with equal ones.
    pub(crate) fn entries_mut(&mut self) -> &mut [(Value, Value)] {
        Arc::make_mut(&mut self.0)
    }

    /// Creates a map. The last one of equal keys counts. (Not part of `from_iter`, which is compiled anew
    /// for each type of iterator.)
    fn of_entries(mut entries: Vec<(Value, Value)>) -> Map {
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|later, earlier| {
            let are_equal = later.0 == earlier.0;
            if are_equal {
                mem::swap(later, earlier);
            }
            are_equal
        });
        Map(entries.into())
    }
}

/// An iterator over the entries of a map.
pub type Iter<'a> = std::iter::Map<
    slice::Iter<'a, (Value, Value)>,
    fn(&'a (Value, Value)) -> (&'a Value, &'a Value),
>;

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Value, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<(Value, Value)> for Map {
    /// Creates a map. The last one of equal keys counts.
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(entries: I) -> Map {
        Map::of_entries(entries.into_iter().collect())
    }
}

impl<const N: usize> From<[(Value, Value); N]> for Map {
    fn from(entries: [(Value, Value); N]) -> Map {
        entries.into_iter().collect()
    }
}

impl Extend<(Value, Value)> for Map {
    fn extend<I: IntoIterator<Item = (Value, Value)>>(&mut self, entries: I) {
        *self = self.0.iter().cloned().chain(entries).collect();
    }
}
