//! The registers of one node.

use std::collections::BTreeMap;

use crate::Key;
use crate::stamp::Stamp;

/// The latest value of every register, by the stamps of those who wrote them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Store(BTreeMap<Key, (Stamp, i64)>);

impl Store {
    /// What a register holds.
    pub(crate) fn read(&self, key: Key) -> Option<i64> {
        self.0.get(&key).map(|(_, value)| *value)
    }

    /// Installs the writes of one transaction: each value, unless a later one is there.
    ///
    /// Commutative, associative and idempotent, since stamps are unique and the latest one wins.
    pub(crate) fn install(&mut self, stamp: Stamp, writes: &[(Key, i64)]) {
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

    fn stamp(at: u64, node: usize, life: u32) -> Stamp {
        Stamp {
            at,
            origin: Origin { node, life },
        }
    }

    #[test]
    fn a_register_without_a_write_holds_nothing() {
        assert_eq!(Store::default().read(1), None);
    }

    /// In particular two nodes' transactions of one time are ordered the same way everywhere, and
    /// in the same way for all of their registers.
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
                store.install(*stamp, writes);
            }
            store
        });
        assert_eq!(
            [1, 2, 3].map(|key| states[0].read(key)),
            [Some(30), Some(40), Some(20)]
        );
        assert!(states.iter().all(|state| *state == states[0]));
    }
}
