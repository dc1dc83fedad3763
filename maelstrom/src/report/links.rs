//! Links in explanations: from operations, nodes and times to the pages that show them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use maud::{Markup, html};

use crate::history::{History, Process};
use crate::report::MessageTable;

/// The time shown before and after a moment that a text names, in seconds.
const MARGIN_SECONDS: f64 = 0.05;

/// The operations, nodes and pages that the texts of a run may refer to.
pub(super) struct Links<'a> {
    history: &'a History,
    nodes: BTreeSet<&'a str>,
    node_of_process: BTreeMap<u64, &'a str>,
    /// The operations by process and by the time of their invocation in microseconds.
    invocations: BTreeMap<(u64, u128), usize>,
    has_messages: bool,
}

/// A piece of a text.
#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Text(&'t str),
    /// The index of an operation.
    Operation(&'t str),
    /// The number of a process.
    Process(&'t str),
    /// A word that may be the name of a node.
    Word(&'t str),
    /// A time in seconds.
    Time(&'t str),
    /// The interval of an operation in milliseconds, after the process that performed it.
    Interval {
        process: &'t str,
        text: &'t str,
    },
}

impl<'a> Links<'a> {
    pub fn new(history: &'a History, table: Option<&'a MessageTable>) -> Links<'a> {
        let mut node_of_process = BTreeMap::new();
        let mut nodes = BTreeSet::new();
        if let Some(table) = table {
            nodes.extend(table.endpoints.iter().map(String::as_str));
            for (operation, node) in table.node_of_operations() {
                if let Some(Process::Client(process)) = history.get(operation).map(|op| op.process)
                {
                    node_of_process.insert(process, node);
                }
            }
        }
        let invocations = history.pairs().filter_map(|(invocation, _)| {
            let Process::Client(process) = invocation.process else {
                return None;
            };
            let at = (process, rounded_micros(invocation.time));
            Some((at, invocation.index))
        });
        Links {
            history,
            nodes,
            node_of_process,
            invocations: invocations.collect(),
            has_messages: table.is_some(),
        }
    }

    /// Returns whether there is a page of messages.
    pub fn has_messages(&self) -> bool {
        self.has_messages
    }

    /// Returns the node that each process talked to, as far as it is known.
    pub fn node_of_process(&self) -> &BTreeMap<u64, &'a str> {
        &self.node_of_process
    }

    /// Returns the operations that a text cites, in its order.
    pub fn cited(&self, text: &str) -> Vec<usize> {
        let indices = pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Operation(digits) => digits.parse().ok(),
            Piece::Interval { process, text } => self.operation_at(process, text),
            _ => None,
        });
        indices.collect()
    }

    /// Returns the operation of a process that was invoked at the beginning of the interval.
    fn operation_at(&self, process: &str, interval: &str) -> Option<usize> {
        let (from, _) = interval.split_once('–')?;
        let micros = (from.parse::<f64>().ok()? * 1000.0).round() as u128;
        self.invocations
            .get(&(process.parse().ok()?, micros))
            .copied()
    }

    /// Returns the address of an operation in the timeline; `None` if there is no such operation.
    pub fn place(&self, index: usize) -> Option<String> {
        let operation = self.history.get(index).filter(|op| op.is_client())?;
        let invocation = self.history.invocation(operation).unwrap_or(operation);
        Some(format!("timeline.html#i{}", invocation.index))
    }

    /// Returns a text with links.
    pub fn in_text(&self, text: &str) -> Markup {
        html! { @for piece in pieces(text) { (self.piece(&piece)) } }
    }

    fn piece(&self, piece: &Piece<'_>) -> Markup {
        match *piece {
            Piece::Text(text) => html! { (text) },
            Piece::Operation(digits) => self.operation(digits),
            Piece::Process(digits) => html! { (digits) },
            Piece::Word(word) if self.has_messages && self.nodes.contains(word) => self.node(word),
            Piece::Word(word) => html! { (word) },
            Piece::Time(digits) => match digits.parse::<f64>() {
                Ok(time) if self.has_messages => {
                    let (from, to) = ((time - MARGIN_SECONDS).max(0.0), time + MARGIN_SECONDS);
                    html! { a href=(format!("messages.html#t={from:.3}-{to:.3}")) { (digits) } }
                }
                _ => html! { (digits) },
            },
            Piece::Interval { process, text } => {
                let place = self
                    .operation_at(process, text)
                    .and_then(|index| self.place(index));
                html! {
                    @match place {
                        Some(place) => a href=(place) title="in the timeline" { (text) },
                        None => (text),
                    }
                }
            }
        }
    }

    fn operation(&self, digits: &str) -> Markup {
        let index = digits.parse().ok();
        let place = index.and_then(|index| self.place(index));
        html! {
            @match (place, index) {
                (Some(place), Some(index)) => {
                    a href=(place) title="in the timeline" { (digits) }
                    @if self.has_messages {
                        " [" a href={ "messages.html#op=" (index) } { "messages" } "]"
                    }
                }
                _ => { (digits) }
            }
        }
    }

    fn node(&self, name: &str) -> Markup {
        html! { a href={ "messages.html#node=" (name) } { (name) } }
    }
}

