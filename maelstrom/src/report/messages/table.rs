//! The messages of a run as a table: a row for each message, with its fate and its operation.
//!
//! A table is read from the log that the run wrote, or from a journal that was kept in memory. The
//! operation that caused a message is known for the requests of clients; a reply belongs to the
//! operation of its request.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::net::{EventKind, Fate, Journal};
use crate::service;

/// The maximum number of bytes of a body that a table keeps.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// A message.
#[derive(Clone, Debug)]
pub struct MessageRow {
    /// The network's number for the message.
    pub id: u64,
    /// The time at which it was sent, in microseconds since the history began.
    pub sent_us: i64,
    /// The time at which it was received for the first time.
    pub received_us: Option<i64>,
    /// The sender, as an index into the endpoints of the table.
    pub src: usize,
    /// The receiver.
    pub dest: usize,
    /// Its fate; `None` if it was still in flight at the end of the run.
    pub fate: Option<Fate>,
    /// Whether the network made a second copy of it.
    pub is_duplicated: bool,
    /// The type, as an index into the types of the table.
    pub kind: usize,
    /// The index in the history of the operation that caused it, if that is known.
    pub operation: Option<usize>,
    body: Range<usize>,
}

/// The messages of a run.
#[derive(Debug, Default)]
pub struct MessageTable {
    /// The names of the endpoints.
    pub endpoints: Vec<String>,
    /// The types of messages.
    pub kinds: Vec<String>,
    /// The messages in the order in which they were sent.
    pub rows: Vec<MessageRow>,
    bodies: String,
    names: BTreeMap<String, usize>,
    kind_names: BTreeMap<String, usize>,
    /// The row of the last request with this sender, receiver and `msg_id`.
    requests: BTreeMap<(usize, usize, u64), usize>,
    /// The number of the first message. Numbers ascend in the order of sending, so they give the
    /// rows.
    first_id: u64,
    origin_us: i64,
}

/// An event of the log: its time, the number of the message, and if the message was sent its sender,
/// receiver, operation and body. If it was not, the third is its fate; without one it was received.
#[derive(Deserialize)]
struct Line<'a>(
    i64,
    u64,
    #[serde(borrow, default)] Option<Cow<'a, str>>,
    #[serde(borrow, default)] Option<Cow<'a, str>>,
    #[serde(default)] Option<usize>,
    #[serde(borrow, default)] Option<&'a RawValue>,
);

/// The line of the log that says when the history began.
#[derive(Deserialize)]
struct Origin {
    origin: i64,
}

/// The fields of a body that a table needs.
#[derive(Default, Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    msg_id: Option<&'a RawValue>,
    #[serde(borrow)]
    in_reply_to: Option<&'a RawValue>,
}

impl MessageTable {
    /// Reads the log of a run. An incomplete last line, as a killed run leaves it, is ignored.
    ///
    /// # Errors
    ///
    /// The log cannot be read, or a line has another format.
    pub fn read(mut log: impl BufRead) -> Result<MessageTable> {
        let mut table = MessageTable::default();
        let mut line = String::new();
        let mut number = 0;
        while log.read_line(&mut line).context("reading the messages")? > 0 {
            number += 1;
            match table.add_line(&line) {
                Ok(()) => {}
                Err(_) if !line.ends_with('\n') => break,
                Err(error) => return Err(error).with_context(|| format!("line {number}")),
            }
            line.clear();
        }
        table.finish();
        Ok(table)
    }

    /// Builds the table of a journal that kept its events.
    pub fn of_journal(journal: &Journal) -> MessageTable {
        let mut table = MessageTable {
            origin_us: micros(journal.origin()),
            ..MessageTable::default()
        };
        for event in journal.events() {
            let (at, message) = (micros(event.time), &event.message);
            match event.kind {
                EventKind::Send => {
                    let ends = [message.src, message.dest].map(|id| journal.name(id));
                    table.add_sent(at, message.id, ends, None, &message.body);
                }
                EventKind::Receive => table.add_fate(at, message.id, Fate::Received),
            }
        }
        table.finish();
        table
    }

