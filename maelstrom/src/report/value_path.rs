//! The path of a value from node to node, according to the messages between nodes.
//!
//! A message carries a value if its body contains it in any field except those of the protocol's
//! header. Node programs choose the format of their messages, so an equal number may also mean
//! something else, such as a counter. The text therefore says "messages with 17".

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;

use super::messages::{EndpointRole, MessageRow, MessageTable, role};
use crate::edn::Value;
use crate::net::Fate;

/// The fields of a body that never hold a client's value.
const HEAD_FIELDS: [&str; 4] = ["type", "msg_id", "in_reply_to", "code"];

/// The maximum number of steps of a path and of nodes that the text lists.
const MAX_STEPS: usize = 6;
const MAX_NODES: usize = 4;

/// Describes in one line the path of a value from node to node, and why it did not reach the
/// others; `None` if no message shows its path, if it reached every node, or if the table does not
/// hold every body as a whole.
pub(super) fn describe(table: &MessageTable, value: &Value) -> Option<String> {
    let wanted = value.to_plain_json();
    let text = wanted.to_string();
    let mut path = ValuePath::new(table);
    for row in &table.rows {
        let body = table.body(row);
        if table.is_cut_off(row) {
            // It may carry the value, so nothing can be said about where that went.
            return None;
        }
        if body.contains(&text) && carries(body, &wanted) {
            path.add(row);
        }
    }
    path.describe(&text)
}

/// Returns whether a body contains the value.
fn carries(body: &str, wanted: &Json) -> bool {
    let body: Option<serde_json::Map<String, Json>> = serde_json::from_str(body).ok();
    body.is_some_and(|body| {
        let data = body
            .iter()
            .filter(|(key, _)| !HEAD_FIELDS.contains(&key.as_str()));
        data.into_iter()
            .any(|(key, value)| key == &wanted.to_string() || contains(value, wanted))
    })
}

fn contains(json: &Json, wanted: &Json) -> bool {
    json == wanted
        || match json {
            Json::Array(items) => items.iter().any(|item| contains(item, wanted)),
            Json::Object(fields) => fields.values().any(|value| contains(value, wanted)),
            _ => false,
        }
}

/// The messages with a value to one node, with their fates.
#[derive(Default)]
struct Attempts {
    /// The times at which they were sent, in microseconds, with their fates.
    unreceived: Vec<(i64, Option<Fate>)>,
}

/// The nodes that a value reached, and the messages to those that it did not reach.
struct ValuePath<'a> {
    table: &'a MessageTable,
    /// The node that a client sent the value to.
    origin: Option<usize>,
    /// For each node, the sender of the first message with the value that it received, and the time.
    reached: BTreeMap<usize, (usize, i64)>,
    attempts: BTreeMap<usize, Attempts>,
}

