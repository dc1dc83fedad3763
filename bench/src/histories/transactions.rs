//! Transactions over lists and over registers.

use std::collections::BTreeMap;

use eddy::edn::Value;
use eddy::history::Kind;

use super::pool::{Dice, Pool};
use super::{Request, Service};

/// Draws a transaction of 1 to 4 steps, in which `write` names the function that writes.
fn draw(pool: &mut Pool, write: &str, dice: &mut Dice) -> Request {
    let steps = (0..=dice.below(4)).map(|_| {
        let (f, key, value) = match dice.one_in(2) {
            true => ("r", pool.read(dice), Value::Nil),
            false => {
                let (key, value) = pool.write(dice);
                (write, key, value.into())
            }
        };
        Value::Vector([Value::keyword(f), key.into(), value].into())
    });
    Request::new("txn", Value::Vector(steps.collect()))
}

/// Performs the steps of a transaction one after the other. `perform` takes a key and the value to
/// write, or `nil` for a read, and returns the value that the result shows.
fn perform(request: &Request, mut perform: impl FnMut(u64, &Value) -> Value) -> (Kind, Value) {
    let steps = request.argument.as_seq().unwrap_or_default().iter();
    let steps = steps.map(|step| {
        let Some([f, key, value]) = step.as_seq() else {
            unreachable!("a step has a function, a key and a value");
        };
        let value = perform(key.as_int().unwrap_or_default() as u64, value);
        Value::Vector([f.clone(), key.clone(), value].into())
    });
    (Kind::Ok, Value::Vector(steps.collect()))
}

/// Lists, to which transactions append.
pub struct Lists {
    pool: Pool,
    lists: BTreeMap<u64, Vec<Value>>,
    /// One of this many reads misses up to two of the latest elements; none if it is 0.
    stale_one_in: u64,
}

impl Lists {
    /// Creates empty lists.
    pub fn new(stale_one_in: u64) -> Lists {
        Lists {
            pool: Pool::new(10, 16),
            lists: BTreeMap::new(),
            stale_one_in,
        }
    }
}

impl Service for Lists {
    fn ask(&mut self, _: usize, dice: &mut Dice) -> Request {
        draw(&mut self.pool, "append", dice)
    }

    fn answer(&mut self, _: usize, request: &Request, dice: &mut Dice) -> (Kind, Value) {
        perform(request, |key, value| {
            let list = self.lists.entry(key).or_default();
            if value.is_nil() {
                let is_stale = self.stale_one_in > 0 && dice.one_in(self.stale_one_in);
                let missed = if is_stale { 1 + dice.below(2) } else { 0 };
                let shown = list.len().saturating_sub(missed as usize);
                return Value::Vector(list[..shown].into());
            }
            list.push(value.clone());
            value.clone()
        })
    }

    fn lost_one_in(&self) -> u64 {
        1000
    }
}

/// Registers.
pub struct Registers {
    pool: Pool,
    values: BTreeMap<u64, Value>,
}

impl Registers {
    /// Creates registers.
    pub fn new() -> Registers {
        Registers {
            pool: Pool::new(10, 16),
            values: BTreeMap::new(),
        }
    }
}

impl Service for Registers {
    fn ask(&mut self, _: usize, dice: &mut Dice) -> Request {
        draw(&mut self.pool, "w", dice)
    }

    fn answer(&mut self, _: usize, request: &Request, _: &mut Dice) -> (Kind, Value) {
        perform(request, |key, value| {
            let register = self.values.entry(key).or_default();
            if !value.is_nil() {
                *register = value.clone();
            }
            register.clone()
        })
    }

    fn lost_one_in(&self) -> u64 {
        1000
    }
}
