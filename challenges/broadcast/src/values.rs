//! The values that a node knows, with their JSON form for reads.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::value::{RawValue, to_raw_value};

/// A set of values in the order of their arrival.
///
/// A read lists all values. There are more reads than changes, since values arrive in batches, so
/// the list is serialized once per change and shared by the replies.
#[derive(Default)]
pub(crate) struct Values {
    known: BTreeSet<i64>,
    in_order: Vec<i64>,
    json: Option<Rc<RawValue>>,
}

impl Values {
    /// Adds a value. Returns whether it is new.
    pub(crate) fn insert(&mut self, value: i64) -> bool {
        let new = self.known.insert(value);
        if new {
            self.in_order.push(value);
            self.json = None;
        }
        new
    }

    /// Returns all values as a JSON array.
    pub(crate) fn as_json(&mut self) -> Rc<RawValue> {
        let json = self.json.get_or_insert_with(|| {
            let json = to_raw_value(&self.in_order).expect("integers can be written as JSON");
            json.into()
        });
        Rc::clone(json)
    }
}
