//! Counters and ids.

use eddy::edn::Value;
use eddy::history::Kind;

use super::pool::Dice;
use super::{CLIENTS, Request, Service};

/// A counter.
#[derive(Default)]
pub struct Counter {
    sum: i64,
    last_reads: usize,
}

impl Service for Counter {
    fn ask(&mut self, _: usize, dice: &mut Dice) -> Request {
        match dice.one_in(2) {
            true => Request::new("read", Value::Nil),
            false => Request::new("add", dice.below(10) as i64 - 5),
        }
    }

    fn answer(&mut self, _: usize, request: &Request, _: &mut Dice) -> (Kind, Value) {
        if request.f == "read" {
            return (Kind::Ok, self.sum.into());
        }
        self.sum += request.argument.as_int().unwrap_or(0);
        (Kind::Ok, request.argument.clone())
    }

    fn lost_one_in(&self) -> u64 {
        200
    }

    fn ask_last(&mut self) -> Option<Request> {
        self.last_reads += 1;
        (self.last_reads <= CLIENTS).then(|| Request::new("read", Value::Nil))
    }
}

/// A source of unique ids.
#[derive(Default)]
pub struct Ids(u64);

impl Service for Ids {
    fn ask(&mut self, _: usize, _: &mut Dice) -> Request {
        Request::new("generate", Value::Nil)
    }

    fn answer(&mut self, _: usize, _: &Request, _: &mut Dice) -> (Kind, Value) {
        self.0 += 1;
        // Ids of different nodes arrive in no order; an odd factor maps no two numbers to one.
        let id = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
        (Kind::Ok, id.into())
    }
}
