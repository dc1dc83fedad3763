//! A small run told as a list of events.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Run;
use crate::history::{Kind, Operation, Process};
use crate::net::{EndpointId, EventKind};

/// The greatest number of events of a story.
pub const EVENTS_MAX: usize = 20;

/// What happened in a run: its operations, its faults, and the messages between nodes that did not
/// arrive, in the order of time.
///
/// The run must have recorded all messages.
pub fn story(run: &Run) -> Vec<String> {
    let mut events = operations(run);
    events.extend(faults(run));
    events.extend(missing_messages(run));
    events.sort_by_key(|(at, _)| *at);
    let lines = events
        .iter()
        .map(|(at, text)| format!("{:>8.3} s  {text}", at.as_secs_f64()));
    lines.collect()
}

/// Returns the first events of a story, and how many more there are.
pub(super) fn abridged(story: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = story.iter().take(EVENTS_MAX).cloned().collect();
    if story.len() > EVENTS_MAX {
        lines.push(format!(
            "            … and {} more",
            story.len() - EVENTS_MAX
        ));
    }
    lines
}

fn operations(run: &Run) -> Vec<(Duration, String)> {
    let pairs = run.history().pairs();
    let told = pairs.map(|(invocation, completion)| {
        let node = match invocation.process {
            Process::Client(client) => run.settings().node_of(client),
            Process::Nemesis => None,
        };
        let node = node.map_or("a node", |node| node);
        let asked = format!("{} asks {node}: {}", client(invocation), invocation.f);
        let argument = match invocation.value.is_nil() {
            true => String::new(),
            false => format!(" {}", invocation.value),
        };
        (
            invocation.time,
            format!("{asked}{argument} → {}", outcome(invocation, completion)),
        )
    });
    told.collect()
}

fn client(operation: &Operation) -> String {
    match operation.process {
        Process::Client(client) => format!("client {client}"),
        Process::Nemesis => "the nemesis".to_owned(),
    }
}

fn outcome(invocation: &Operation, completion: Option<&Operation>) -> String {
    let Some(completion) = completion else {
        return "no reply".to_owned();
    };
    let took = completion.time.saturating_sub(invocation.time);
    let result = match completion.kind {
        Kind::Ok if completion.value == invocation.value => "ok".to_owned(),
        Kind::Ok => format!("ok {}", completion.value),
        Kind::Fail => "refused".to_owned(),
        Kind::Info | Kind::Invoke => "no certain outcome".to_owned(),
    };
    match took < Duration::from_millis(1) {
        true => result,
        false => format!("{result}, after {:.0} ms", took.as_secs_f64() * 1e3),
    }
}

/// Returns the starts and stops of faults. The history holds each twice: what was asked for, and what
/// was done.
fn faults(run: &Run) -> Vec<(Duration, String)> {
    let entries: Vec<&Operation> = run
        .history()
        .iter()
        .filter(|entry| entry.process == Process::Nemesis)
        .collect();
    let done = entries.iter().skip(1).step_by(2);
    done.map(|entry| (entry.time, format!("fault: {} {}", entry.f, entry.value)))
        .collect()
}

/// Returns the messages between servers that were sent and not received, one line for each link.
fn missing_messages(run: &Run) -> Vec<(Duration, String)> {
    let journal = run.journal();
    let is_client = |id: EndpointId| journal.name(id).starts_with('c');
    let mut sent = BTreeMap::new();
    for event in journal.events() {
        let message = &event.message;
        match event.kind {
            EventKind::Send if !is_client(message.src) && !is_client(message.dest) => {
                sent.insert(message.id, (event.time, message.src, message.dest));
            }
            EventKind::Send => {}
            EventKind::Receive => {
                sent.remove(&message.id);
            }
        }
    }
    let mut links: BTreeMap<_, (Duration, usize)> = BTreeMap::new();
    for (at, src, dest) in sent.into_values() {
        let link = links.entry((src, dest)).or_insert((at, 0));
        link.1 += 1;
    }
    let told = links.into_iter().map(|((src, dest), (first, count))| {
        let (src, dest) = (journal.name(src), journal.name(dest));
        let text = match count {
            1 => format!("a message from {src} to {dest} does not arrive"),
            count => format!(
                "this message from {src} to {dest} and {} more do not arrive",
                count - 1
            ),
        };
        (first.saturating_sub(journal.origin()), text)
    });
    told.collect()
}
