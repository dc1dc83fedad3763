//! Broadcast by flooding: every node forwards each new value to all neighbours except the sender.
//!
//! In a total topology of N nodes this takes about N² messages per value, which makes it a good load.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use glomers::prelude::*;
use serde_json::value::RawValue;

/// The requests of clients and nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The topology of the cluster.
    Topology {
        /// The neighbours of each node.
        topology: BTreeMap<String, Vec<String>>,
    },
    /// A client's value.
    Broadcast {
        /// The value.
        message: u64,
    },
    /// A request for all known values.
    Read,
    /// A value from another node.
    Flood {
        /// The value.
        message: u64,
    },
}

/// The replies to clients.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The topology is known.
    TopologyOk,
    /// The value is stored and forwarded.
    BroadcastOk,
    /// All known values.
    ReadOk {
        /// A JSON list of values in order of arrival.
        messages: Box<RawValue>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "flood")]
struct Forward {
    message: u64,
}

/// A node that forwards every value that it does not know yet.
#[derive(Default)]
pub struct Flood {
    neighbours: RefCell<Vec<String>>,
    known: RefCell<Known>,
}

/// The known values, and the same as the content of a JSON list, which makes reads cheap.
#[derive(Default)]
struct Known {
    values: BTreeSet<u64>,
    listed: String,
}

impl Flood {
    /// Stores and forwards a value, if it is new.
    fn learn(&self, message: u64, cx: &Context) {
        let Known { values, listed } = &mut *self.known.borrow_mut();
        if !values.insert(message) {
            return;
        }
        let comma = if listed.is_empty() { "" } else { "," };
        write!(listed, "{comma}{message}").expect("writing to a string cannot fail");
        let neighbours = self.neighbours.borrow();
        for neighbour in neighbours.iter().filter(|name| *name != cx.sender()) {
            cx.send(neighbour, &Forward { message });
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
