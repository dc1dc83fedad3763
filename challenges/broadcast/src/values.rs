//! The values that a node has seen, ready to be read.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::value::{RawValue, to_raw_value};

/// A set of values in the order in which they came.
///
/// Reads outnumber the moments when something new arrives, since that comes in batches, and a read
/// lists everything. So the list is written as JSON once, and copied from then on.
#[derive(Default)]
pub(crate) struct Values {
    known: BTreeSet<i64>,
    in_order: Vec<i64>,
    json: Option<Rc<RawValue>>,
}

impl Values {
    /// Adds a value; tells whether it is new.
    pub(crate) fn insert(&mut self, value: i64) -> bool {
        let new = self.known.insert(value);
        if new {
            self.in_order.push(value);
            self.json = None;
        }
        new
    }

    /// All values, as a JSON array.
    pub(crate) fn as_json(&mut self) -> Rc<RawValue> {
        let json = self.json.get_or_insert_with(|| {
            let json = to_raw_value(&self.in_order).expect("integers can be written as JSON");
            json.into()
        });
        Rc::clone(json)
    }
}
