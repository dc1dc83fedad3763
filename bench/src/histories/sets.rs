//! Sets that only grow.

use eddy::edn::Value;
use eddy::history::Kind;

use super::pool::Dice;
use super::{Request, Service};

/// A set of which few reads are made, since each lists all of it.
pub struct Complete {
    add: &'static str,
    asked: usize,
    operations_per_read: usize,
    elements: Vec<Value>,
    is_over: bool,
}

impl Complete {
    /// Creates a set to which the function `add` adds. Five reads are spread over the operations.
    pub fn new(add: &'static str, operations: usize) -> Complete {
        Complete {
            add,
            asked: 0,
            operations_per_read: operations.div_ceil(5),
            elements: Vec::new(),
            is_over: false,
        }
    }
}

impl Service for Complete {
    fn ask(&mut self, _: usize, _: &mut Dice) -> Request {
        self.asked += 1;
        match self.asked.is_multiple_of(self.operations_per_read) {
            true => Request::new("read", Value::Nil),
            false => Request::new(self.add, self.asked),
        }
    }

    fn answer(&mut self, _: usize, request: &Request, _: &mut Dice) -> (Kind, Value) {
        if request.f == "read" {
            return (Kind::Ok, Value::Vector(self.elements.as_slice().into()));
        }
        self.elements.push(request.argument.clone());
        (Kind::Ok, request.argument.clone())
    }

    fn ask_last(&mut self) -> Option<Request> {
        let is_over = std::mem::replace(&mut self.is_over, true);
        (!is_over).then(|| Request::new("read", Value::Nil))
    }
}

/// A set that keeps only its four latest elements.
#[derive(Default)]
pub struct Forgetful {
    asked: usize,
    elements: Vec<Value>,
}

impl Service for Forgetful {
    fn ask(&mut self, _: usize, dice: &mut Dice) -> Request {
        self.asked += 1;
        match dice.one_in(2) {
            true => Request::new("read", Value::Nil),
            false => Request::new("add", self.asked),
        }
    }

    fn answer(&mut self, _: usize, request: &Request, _: &mut Dice) -> (Kind, Value) {
        if request.f == "read" {
            return (Kind::Ok, Value::Vector(self.elements.as_slice().into()));
        }
        if self.elements.len() == 4 {
            self.elements.remove(0);
        }
        self.elements.push(request.argument.clone());
        (Kind::Ok, request.argument.clone())
    }
}