    fn add_line(&mut self, line: &str) -> serde_json::Result<()> {
        if line.starts_with('{') {
            let Origin { origin } = serde_json::from_str(line)?;
            self.origin_us = origin;
            return Ok(());
        }
        let Line(at, id, first, dest, operation, body) = serde_json::from_str(line)?;
        match (first, dest, body) {
            (Some(src), Some(dest), Some(body)) => {
                self.add_sent(at, id, [&src, &dest], operation, body.get());
            }
            (None, ..) => self.add_fate(at, id, Fate::Received),
            (Some(name), ..) => {
                let fate = Fate::ALL.into_iter().find(|fate| fate.name() == name);
                if let Some(fate) = fate {
                    self.add_fate(at, id, fate);
                }
            }
        }
        Ok(())
    }

    fn add_sent(
        &mut self,
        at: i64,
        id: u64,
        ends: [&str; 2],
        operation: Option<usize>,
        body: &str,
    ) {
        let head: Head<'_> = serde_json::from_str(body).unwrap_or_default();
        let [src, dest] = ends.map(|name| intern(name, &mut self.endpoints, &mut self.names));
        let kind: Option<Cow<'_, str>> = head
            .kind
            .and_then(|kind| serde_json::from_str(kind.get()).ok());
        let kind = kind.unwrap_or_default();
        let number = |field: Option<&RawValue>| field.and_then(|value| value.get().parse().ok());
        let row = self.rows.len();
        let request =
            number(head.in_reply_to).and_then(|request| self.requests.get(&(dest, src, request)));
        let inherited = request.and_then(|&request| self.rows[request].operation);
        if let Some(id) = number(head.msg_id) {
            self.requests.insert((src, dest, id), row);
        }
        if row == 0 {
            self.first_id = id;
        }
        let start = self.bodies.len();
        let end = floor_char_boundary(body, MAX_BODY_BYTES);
        self.bodies.push_str(&body[..end]);
        if end < body.len() {
            self.bodies.push('…');
        }
        self.rows.push(MessageRow {
            id,
            sent_us: at,
            received_us: None,
            src,
            dest,
            fate: None,
            is_duplicated: false,
            kind: intern(&kind, &mut self.kinds, &mut self.kind_names),
            operation: operation.or(inherited),
            body: start..self.bodies.len(),
        });
    }

    fn add_fate(&mut self, at: i64, id: u64, fate: Fate) {
        let row = id.checked_sub(self.first_id);
        let row = row.and_then(|row| self.rows.get_mut(row as usize));
        let Some(row) = row.filter(|row| row.id == id) else {
            return;
        };
        match fate {
            Fate::Duplicated => row.is_duplicated = true,
            // A copy that arrives counts more than one that is lost.
            Fate::Received if row.received_us.is_none() => {
                row.received_us = Some(at);
                row.fate = Some(fate);
            }
            _ if row.fate.is_none() => row.fate = Some(fate),
            _ => {}
        }
    }

    /// Converts times to be relative to the beginning of the history.
    fn finish(&mut self) {
        for row in &mut self.rows {
            row.sent_us -= self.origin_us;
            row.received_us = row.received_us.map(|at| at - self.origin_us);
        }
        self.requests.clear();
    }

    /// Returns the text of a message's body, shortened if it is very long.
    pub fn body(&self, row: &MessageRow) -> &str {
        &self.bodies[row.body.clone()]
    }

    /// Returns whether the text of a message's body was shortened.
    pub fn is_cut_off(&self, row: &MessageRow) -> bool {
        self.body(row).ends_with('…')
    }

    /// Returns the node that each operation's first request was sent to, by name.
    pub fn node_of_operations(&self) -> BTreeMap<usize, &str> {
        let mut nodes = BTreeMap::new();
        for row in &self.rows {
            if let Some(operation) = row.operation {
                nodes
                    .entry(operation)
                    .or_insert(self.endpoints[row.dest].as_str());
            }
        }
        nodes
    }

