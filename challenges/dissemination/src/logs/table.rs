//! The logs by their places.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

use crate::log::Item;
use crate::vector::Origin;

/// One origin's log.
pub(super) struct Log<T: Item> {
    pub(super) origin: Origin,
    pub(super) upto: u64,
    /// The version of this node's logs at the last change of this one.
    pub(super) changed: u64,
    /// The number up to which the items go straight to others: from the origin to all nodes, or from
    /// the hub of its group to other hubs.
    pub(super) direct: u64,
    /// The items, in ascending order.
    pub(super) items: Vec<Held<T>>,
    /// The places of the logs that have changed last before this one, and first after it.
    pub(super) before: Option<Place>,
    pub(super) after: Option<Place>,
    /// The place of another log of the same node, of another incarnation.
    pub(super) sibling: Option<Place>,
}

/// The place of a log, which never changes: one more than its index, so that an optional place is not
/// larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(NonZeroU32);

impl Place {
    fn of(index: usize) -> Self {
        let place = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(place.expect("the number of origins fits into 32 bits"))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// An item that is held.
pub(super) struct Held<T> {
    pub(super) number: u64,
    /// The version of this node's logs with which the item came.
    pub(super) version: u64,
    pub(super) item: T,
}

impl<T: Item> Log<T> {
    pub(super) fn position(&self, number: u64) -> Result<usize, usize> {
        self.items.binary_search_by_key(&number, |held| held.number)
    }

    pub(super) fn push(&mut self, held: Held<T>) {
        if self.items.len() == self.items.capacity() {
            // In a large cluster, most logs are short.
            self.items.reserve_exact(self.items.len() / 2 + 1);
        }
        self.items.push(held);
    }
}

/// The logs by their places. They are stored in chunks of equal size: thousands of simulated nodes with
/// a vector each, which is reallocated again and again, would leave half of the memory unused.
pub(super) struct Table<T: Item>(Vec<Vec<Log<T>>>);

/// The number of logs in a chunk.
const CHUNK: usize = 16;

impl<T: Item> Table<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn push(&mut self, log: Log<T>) -> Place {
        if self.0.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.0.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.0.len() - 1;
        let logs = &mut self.0[chunk];
        logs.push(log);
        Place::of(chunk * CHUNK + logs.len() - 1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Log<T>> {
        self.0.iter().flatten()
    }
}

impl<T: Item> Index<Place> for Table<T> {
    type Output = Log<T>;

    fn index(&self, place: Place) -> &Log<T> {
        &self.0[place.index() / CHUNK][place.index() % CHUNK]
    }
}

impl<T: Item> IndexMut<Place> for Table<T> {
    fn index_mut(&mut self, place: Place) -> &mut Log<T> {
        &mut self.0[place.index() / CHUNK][place.index() % CHUNK]
    }
}
