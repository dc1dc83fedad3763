//! Findings in words and as results: what was seen, and for a cycle why each of its links exists.

use std::fmt::Write;

use super::graph::{Dependencies, Evidence, Link, Node, Relation};
use super::search::Cycle;
use super::transaction::{Key, Transactions};
use crate::edn::Value;
use crate::history::{Operation, Process};

/// What the transactions read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// Lists, to which elements are appended.
    List,
    /// Registers, which hold what was written last.
    Register,
}

impl DataType {
    /// The value by which results denote that nothing has been written yet.
    fn initial_version(self) -> Value {
        match self {
            DataType::List => Value::keyword("elle.list-append/init"),
            DataType::Register => Value::Nil,
        }
    }
}

/// One example of an anomaly.
#[derive(Clone, Debug)]
pub struct Finding {
    /// As it stands in results.
    pub edn: Value,
    /// In words, over several lines, none of them ended.
    pub words: String,
}

/// Explains cycles by the evidence that made their links.
pub struct Explainer<'a, 'h> {
    /// The transactions.
    pub txns: &'a Transactions<'h>,
    /// Where the links came from.
    pub sources: &'a [&'a dyn Dependencies<'h>],
    /// What the transactions read and write.
    pub data: DataType,
}

impl<'h> Explainer<'_, 'h> {
    /// A cycle with the reason of each of its links.
    pub fn cycle(&self, cycle: &Cycle, relation: impl Fn(Node, Node) -> Relation) -> Finding {
        let nodes = &cycle.nodes;
        let next = nodes.iter().cycle().skip(1);
        let links: Vec<Link<'h>> = nodes
            .iter()
            .zip(next)
            .map(|(&first, &second)| self.link(first, second, relation(first, second)))
            .collect();
        let name = super::anomaly::Anomaly::Cycle(cycle.class).name();
        let ops = nodes
            .iter()
            .chain(&nodes[..1])
            .map(|&node| self.txns.all[node].operation.to_edn());
        let edn = Value::map([
            ("cycle", Value::vector(ops)),
            (
                "steps",
                Value::list(links.iter().map(|link| self.step(link))),
            ),
            ("type", Value::keyword(name)),
        ]);
        Finding {
            edn,
            words: self.words(nodes, &links),
        }
    }

    /// A link with its evidence, which some source must have.
    fn link(&self, first: Node, second: Node, relation: Relation) -> Link<'h> {
        let mut found = None;
        for source in self.sources {
            source.links_to(second, &mut |link| {
                if link.first == first && link.evidence.relation() == relation {
                    found.get_or_insert(link);
                }
            });
        }
        found.expect("every link of the graph came from one of its sources")
    }

    fn step(&self, link: &Link<'h>) -> Value {
        let (first, second) = (&self.txns.all[link.first], &self.txns.all[link.second]);
        let kind = Value::keyword(link.evidence.relation().name());
        match link.evidence {
            Evidence::Data {
                key,
                version,
                next,
                first_step,
                second_step,
                ..
            } => {
                let version = version.cloned().unwrap_or(self.data.initial_version());
                let mut entries = vec![
                    ("type", kind),
                    ("key", self.txns.keys[key as usize].clone()),
                    ("value", version),
                    ("a-mop-index", first_step.into()),
                    ("b-mop-index", second_step.into()),
                ];
                entries.extend(next.map(|next| ("value'", next.clone())));
                Value::map(entries)
            }
            Evidence::Order(Relation::Realtime) => Value::map([
                ("type", kind),
                ("a'", first.operation.to_edn()),
                ("b", second.beginning().to_edn()),
            ]),
            Evidence::Order(_) => {
                Value::map([("type", kind), ("process", process(second.operation))])
            }
        }
    }

    fn words(&self, nodes: &[Node], links: &[Link<'h>]) -> String {
        let mut words = String::new();
        for (i, &node) in nodes.iter().enumerate() {
            let operation = self.txns.all[node].operation;
            let (process, index) = (operation.process, operation.index);
            let mops = &operation.value;
            let name = i + 1;
            line(
                &mut words,
                format_args!("T{name} = {mops} (operation {index}, process {process})"),
            );
        }
        for (i, link) in links.iter().enumerate() {
            let first = format!("T{}", i + 1);
            let second = format!("T{}", (i + 1) % links.len() + 1);
            let reason = self.reason(&first, &second, link);
            if i + 1 < links.len() {
                line(
                    &mut words,
                    format_args!("{first} < {second} because {reason};"),
                );
            } else {
                let end = format_args!("but {first} < {second} because {reason}: a contradiction");
                line(&mut words, end);
            }
        }
        words
    }

    fn reason(&self, first: &str, second: &str, link: &Link<'h>) -> String {
        let key = |key: Key| self.txns.keys[key as usize];
        match link.evidence {
            Evidence::Data {
                relation,
                key: k,
                version,
                next,
                ..
            } => {
                let (key, version) = (key(k), version.unwrap_or(&Value::Nil));
                // An append or write is the second version of all but read dependencies.
                let next = next.unwrap_or(&Value::Nil);
                match (self.data, relation) {
                    (DataType::List, Relation::Ww) => format!(
                        "{first} appended {version} to {key} and {second} appended {next} after it"
                    ),
                    (DataType::List, Relation::Wr) => {
                        format!(
                            "{first} appended {version} to {key} and {second} read it there last"
                        )
                    }
                    (DataType::List, _) if version.is_nil() => format!(
                        "{first} read {key} as empty, without the {next} that {second} appended"
                    ),
                    (DataType::List, _) => format!(
                        "{first} read {key} up to {version}, without the {next} that {second} \
                         appended after it"
                    ),
                    (DataType::Register, Relation::Ww) => {
                        format!(
                            "{first} wrote {version} to {key} and {second} wrote {next} over it"
                        )
                    }
                    (DataType::Register, Relation::Wr) => {
                        format!("{first} wrote {version} to {key} and {second} read it")
                    }
                    (DataType::Register, _) => {
                        format!("{first} read {key} as {version}, over which {second} wrote {next}")
                    }
                }
            }
            Evidence::Order(Relation::Realtime) => {
                let end = self.txns.all[link.first].operation;
                let begin = self.txns.all[link.second].beginning();
                format!(
                    "{first} had ended at {:.3} s, before {second} began at {:.3} s",
                    end.time.as_secs_f64(),
                    begin.time.as_secs_f64(),
                )
            }
            Evidence::Order(_) => {
                let process = self.txns.all[link.second].operation.process;
                format!("process {process} did {first} before {second}")
            }
        }
    }
}

fn process(operation: &Operation) -> Value {
    match operation.process {
        Process::Client(id) => id.into(),
        Process::Nemesis => Value::keyword("nemesis"),
    }
}

/// Adds a line to a text whose last line is not ended.
pub fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.write_fmt(line)
        .expect("writing to a string cannot fail");
}
