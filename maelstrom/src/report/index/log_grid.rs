//! The log of a key as a grid: the processes that sent and polled the message at each offset.
//!
//! A hole is a message of an acknowledged send that no poll returned, or one that a single poll
//! left out. The grid shows the offsets around the first one.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::edn::Value;
use crate::history::{History, Kind, Operation, Process};

/// The maximum number of keys that are shown.
const MAX_KEYS: usize = 3;

/// The number of offsets before and after the first hole.
const OFFSETS_AROUND_HOLE: i64 = 8;

/// The maximum number of processes that are shown.
const MAX_PROCESSES: usize = 12;

/// The sends and polls of the log of a key.
#[derive(Default)]
struct Log<'a> {
    /// The acknowledged sends by offset: the message and the operation.
    sends: BTreeMap<i64, Vec<(&'a Value, &'a Operation)>>,
    /// The first poll of each offset by each process: the message and the operation.
    polls: BTreeMap<(i64, Process), (&'a Value, &'a Operation)>,
    /// The offsets between neighbours in a poll, exclusive, with the operation.
    gaps: Vec<(i64, i64, &'a Operation)>,
}

/// Shows the logs of the keys that have holes; nothing if there are none.
pub(super) fn grids(history: &History) -> Markup {
    let logs = read(history);
    let holed = logs
        .iter()
        .filter_map(|(key, log)| Some((*key, log, log.first_hole()?)));
    let holed: Vec<_> = holed.take(MAX_KEYS).collect();
    html! {
        @if !holed.is_empty() {
            h2 { "Logs with holes" }
            p.quiet {
                "A row for each offset, a column for each process that polled the key. ● the process "
                "polled the message. Red rows are acknowledged, below what was polled, and in no poll; red "
                "cells were left out by a poll of the process."
            }
            @for (key, log, hole) in holed { (grid(key, log, hole)) }
        }
    }
}

fn read(history: &History) -> BTreeMap<&Value, Log<'_>> {
    let mut logs: BTreeMap<&Value, Log<'_>> = BTreeMap::new();
    for op in history.clients().filter(|op| op.kind == Kind::Ok) {
        for part in op.value.as_seq().unwrap_or_default() {
            match part.as_seq() {
                Some([name, key, sent]) if name.as_keyword() == Some("send") => {
                    if let Some([offset, message]) = sent.as_seq()
                        && let Some(offset) = offset.as_int()
                    {
                        let sends = logs.entry(key).or_default().sends.entry(offset);
                        sends.or_default().push((message, op));
                    }
                }
                Some([name, polled]) if name.as_keyword() == Some("poll") => {
                    for (key, messages) in polled.as_map().into_iter().flatten() {
                        let log = logs.entry(key).or_default();
                        log.add_poll(messages.as_seq().unwrap_or_default(), op);
                    }
                }
                _ => {}
            }
        }
    }
    logs
}

impl<'a> Log<'a> {
    fn add_poll(&mut self, messages: &'a [Value], op: &'a Operation) {
        for pair in messages {
            if let Some([offset, message]) = pair.as_seq()
                && let Some(offset) = offset.as_int()
            {
                self.polls
                    .entry((offset, op.process))
                    .or_insert((message, op));
            }
        }
        let offset = |pair: &Value| pair.as_seq()?.first()?.as_int();
        for pairs in messages.windows(2) {
            if let (Some(from), Some(to)) = (offset(&pairs[0]), offset(&pairs[1]))
                && to > from + 1
            {
                self.gaps.push((from, to, op));
            }
        }
    }

    /// Returns the offsets at which the log has a message.
    fn offsets(&self) -> BTreeSet<i64> {
        let polled = self.polls.keys().map(|(offset, _)| *offset);
        self.sends.keys().copied().chain(polled).collect()
    }

    /// Returns the poll of a process that left out an offset at which the log has a message.
    fn skipped(&self, offset: i64, process: Process) -> Option<&'a Operation> {
        let mut gaps = self.gaps.iter();
        let gap =
            gaps.find(|(from, to, op)| *from < offset && offset < *to && op.process == process);
        gap.map(|(.., op)| *op)
    }

    /// Returns the first offset that no poll returned or that a poll left out.
    fn first_hole(&self) -> Option<i64> {
        let offsets = self.offsets();
        let gaps = self.gaps.iter();
        let skipped = gaps.filter_map(|(from, to, _)| offsets.range(from + 1..*to).next());
        let lost = offsets.iter().find(|offset| self.is_hole(**offset));
        skipped.chain(lost).min().copied()
    }

    fn is_hole(&self, offset: i64) -> bool {
        let last = self.polls.last_key_value();
        let below = last.is_some_and(|(&(last, _), _)| offset < last);
        let polled = self.polls.range((offset, Process::Client(0))..);
        let first = polled.map(|((at, _), _)| *at).next();
        below && self.sends.contains_key(&offset) && first != Some(offset)
    }
}

