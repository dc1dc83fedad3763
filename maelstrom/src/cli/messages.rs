//! `eddy messages`: the messages of a past run, filtered.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use serde_json::value::RawValue;

use crate::net::Fate;
use crate::report::{MESSAGES_FILE, MessageRow, MessageTable};

#[derive(Args)]
pub(super) struct MessagesOptions {
    /// The directory of the run, or its messages.jsonl
    #[arg(value_name = "DIR")]
    run: PathBuf,

    /// Only messages from or to this node, service or client
    #[arg(short, long, value_name = "NAME")]
    node: Vec<String>,

    /// Only messages of this type, such as read_ok
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Vec<String>,

    /// Only messages with this fate: received, partitioned, lost, duplicated, receiver-down, or
    /// unknown
    #[arg(short, long, value_name = "FATE")]
    fate: Vec<String>,

    /// Only the requests and replies of this operation
    #[arg(short, long, value_name = "INDEX")]
    operation: Option<usize>,

    /// Only messages whose body contains this text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,

    /// Only messages that were sent at this time or later, in seconds
    #[arg(long, value_name = "SECONDS")]
    from: Option<f64>,

    /// Only messages that were sent before this time, in seconds
    #[arg(long, value_name = "SECONDS")]
    to: Option<f64>,

    /// Print at most this many messages
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Print each message as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &MessagesOptions) -> Result<u8> {
    let path = match options.run.is_dir() {
        true => options.run.join(MESSAGES_FILE),
        false => options.run.clone(),
    };
    let file = File::open(&path).with_context(|| format!("{}", path.display()))?;
    let table = MessageTable::read(BufReader::new(file));
    let table = table.with_context(|| format!("{}", path.display()))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let matching = table.rows.iter().filter(|row| options.accepts(&table, row));
    for row in matching.take(options.limit.unwrap_or(usize::MAX)) {
        let line = match options.json {
            true => json_line(&table, row)?,
            false => text_line(&table, row),
        };
        // A reader that has seen enough closes the pipe.
        if writeln!(out, "{line}").is_err() {
            return Ok(0);
        }
    }
    let _ = out.flush();
    Ok(0)
}

impl MessagesOptions {
    fn accepts(&self, table: &MessageTable, row: &MessageRow) -> bool {
        let any = |wanted: &[String], found: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|name| found.contains(&name.as_str()))
        };
        let ends = [row.src, row.dest].map(|end| table.endpoints[end].as_str());
        let mut fates = vec![fate(row)];
        if row.is_duplicated {
            fates.push(Fate::Duplicated.name());
        }
        let sent = seconds(row.sent_us);
        any(&self.node, &ends)
            && any(&self.kind, &[&table.kinds[row.kind]])
            && any(&self.fate, &fates)
            && self
                .operation
                .is_none_or(|index| row.operation == Some(index))
            && self.from.is_none_or(|from| sent >= from)
            && self.to.is_none_or(|to| sent < to)
            && self
                .text
                .as_ref()
                .is_none_or(|text| table.body(row).contains(text.as_str()))
    }
}

fn fate(row: &MessageRow) -> &'static str {
    row.fate.map_or("unknown", Fate::name)
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn text_line(table: &MessageTable, row: &MessageRow) -> String {
    let [src, dest] = [row.src, row.dest].map(|end| &table.endpoints[end]);
    let took = match row.received_us {
        Some(at) => format!("{:>9.3} ms", (at - row.sent_us) as f64 / 1000.0),
        None => format!("{:>12}", fate(row)),
    };
    let copies = if row.is_duplicated { " twice" } else { "" };
    let operation = row
        .operation
        .map_or(String::new(), |index| format!(" (operation {index})"));
    format!(
        "{:>7} {:>11.6} s {took}  {src} → {dest}{copies}  {}{operation}",
        row.id,
        seconds(row.sent_us),
        table.body(row)
    )
}

fn json_line(table: &MessageTable, row: &MessageRow) -> Result<String> {
    let body = RawValue::from_string(table.body(row).to_owned());
    let line = json!({
        "id": row.id,
        "src": table.endpoints[row.src],
        "dest": table.endpoints[row.dest],
        "type": table.kinds[row.kind],
        "sent_us": row.sent_us,
        "received_us": row.received_us,
        "fate": fate(row),
        "duplicated": row.is_duplicated,
        "operation": row.operation,
        // A body that was shortened is no longer JSON.
        "body": match body {
            Ok(body) => serde_json::to_value(body)?,
            Err(_) => table.body(row).into(),
        },
    });
    Ok(line.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const LOG: &str = r#"{"origin":0}
[1204,1,"c3","n1",12,{"type":"read","msg_id":1}]
[1311,1]
[2000000,2,"n1","n10",null,{"type":"gossip","value":7}]
[2000000,2,"partitioned"]
"#;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: MessagesOptions,
    }

    fn ids(arguments: &str) -> Vec<u64> {
        let arguments = format!("messages run {arguments}");
        let options = CommandLine::parse_from(arguments.split_whitespace()).options;
        let table = MessageTable::read(LOG.as_bytes()).unwrap();
        let matching = table.rows.iter().filter(|row| options.accepts(&table, row));
        matching.map(|row| row.id).collect()
    }

    #[test]
    fn messages_that_match_all_filters_are_printed() {
        assert_eq!(ids(""), [1, 2]);
        assert_eq!(ids("--node n10 --node c3"), [1, 2]);
        assert_eq!(ids("--node n10 --type read"), [0; 0]);
        assert_eq!(ids("--fate partitioned"), [2]);
        assert_eq!(ids("--operation 12"), [1]);
        assert_eq!(ids("--text value\":7"), [2]);
        assert_eq!(ids("--from 0.5 --to 2"), [0; 0]);
        assert_eq!(ids("--from 0.5 --to 2.1"), [2]);
    }

    #[test]
    fn line_shows_times_ends_body_and_operation() {
        let table = MessageTable::read(LOG.as_bytes()).unwrap();
        assert_eq!(
            text_line(&table, &table.rows[0]),
            "      1    0.001204 s     0.107 ms  c3 → n1  {\"type\":\"read\",\"msg_id\":1} (operation 12)"
        );
        let line = text_line(&table, &table.rows[1]);
        assert!(line.contains(" partitioned  n1 → n10  "), "{line}");
        let json = json_line(&table, &table.rows[1]).unwrap();
        assert!(
            json.contains("\"body\":{\"type\":\"gossip\",\"value\":7}"),
            "{json}"
        );
    }
}
