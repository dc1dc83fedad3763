//! Append-only logs, as kafka's clients use them.

use std::collections::BTreeMap;
use std::sync::Arc;

use eddy::edn::Value;
use eddy::history::Kind;

use super::pool::{Dice, Pool};
use super::{CLIENTS, Request, Service};

/// Messages of one key in one poll, at most.
const POLLED_MAX: usize = 100;

/// Where a new assignment begins: so many messages before the end.
const BACKLOG: usize = 4;

/// The logs of all keys, and where each client is in them.
pub struct Logs {
    pool: Pool,
    /// The messages of each key are 1, 2, 3, …; this is the log, by offset.
    logs: BTreeMap<u64, Vec<u64>>,
    /// The keys assigned to each client, with the offset that it polls next.
    positions: Vec<BTreeMap<u64, usize>>,
    finale: Finale,
}

/// How far the client is that reads everything in the end.
enum Finale {
    Assign,
    Poll,
    Over,
}

impl Logs {
    /// Creates logs.
    pub fn new() -> Logs {
        Logs {
            pool: Pool::new(4, 1024),
            logs: BTreeMap::new(),
            positions: vec![BTreeMap::new(); CLIENTS],
            finale: Finale::Assign,
        }
    }

    fn assign(&mut self, client: usize, keys: &[Value]) {
        let positions = &mut self.positions[client];
        if let Finale::Poll = self.finale {
            *positions = self.logs.keys().map(|&key| (key, 0)).collect();
            return;
        }
        let before = std::mem::take(positions);
        for key in keys {
            let key = number(key);
            let end = self.logs.get(&key).map_or(0, Vec::len);
            let kept = before.get(&key).copied();
            positions.insert(key, kept.unwrap_or(end.saturating_sub(BACKLOG)));
        }
    }

    fn poll(&mut self, client: usize) -> Value {
        let mut polled = Vec::new();
        for (key, next) in &mut self.positions[client] {
            let log = self.logs.get(key).map_or(&[][..], |log| log);
            let end = log.len().min(*next + POLLED_MAX);
            if *next < end {
                let pairs = (*next..end)
                    .map(|offset| Value::Vector([offset.into(), log[offset].into()].into()));
                polled.push((text(*key), Value::Vector(pairs.collect())));
                *next = end;
            }
        }
        step([
            Value::keyword("poll"),
            Value::Map(polled.into_iter().collect()),
        ])
    }

    fn send(&mut self, request: &Request) -> Value {
        let steps = request.argument.as_seq().unwrap_or_default();
        let Some([f, key, message]) = steps.first().and_then(Value::as_seq) else {
            unreachable!("a send has a key and a message");
        };
        let log = self.logs.entry(number(key)).or_default();
        log.push(message.as_int().unwrap_or_default() as u64);
        let place = Value::Vector([(log.len() - 1).into(), message.clone()].into());
        step([f.clone(), key.clone(), place])
    }
}

impl Service for Logs {
    fn ask(&mut self, client: usize, dice: &mut Dice) -> Request {
        if self.positions[client].is_empty() || dice.one_in(64) {
            let key = self.pool.read(dice);
            return Request::new("assign", Value::Vector([text(key)].into()));
        }
        if dice.one_in(2) {
            return Request::new("poll", step([Value::keyword("poll")]));
        }
        let (key, message) = self.pool.write(dice);
        Request::new(
            "send",
            step([Value::keyword("send"), text(key), message.into()]),
        )
    }

    fn answer(&mut self, client: usize, request: &Request, _: &mut Dice) -> (Kind, Value) {
        let value = match request.f {
            "assign" => {
                self.assign(client, request.argument.as_seq().unwrap_or_default());
                request.argument.clone()
            }
            "poll" => self.poll(client),
            _ => self.send(request),
        };
        (Kind::Ok, value)
    }

    fn lost_one_in(&self) -> u64 {
        1000
    }

    fn replace(&mut self, client: usize) {
        self.positions[client].clear();
    }

    fn ask_last(&mut self) -> Option<Request> {
        match self.finale {
            Finale::Assign => {
                self.finale = Finale::Poll;
                let keys = self.logs.keys().map(|&key| text(key));
                Some(Request::new("assign", Value::Vector(keys.collect())))
            }
            Finale::Poll => {
                let ends = |(key, next): (&u64, &usize)| self.logs[key].len() == *next;
                if self.positions[0].iter().all(ends) {
                    self.finale = Finale::Over;
                }
                Some(Request::new("poll", step([Value::keyword("poll")])))
            }
            Finale::Over => None,
        }
    }
}

/// A transaction of one step.
fn step(parts: impl Into<Arc<[Value]>>) -> Value {
    Value::Vector([Value::Vector(parts.into())].into())
}

fn text(key: u64) -> Value {
    key.to_string().into()
}

fn number(key: &Value) -> u64 {
    key.as_str()
        .and_then(|key| key.parse().ok())
        .unwrap_or_default()
}