impl<'a> ValuePath<'a> {
    fn new(table: &'a MessageTable) -> ValuePath<'a> {
        ValuePath {
            table,
            origin: None,
            reached: BTreeMap::new(),
            attempts: BTreeMap::new(),
        }
    }

    fn role(&self, endpoint: usize) -> EndpointRole {
        role(&self.table.endpoints[endpoint])
    }

    fn add(&mut self, row: &MessageRow) {
        use EndpointRole::{Client, Node};
        match (self.role(row.src), self.role(row.dest)) {
            (Client, Node) if row.received_us.is_some() => {
                self.origin.get_or_insert(row.dest);
            }
            (Node, Node) if row.src != row.dest => match row.received_us {
                Some(at) => {
                    let first = self.reached.entry(row.dest).or_insert((row.src, at));
                    if at < first.1 {
                        *first = (row.src, at);
                    }
                }
                None => {
                    let attempts = self.attempts.entry(row.dest).or_default();
                    attempts.unreceived.push((row.sent_us, row.fate));
                }
            },
            _ => {}
        }
    }

    fn describe(mut self, value: &str) -> Option<String> {
        let origin = self.origin?;
        self.reached.remove(&origin);
        let is_unreached = |node: &usize| {
            self.role(*node) == EndpointRole::Node
                && *node != origin
                && !self.reached.contains_key(node)
        };
        let unreached: Vec<usize> = self
            .table
            .order()
            .into_iter()
            .filter(is_unreached)
            .collect();
        if unreached.is_empty() {
            return None;
        }
        let name = |node: usize| self.table.endpoints[node].as_str();
        let mut steps: Vec<_> = self
            .reached
            .iter()
            .map(|(to, (from, at))| (*at, *from, *to))
            .collect();
        steps.sort_unstable();
        let mut text = format!("The path of {value}: from a client to {}", name(origin));
        for (at, from, to) in steps.iter().take(MAX_STEPS) {
            let _ = write!(
                text,
                ", {} to {} at {:.3} s",
                name(*from),
                name(*to),
                seconds(*at)
            );
        }
        if let Some(more @ 1..) = steps.len().checked_sub(MAX_STEPS) {
            let _ = write!(text, ", and to {more} more nodes");
        }
        text.push('.');
        let (tried, untried): (Vec<_>, Vec<_>) = unreached
            .into_iter()
            .partition(|node| self.attempts.contains_key(node));
        if !untried.is_empty() {
            let _ = write!(
                text,
                " No node sent a message with {value} to {}.",
                self.names(&untried)
            );
        }
        for node in tried.iter().take(MAX_NODES) {
            let _ = write!(
                text,
                " {}",
                self.attempts[node].describe(value, name(*node))
            );
        }
        if let Some(more @ 1..) = tried.len().checked_sub(MAX_NODES) {
            let _ = write!(text, " The same holds for {more} more nodes.");
        }
        Some(text)
    }

    /// Returns `n1, n2 and 3 more`.
    fn names(&self, nodes: &[usize]) -> String {
        let shown = nodes.iter().take(MAX_NODES);
        let shown: Vec<&str> = shown
            .map(|&node| self.table.endpoints[node].as_str())
            .collect();
        match nodes.len().saturating_sub(MAX_NODES) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

impl Attempts {
    fn describe(&self, value: &str, node: &str) -> String {
        let count = self.unreceived.len();
        let mut by_fate: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, fate) in &self.unreceived {
            *by_fate.entry(in_words(*fate)).or_default() += 1;
        }
        let fates: Vec<String> = by_fate
            .into_iter()
            .map(|(fate, of)| {
                if of == count {
                    fate.to_owned()
                } else {
                    format!("{of} {fate}")
                }
            })
            .collect();
        let last = self.unreceived.iter().map(|(at, _)| *at).max().unwrap_or(0);
        let messages = if count == 1 { "message" } else { "messages" };
        format!(
            "{node} received none of {count} {messages} with {value}, the last sent at {:.3} s: {}.",
            seconds(last),
            fates.join(", ")
        )
    }
}

fn in_words(fate: Option<Fate>) -> &'static str {
    match fate {
        Some(Fate::Partitioned) => "dropped by a partition",
        Some(Fate::Lost) => "lost by the network",
        Some(Fate::ReceiverDown) => "the receiver was down",
        Some(Fate::Received | Fate::Duplicated) | None => "still in flight at the end",
    }
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[&str]) -> MessageTable {
        MessageTable::read(lines.join("\n").as_bytes()).unwrap()
    }

    const INIT: [&str; 3] = [
        r#"[0,0,"c0","n0",null,{"type":"init","msg_id":7}]"#,
        r#"[0,1,"c1","n1",null,{"type":"init","msg_id":7}]"#,
        r#"[0,2,"c2","n2",null,{"type":"init","msg_id":7}]"#,
    ];

    #[test]
    fn path_ends_at_the_last_node_that_forwards_the_value() {
        let log = [
            r#"[1000,3,"c5","n0",null,{"type":"broadcast","message":7}]"#,
            "[1000,3]",
            r#"[2000,4,"n0","n1",null,{"type":"gossip","seen":[7,8]}]"#,
            "[9000,4]",
            r#"[9500,5,"n1","n2",null,{"type":"gossip","seen":[8],"msg_id":7}]"#,
            "[9900,5]\n",
        ];
        let table = table(&[&INIT[..], &log].concat());
        assert_eq!(
            describe(&table, &7.into()).unwrap(),
            "The path of 7: from a client to n0, n0 to n1 at 0.009 s. No node sent a message with 7 to n2."
        );
        assert_eq!(describe(&table, &9.into()), None);
    }

    #[test]
    fn fates_of_undelivered_messages_are_described() {
        let log = [
            r#"[1000,3,"c5","n0",null,{"type":"broadcast","message":7}]"#,
            "[1000,3]",
            r#"[2000,4,"n0","n1",null,{"type":"gossip","message":7}]"#,
            r#"[2000,4,"partitioned"]"#,
            r#"[3000,5,"n0","n1",null,{"type":"gossip","message":7}]"#,
            r#"[3000,5,"lost"]"#,
            r#"[4000,6,"n0","n2",null,{"type":"gossip","message":7}]"#,
            "[5000,6]\n",
        ];
        let table = table(&[&INIT[..], &log].concat());
        assert_eq!(
            describe(&table, &7.into()).unwrap(),
            "The path of 7: from a client to n0, n0 to n2 at 0.005 s. n1 received none of 2 messages with \
             7, the last sent at 0.003 s: 1 dropped by a partition, 1 lost by the network."
        );
    }
}
