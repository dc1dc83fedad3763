//! The data of the viewer: columns of numbers as JSON and bodies as lines, both compressed.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};

use super::table::{EndpointRole, MessageRow, MessageTable, floor_char_boundary, role};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};
use crate::net::Fate;
use crate::report::faults::Interval;
use crate::report::svg::shortened;

/// The maximum number of messages on the page, which a browser opens in about a second.
const MAX_MESSAGES: usize = 400_000;

/// The maximum size of all bodies together, in bytes before compression.
const MAX_BODIES_BYTES: usize = 40 << 20;

/// The maximum size of one body, in bytes. Bodies are shorter if there are very many.
const MAX_BODY_BYTES: usize = 4000;

/// The maximum length of an operation's value, in characters.
const MAX_VALUE_CHARS: usize = 160;

/// The data of the page.
pub(super) struct Encoded {
    /// All columns but the bodies.
    pub columns: String,
    /// The bodies, one a line.
    pub bodies: String,
    /// The number of messages.
    pub shown: usize,
}

impl Encoded {
    pub(super) fn new(
        history: &History,
        table: &MessageTable,
        faults: &[Interval],
        anomalies: &[usize],
    ) -> Encoded {
        let time = |index: usize| history.get(index).map(|op| op.time.as_micros() as i64);
        let focus = anomalies.first().copied();
        let range = shown(&table.rows, focus.and_then(time));
        let rows = &table.rows[range];
        let order = table.order();
        let mut place = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            place[from] = to;
        }
        let operations = Operations::new(history, rows, &place);
        let end = history.iter().map(|op| op.time).max().unwrap_or_default();
        let times = anomalies.iter().filter_map(|&index| time(index));
        let data = json!({
            "endpoints": order.iter().map(|&i| &table.endpoints[i]).collect::<Vec<_>>(),
            "roles": order.iter().map(|&i| role_number(&table.endpoints[i])).collect::<Vec<_>>(),
            "kinds": table.kinds,
            "fates": fates(),
            "outcomes": ["ok", "info", "fail", "never completed"],
            "m": messages(rows, &place, &operations.row_of),
            "ops": operations.columns,
            "fs": operations.names,
            "faults": faults.iter().map(shown_fault).collect::<Vec<_>>(),
            "anomalies": times.take(1000).collect::<Vec<_>>(),
            "focus": focus,
            "end": end.as_micros() as i64,
        });
        let budget = MAX_BODIES_BYTES / rows.len().max(1);
        let bytes_max = budget.clamp(80, MAX_BODY_BYTES);
        let mut bodies = packer();
        for (number, row) in rows.iter().enumerate() {
            let body = table.body(row);
            let kept = &body[..floor_char_boundary(body, bytes_max)];
            let separator = if number > 0 { "\n" } else { "" };
            let cut = if kept.len() < body.len() { "…" } else { "" };
            let line = format!("{separator}{}{cut}", kept.replace('\n', " "));
            bodies.write_all(line.as_bytes()).expect(IN_MEMORY);
        }
        Encoded {
            columns: packed(&data.to_string()),
            bodies: base64(&bodies.finish().expect(IN_MEMORY)),
            shown: rows.len(),
        }
    }
}

const IN_MEMORY: &str = "writing to memory cannot fail";

/// Returns the rows that the page shows: all, or those around a time, or the last ones.
fn shown(rows: &[MessageRow], focus: Option<i64>) -> Range<usize> {
    if rows.len() <= MAX_MESSAGES {
        return 0..rows.len();
    }
    let middle = focus.map_or(rows.len(), |at| {
        rows.partition_point(|row| row.sent_us < at)
    });
    let start = middle.saturating_sub(MAX_MESSAGES / 2);
    let start = start.min(rows.len() - MAX_MESSAGES);
    start..start + MAX_MESSAGES
}

fn fates() -> Vec<&'static str> {
    let known = Fate::ALL.iter().filter(|fate| **fate != Fate::Duplicated);
    ["unknown"]
        .into_iter()
        .chain(known.map(|fate| fate.name()))
        .collect()
}

fn role_number(name: &str) -> u8 {
    match role(name) {
        EndpointRole::Node => 0,
        EndpointRole::Service => 1,
        EndpointRole::Client => 2,
    }
}

/// Encodes an ascending list as differences, which compress well.
fn differences(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut last = 0;
    values
        .map(|value| value - std::mem::replace(&mut last, value))
        .collect()
}

fn column<T: Into<Json>>(rows: &[MessageRow], value: impl Fn(&MessageRow) -> T) -> Json {
    rows.iter().map(value).map(Into::into).collect()
}