    /// Returns the display order of endpoints: nodes, services, clients, each by letters and then
    /// by number.
    pub(in crate::report) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.endpoints.len()).collect();
        order.sort_by_key(|&endpoint| {
            let name = self.endpoints[endpoint].as_str();
            (role(name), sort_key(name))
        });
        order
    }
}

/// The role of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum EndpointRole {
    Node,
    Service,
    Client,
}

pub(in crate::report) fn role(name: &str) -> EndpointRole {
    if service::NAMES.contains(&name) {
        EndpointRole::Service
    } else if name.starts_with('c') {
        EndpointRole::Client
    } else {
        EndpointRole::Node
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn intern(name: &str, list: &mut Vec<String>, known: &mut BTreeMap<String, usize>) -> usize {
    match known.get(name) {
        Some(&index) => index,
        None => {
            known.insert(name.to_owned(), list.len());
            list.push(name.to_owned());
            list.len() - 1
        }
    }
}

/// Returns the greatest position up to `max` at which a text can be cut.
pub(super) fn floor_char_boundary(text: &str, max: usize) -> usize {
    let fits = |&at: &usize| text.is_char_boundary(at);
    (0..=max.min(text.len())).rev().find(fits).unwrap_or(0)
}

/// Returns a sort key by which `n10` comes after `n9`, and after every `m`.
fn sort_key(name: &str) -> (&str, Option<u64>, &str) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters, name[letters.len()..].parse().ok(), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"[900,0,"c0","n1",null,{"type":"init","msg_id":1}]
[950,0]
{"origin":1000}
[1204,1,"c3","n1",12,{"type":"read","msg_id":1}]
[1311,1]
[1400,2,"n1","lin-kv",null,{"type":"read","key":"k","msg_id":7}]
[1400,3,"n1","n10",null,{"type":7}]
[1500,3,"partitioned"]
[1600,4,"n1","c3",null,{"type":"read_ok","in_reply_to":1}]
[1700,"#;

    #[test]
    fn log_becomes_a_table_with_fates_and_operations() {
        let table = MessageTable::read(LOG.as_bytes()).unwrap();
        assert_eq!(table.endpoints, ["c0", "n1", "c3", "lin-kv", "n10"]);
        let found: Vec<_> = table
            .rows
            .iter()
            .map(|row| {
                let kind = table.kinds[row.kind].as_str();
                (
                    row.id,
                    row.sent_us,
                    row.received_us,
                    kind,
                    row.fate,
                    row.operation,
                )
            })
            .collect();
        let received = Some(Fate::Received);
        assert_eq!(
            found,
            [
                (0, -100, Some(-50), "init", received, None),
                (1, 204, Some(311), "read", received, Some(12)),
                (2, 400, None, "read", None, None),
                (3, 400, None, "", Some(Fate::Partitioned), None),
                (4, 600, None, "read_ok", None, Some(12)),
            ]
        );
        assert_eq!(table.body(&table.rows[3]), r#"{"type":7}"#);
        assert_eq!(table.node_of_operations(), BTreeMap::from([(12, "n1")]));
        let order = table.order().into_iter();
        let order: Vec<_> = order.map(|i| table.endpoints[i].as_str()).collect();
        assert_eq!(order, ["n1", "n10", "lin-kv", "c0", "c3"]);
    }

    #[test]
    fn line_that_is_no_event_is_an_error() {
        let log = "[1,2]\nhello\n";
        let error = MessageTable::read(log.as_bytes()).unwrap_err();
        assert_eq!(format!("{error}"), "line 2");
    }

    #[test]
    fn long_body_is_cut_at_a_character() {
        assert_eq!(floor_char_boundary("aä", 2), 1);
        assert_eq!(floor_char_boundary("aä", 9), 3);
    }
}