/// Returns a time in microseconds, rounded as explanations print it.
fn rounded_micros(time: Duration) -> u128 {
    (time.as_nanos() + 500) / 1000
}

/// Splits a text into pieces that can become links and plain text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut scan = Scan { text, at: 0 };
    let mut process = None;
    while !scan.rest().is_empty() {
        let word = scan.take(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        match word {
            "" => pieces.push(Piece::Text(scan.take_one())),
            "operation" | "operations" | "op" | "ops" => {
                pieces.push(Piece::Text(word));
                scan.numbers(&mut pieces, Piece::Operation);
            }
            "process" | "processes" => {
                pieces.push(Piece::Text(word));
                scan.numbers(&mut pieces, Piece::Process);
                process = match pieces.last() {
                    Some(Piece::Process(digits)) => Some(*digits),
                    _ => None,
                };
            }
            word if process.is_some() && is_number(word) && scan.rest().starts_with('–') => {
                let from = scan.at - word.len();
                scan.take_one();
                scan.take(|c| c.is_ascii_digit() || c == '.');
                let text = &text[from..scan.at];
                pieces.extend(process.map(|process| Piece::Interval { process, text }));
            }
            word if word.contains('.') && is_number(word) && scan.is_unit_s() => {
                pieces.push(Piece::Time(word));
            }
            // A full stop ends the sentence, not the name.
            word => {
                let name = word.trim_end_matches('.');
                pieces.push(Piece::Word(name));
                pieces.push(Piece::Text(&word[name.len()..]));
            }
        }
    }
    pieces
}

fn is_number(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Returns whether a text begins with an integer, and not with a time such as `1.500 s` or
/// `1.500–2.000 ms`.
fn begins_with_integer(text: &str) -> bool {
    let after = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_fraction = after
        .strip_prefix('.')
        .is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    after.len() < text.len() && !is_fraction && !after.starts_with('–')
}

/// A position in a text.
struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scan<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn take_one(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.chars().next().map_or(0, char::len_utf8);
        self.at += end;
        &rest[..end]
    }

    fn is_unit_s(&self) -> bool {
        let unit = self.rest().strip_prefix(" s");
        unit.is_some_and(|after| !after.starts_with(char::is_alphanumeric))
    }

    /// Takes the numbers of a list such as ` 12, 14 and 15`.
    fn numbers(&mut self, pieces: &mut Vec<Piece<'t>>, piece: fn(&'t str) -> Piece<'t>) {
        let mut separators: &[&str] = &[" "];
        loop {
            let follows = |separator: &&&str| {
                let after = self.rest().strip_prefix(**separator);
                after.is_some_and(begins_with_integer)
            };
            let Some(separator) = separators.iter().find(follows) else {
                return;
            };
            pieces.push(Piece::Text(&self.rest()[..separator.len()]));
            self.at += separator.len();
            let digits = self.take(|c| c.is_ascii_digit());
            pieces.push(piece(digits));
            separators = &[", ", " and ", " or "];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;

    #[test]
    fn operations_that_a_text_cites_are_found() {
        let history = history("3 invoke read nil :time 1500400\n3 ok read 1 :time 2000000");
        let links = Links::new(&history, None);
        for (text, indices) in [
            (
                "cas 2 to 1 (process 3, 1.500–2.000 ms) has no place",
                &[0][..],
            ),
            ("(process 4, 1.500–2.000 ms)", &[]),
            ("read by process 3 at 1.667 s (operation 199).", &[199]),
            ("operations 12, 14 and 15 are ordered", &[12, 14, 15]),
            ("op 49: lost; ops 7 or 8, 9 values", &[49, 7, 8, 9]),
            ("an operation and 12 values", &[]),
        ] {
            assert_eq!(links.cited(text), indices, "{text}");
        }
    }

    #[test]
    fn operations_nodes_and_times_become_links() {
        let history = history("3 invoke read nil\n3 ok read 1");
        let log = "[1,0,\"c1\",\"n2\",0,{}]\n";
        let table = MessageTable::read(log.as_bytes()).unwrap();
        let text = "process 3 on n2 at 1.500 s (operation 1) misses <b>; n2 and n7.";
        assert_eq!(
            Links::new(&history, Some(&table))
                .in_text(text)
                .into_string(),
            "process 3 on <a href=\"messages.html#node=n2\">n2</a> at \
             <a href=\"messages.html#t=1.450-1.550\">1.500</a> s (operation \
             <a href=\"timeline.html#i0\" title=\"in the timeline\">1</a> \
             [<a href=\"messages.html#op=1\">messages</a>]) misses &lt;b&gt;; \
             <a href=\"messages.html#node=n2\">n2</a> and n7."
        );
        let plain = Links::new(&history, None).in_text(text).into_string();
        assert_eq!(plain.matches("<a ").count(), 1, "{plain}");
    }
}
