//! Broadcast by flooding: every node tells every new value to all its neighbours but the one it
//! has it from.
//!
//! Where everybody is everybody's neighbour that takes about N² messages for each value, which
//! makes it a good load.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use glomers::prelude::*;
use serde_json::value::RawValue;

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Who is whose neighbour.
    Topology {
        /// For each node its neighbours.
        topology: BTreeMap<String, Vec<String>>,
    },
    /// A client's value.
    Broadcast {
        /// The value.
        message: u64,
    },
    /// What do you know?
    Read,
    /// Another node's value.
    Flood {
        /// The value.
        message: u64,
    },
}

/// What clients are answered.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// So be it.
    TopologyOk,
    /// The value is on its way.
    BroadcastOk,
    /// All that is known.
    ReadOk {
        /// A list of values, in order of arrival.
        messages: Box<RawValue>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "flood")]
struct Told {
    message: u64,
}

/// A node that repeats every value that is news to it.
#[derive(Default)]
pub struct Flood {
    neighbours: RefCell<Vec<String>>,
    known: RefCell<Known>,
}

/// Values, and the same as the inside of a JSON list, so that a read costs little.
#[derive(Default)]
struct Known {
    values: BTreeSet<u64>,
    listed: String,
}

impl Flood {
    /// Tells a value on if it is news.
    fn learn(&self, message: u64, cx: &Context) {
        let Known { values, listed } = &mut *self.known.borrow_mut();
        if !values.insert(message) {
            return;
        }
        let comma = if listed.is_empty() { "" } else { "," };
        write!(listed, "{comma}{message}").expect("writing to a string cannot fail");
        let neighbours = self.neighbours.borrow();
        for neighbour in neighbours.iter().filter(|name| *name != cx.sender()) {
            cx.send(neighbour, &Told { message });
        }
    }
}

impl Node for Flood {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Topology { mut topology } => {
                let neighbours = topology.remove(cx.id()).unwrap_or_default();
                self.neighbours.replace(neighbours);
                Some(Reply::TopologyOk)
            }
            Request::Broadcast { message } => {
                self.learn(message, cx);
                Some(Reply::BroadcastOk)
            }
            Request::Flood { message } => {
                self.learn(message, cx);
                None
            }
            Request::Read => {
                let list = format!("[{}]", self.known.borrow().listed);
                let messages = RawValue::from_string(list).expect("a list of numbers is JSON");
                Some(Reply::ReadOk { messages })
            }
        })
    }
}
