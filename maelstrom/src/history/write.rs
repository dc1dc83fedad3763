//! Writing histories as EDN, as text, and as JSON lines.

use std::fmt::{self, Write};

use super::{History, Operation, Process};
use crate::edn::Value;

impl Operation {
    /// Returns the operation as an EDN record, as results contain it.
    pub fn to_edn(&self) -> Value {
        let entries = self.entries().into_iter();
        let entries = Value::Map(entries.map(|(k, v)| (Value::keyword(k), v)).collect());
        Value::Tagged(Box::new(("jepsen.history.Op".to_owned(), entries)))
    }

    /// Returns the fields in the order in which they are printed.
    fn entries(&self) -> Vec<(String, Value)> {
        let process = match self.process {
            Process::Client(id) => Value::from(id),
            Process::Nemesis => Value::keyword("nemesis"),
        };
        let fields = [
            ("index", Value::from(self.index)),
            ("time", Value::from(self.time.as_nanos() as i128)),
            ("type", Value::keyword(self.kind.name())),
            ("process", process),
            ("f", Value::keyword(&*self.f)),
            ("value", self.value.clone()),
        ];
        let mut entries: Vec<_> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        entries.extend(self.extra.iter().map(|(k, v)| (k.to_string(), v.clone())));
        entries.extend(
            self.error
                .iter()
                .map(|e| ("error".to_owned(), (**e).clone())),
        );
        entries.extend(
            self.exception
                .iter()
                .map(|e| ("exception".to_owned(), (**e).clone())),
        );
        entries
    }

    /// Returns the operation as one line of `history.edn`.
    pub fn edn_line(&self) -> String {
        let mut line = String::new();
        self.write_edn(&mut line);
        line
    }

    /// Appends the operation as one line of `history.edn`, without the line break. It copies no values:
    /// a run that is saturated writes tens of thousands of lines per second.
    pub fn write_edn(&self, out: &mut String) {
        let Operation {
            index,
            time,
            kind,
            process,
            f,
            value,
            error,
            exception,
            extra,
        } = self;
        let (time, kind) = (time.as_nanos(), kind.name());
        let mut write = || -> fmt::Result {
            write!(out, "{{:index {index}, :time {time}, :type :{kind}, ")?;
            write!(out, ":process {process}, :f :{f}, :value {value}")?;
            for (key, value) in extra {
                write!(out, ", :{key} {value}")?;
            }
            for (key, value) in [("error", error), ("exception", exception)] {
                if let Some(value) = value {
                    write!(out, ", :{key} {value}")?;
                }
            }
            out.write_char('}')
        };
        write().expect("writing to a string cannot fail");
    }

    /// Returns the operation as one line of `history.txt`: process, type, function, value and error,
    /// separated by tabs.
    pub fn text_line(&self) -> String {
        let Operation {
            process,
            kind,
            f,
            value,
            error,
            ..
        } = self;
        let mut line = format!("{process}\t:{}\t:{f}\t{value}", kind.name());
        if let Some(error) = error {
            write!(line, "\t{error}").expect("writing to a string cannot fail");
        }
        line
    }

    /// Returns the operation as one line of `history.jsonl`: readable fields, and the exact EDN.
    pub fn json_line(&self) -> String {
        let mut fields = serde_json::Map::new();
        for (key, value) in self.entries() {
            fields.insert(key, value.to_plain_json());
        }
        fields.insert("edn".to_owned(), self.edn_line().into());
        serde_json::Value::Object(fields).to_string()
    }
}

impl History {
    /// Returns the history with one line per operation, each written by `line`.
    pub fn to_lines(&self, line: impl Fn(&Operation) -> String) -> String {
        self.iter().map(|op| line(op) + "\n").collect()
    }
}
