//! The registers of one node.

use std::collections::BTreeMap;

use crate::stamp::Stamp;
use crate::{Integer, Key};

/// The value with the latest stamp of every register.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Store(BTreeMap<Key, (Stamp, Integer)>);

impl Store {
    /// Returns the value of a register, or `None` if it was never written.
    pub(crate) fn read(&self, key: Key) -> Option<Integer> {
        self.0.get(&key).map(|(_, value)| *value)
    }

    /// Installs the writes of one transaction: each value, unless its register has one with a later
    /// stamp.
    ///
    /// This is commutative, associative and idempotent, since stamps are unique and the latest wins.
    pub(crate) fn install(&mut self, stamp: Stamp, writes: &[(Key, Integer)]) {
        for &(key, value) in writes {
            let held = self.0.entry(key).or_insert((stamp, value));
            if held.0 < stamp {
                *held = (stamp, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dissemination::Origin;

    use super::*;

    fn install(store: &mut Store, stamp: Stamp, writes: &[(i64, i64)]) {
        let writes = writes
            .iter()
            .map(|&(key, value)| (key.into(), value.into()));
        store.install(stamp, &writes.collect::<Vec<_>>());
    }

    fn stamp(at: u64, node: usize, incarnation: u32) -> Stamp {
        Stamp {
            at,
            origin: Origin { node, incarnation },
        }
    }

    #[test]
    fn register_without_a_write_has_no_value() {
        assert_eq!(Store::default().read(1.into()), None);
    }

    /// In particular, two nodes' transactions of the same time are ordered in the same way on all
    /// nodes and for all registers.
    #[test]
    fn write_sets_yield_one_state_in_any_order_and_number() {
        let write_sets = [
            (stamp(1, 0, 7), vec![(1, 10), (2, 10)]),
            (stamp(2, 0, 7), vec![(1, 20), (3, 20)]),
            (stamp(2, 1, 3), vec![(1, 30), (2, 30)]),
            (stamp(2, 1, 4), vec![(2, 40)]),
        ];
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]];
        let states = orders.map(|order| {
            let mut store = Store::default();
            for index in order.into_iter().chain(order) {
                let (stamp, writes) = &write_sets[index];
                install(&mut store, *stamp, writes);
            }
            store
        });
        assert_eq!(
            [1, 2, 3].map(|key: i64| states[0].read(key.into())),
            [30, 40, 20].map(|value: i64| Some(value.into()))
        );
        assert!(states.iter().all(|state| *state == states[0]));
    }
}