fn grid(key: &Value, log: &Log<'_>, hole: i64) -> Markup {
    let shown = hole - OFFSETS_AROUND_HOLE..=hole + OFFSETS_AROUND_HOLE;
    let offsets = log
        .sends
        .keys()
        .chain(log.polls.keys().map(|(offset, _)| offset));
    let offsets: BTreeSet<i64> = offsets
        .copied()
        .filter(|offset| shown.contains(offset))
        .collect();
    let processes = log
        .polls
        .keys()
        .filter(|(offset, _)| shown.contains(offset));
    let processes: BTreeSet<Process> = processes.map(|(_, process)| *process).collect();
    let processes: Vec<Process> = processes.into_iter().take(MAX_PROCESSES).collect();
    html! {
        h3 { "Key " (key) }
        div.scroll {
            table.grid {
                tr {
                    th.n { "offset" } th { "sent" }
                    @for process in &processes { th.n title="polled by this process" { (process) } }
                }
                @for offset in offsets {
                    tr.hole[log.is_hole(offset)] {
                        td.n { (offset) }
                        td { (sends(log, offset)) }
                        @for process in &processes {
                            td.n.hole[log.skipped(offset, *process).is_some()] {
                                (poll(log, offset, *process))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sends(log: &Log<'_>, offset: i64) -> Markup {
    let sends = log.sends.get(&offset).map_or(&[][..], Vec::as_slice);
    html! {
        @for (number, (message, op)) in sends.iter().enumerate() {
            @if number > 0 { ", " }
            a href={ "timeline.html#i" (op.index) } title={ "sent by process " (op.process) } {
                (message)
            }
        }
    }
}

fn poll(log: &Log<'_>, offset: i64, process: Process) -> Markup {
    html! {
        @if let Some((message, op)) = log.polls.get(&(offset, process)) {
            a href={ "timeline.html#i" (op.index) } title={ "message " (message) } { "●" }
        } @else if let Some(op) = log.skipped(offset, process) {
            a href={ "timeline.html#i" (op.index) } title="left out by this poll" { "skipped" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;

    #[test]
    fn message_that_no_poll_returned_is_a_hole() {
        let history = history(
            "0 invoke send [[:send \"k\" 5]]
             0 ok send [[:send \"k\" [0 5]]]
             0 invoke send [[:send \"k\" 6]]
             0 ok send [[:send \"k\" [1 6]]]
             0 invoke send [[:send \"k\" 7]]
             0 ok send [[:send \"k\" [2 7]]]
             1 invoke poll [[:poll]]
             1 ok poll [[:poll {\"k\" [[0 5] [2 7]]}]]",
        );
        let text = grids(&history).into_string();
        assert_eq!(text.matches("<tr class=\"hole\">").count(), 1, "{text}");
        assert_eq!(text.matches(">●<").count(), 2, "{text}");
        assert!(text.contains("timeline.html#i3"), "{text}");
    }

    #[test]
    fn message_that_one_poll_left_out_is_a_hole_of_its_process() {
        let history = history(
            "0 invoke poll [[:poll]]
             0 ok poll [[:poll {\"k\" [[0 5] [1 6] [2 7]]}]]
             1 invoke poll [[:poll]]
             1 ok poll [[:poll {\"k\" [[0 5] [2 7]]}]]",
        );
        let text = grids(&history).into_string();
        assert_eq!(text.matches("<td class=\"n hole\">").count(), 1, "{text}");
        assert!(!text.contains("<tr class=\"hole\">"), "{text}");
    }

    #[test]
    fn unpolled_end_of_a_log_is_no_hole() {
        let history = history(
            "0 invoke send [[:send \"k\" 5]]
             0 ok send [[:send \"k\" [0 5]]]
             0 invoke send [[:send \"k\" 6]]
             0 ok send [[:send \"k\" [1 6]]]
             1 invoke poll [[:poll]]
             1 ok poll [[:poll {\"k\" [[0 5]]}]]",
        );
        assert_eq!(grids(&history).into_string(), "");
    }
}
