//! Registers, each used for a number of operations and then replaced by a fresh one.

use std::collections::BTreeMap;

use eddy::edn::Value;
use eddy::history::Kind;

use super::pool::Dice;
use super::{Request, Service};

/// Operations on each key.
const OPERATIONS_PER_KEY: u64 = 100;

/// A key-value store.
pub struct Registers {
    asked: u64,
    /// The value of each key before and after its latest change.
    values: BTreeMap<u64, [Value; 2]>,
    /// One of this many reads shows the value before the latest change; none if it is 0.
    stale_one_in: u64,
}

impl Registers {
    /// Creates a store.
    pub fn new(stale_one_in: u64) -> Registers {
        Registers {
            asked: 0,
            values: BTreeMap::new(),
            stale_one_in,
        }
    }
}

impl Service for Registers {
    fn ask(&mut self, _: usize, dice: &mut Dice) -> Request {
        let key = self.asked / OPERATIONS_PER_KEY;
        self.asked += 1;
        let keyed = |argument| Value::Vector([key.into(), argument].into());
        let mut value = || Value::from(dice.below(5));
        let (a, b) = (value(), value());
        match dice.below(6) {
            0 => Request::new("write", keyed(a)),
            1 | 2 => Request::new("cas", keyed(Value::Vector([a, b].into()))),
            _ => Request::new("read", keyed(Value::Nil)),
        }
    }

    fn answer(&mut self, _: usize, request: &Request, dice: &mut Dice) -> (Kind, Value) {
        let Some([key, argument]) = request.argument.as_seq() else {
            unreachable!("every request has a key and an argument");
        };
        let number = key.as_int().unwrap_or_default() as u64;
        let [before, now] = self.values.entry(number).or_default();
        let is_stale = self.stale_one_in > 0 && dice.one_in(self.stale_one_in);
        let to = match (request.f, argument.as_seq()) {
            ("read", _) => {
                let shown = if is_stale { before } else { now };
                return (Kind::Ok, Value::Vector([key.clone(), shown.clone()].into()));
            }
            ("cas", Some([from, to])) if from == now => to,
            ("cas", _) => return (Kind::Fail, request.argument.clone()),
            _ => argument,
        };
        *before = std::mem::replace(now, to.clone());
        (Kind::Ok, request.argument.clone())
    }

    fn lost_one_in(&self) -> u64 {
        200
    }
}