fn messages(rows: &[MessageRow], place: &[usize], row_of: &BTreeMap<usize, usize>) -> Json {
    let names = fates();
    let fate = |row: &MessageRow| {
        let name = row.fate.map_or("unknown", Fate::name);
        names.iter().position(|known| *known == name).unwrap_or(0)
    };
    json!({
        "id": differences(rows.iter().map(|row| row.id as i64)),
        "t": differences(rows.iter().map(|row| row.sent_us)),
        "l": column(rows, |row| row.received_us.map_or(-1, |at| at - row.sent_us)),
        "s": column(rows, |row| place[row.src]),
        "d": column(rows, |row| place[row.dest]),
        "f": column(rows, fate),
        "c": column(rows, |row| u8::from(row.is_duplicated)),
        "k": column(rows, |row| row.kind),
        "o": column(rows, |row| {
            let operation = row.operation.and_then(|index| row_of.get(&index));
            operation.map_or(-1, |&row| row as i64)
        }),
    })
}

/// The operations of the history as columns.
struct Operations {
    columns: Json,
    /// The functions, to which a column refers.
    names: Vec<String>,
    /// The row of each operation, by the index of its invocation.
    row_of: BTreeMap<usize, usize>,
}

impl Operations {
    fn new(history: &History, rows: &[MessageRow], place: &[usize]) -> Operations {
        let mut clients: BTreeMap<usize, usize> = BTreeMap::new();
        for row in rows {
            if let Some(operation) = row.operation {
                clients.entry(operation).or_insert(place[row.src]);
            }
        }
        let (columns, names) = operation_columns(history, |invocation| {
            clients
                .get(&invocation.index)
                .map_or(-1, |&client| client as i64)
        });
        let indices = history.pairs().map(|(invocation, _)| invocation.index);
        Operations {
            columns,
            names,
            row_of: indices
                .enumerate()
                .map(|(row, index)| (index, row))
                .collect(),
        }
    }
}

/// Returns the operations of a history as columns, and the functions to which they refer.
pub(in crate::report) fn operation_columns(
    history: &History,
    client: impl Fn(&Operation) -> i64,
) -> (Json, Vec<String>) {
    let pairs: Vec<_> = history.pairs().collect();
    let mut names: Vec<String> = Vec::new();
    let mut functions = Vec::new();
    for (invocation, _) in &pairs {
        let known = names.iter().position(|name| *name == invocation.f);
        functions.push(known.unwrap_or_else(|| {
            names.push(invocation.f.to_string());
            names.len() - 1
        }));
    }
    let took = |(invocation, completion): &(&Operation, Option<&Operation>)| {
        completion.map_or(-1, |op| {
            op.time.saturating_sub(invocation.time).as_micros() as i64
        })
    };
    let until = |(invocation, completion): &(&Operation, Option<&Operation>)| {
        completion.map_or(-1, |op| (op.index - invocation.index) as i64)
    };
    let columns = json!({
        "i": differences(pairs.iter().map(|(op, _)| op.index as i64)),
        "t": differences(pairs.iter().map(|(op, _)| op.time.as_micros() as i64)),
        "l": pairs.iter().map(took).collect::<Vec<_>>(),
        "e": pairs.iter().map(until).collect::<Vec<_>>(),
        "p": pairs.iter().map(|(op, _)| op.process.to_string()).collect::<Vec<_>>(),
        "f": functions,
        "o": pairs.iter().map(|(_, end)| outcome(*end)).collect::<Vec<_>>(),
        "c": pairs.iter().map(|(op, _)| client(op)).collect::<Vec<_>>(),
        "v": pairs.iter().map(|(op, end)| value_text(op, *end)).collect::<Vec<_>>(),
    });
    (columns, names)
}

fn outcome(completion: Option<&Operation>) -> u8 {
    match completion.map(|completion| completion.kind) {
        Some(Kind::Ok) => 0,
        Some(Kind::Info) => 1,
        Some(Kind::Fail) => 2,
        _ => 3,
    }
}

/// Returns the result of an operation, or its argument if there is no result, with its error.
fn value_text(invocation: &Operation, completion: Option<&Operation>) -> String {
    let value: &Value = match completion {
        Some(completion) if completion.kind == Kind::Ok => &completion.value,
        _ => &invocation.value,
    };
    let mut text = shortened(&value.to_string(), MAX_VALUE_CHARS);
    if let Some(error) = completion.and_then(|completion| completion.error.as_deref()) {
        text += "  ";
        text += &shortened(&error.to_string(), MAX_VALUE_CHARS);
    }
    text
}

/// Returns the fields of a fault that pages show.
pub(in crate::report) fn shown_fault(fault: &Interval) -> Json {
    json!({
        "name": fault.family.name,
        "colour": fault.family.colour,
        "from": fault.from.as_micros() as i64,
        "to": fault.to.as_micros() as i64,
        "where": fault.place,
        "nodes": fault.nodes,
    })
}

fn packer() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::new(4))
}

/// Compresses a text and encodes it as base64, which a page can hold.
pub(in crate::report) fn packed(text: &str) -> String {
    let mut packer = packer();
    packer.write_all(text.as_bytes()).expect(IN_MEMORY);
    base64(&packer.finish().expect(IN_MEMORY))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            text.push(match digit <= chunk.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_the_standard() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

    #[test]
    fn ascending_list_becomes_differences() {
        assert_eq!(differences([5, 7, 7, 12].into_iter()), [5, 2, 0, 5]);
    }
}
