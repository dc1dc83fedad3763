//! Why a key is not linearizable, in words and as a drawing that can be taken in at a glance.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use super::model::{Model, Register, RegisterOp, Symbol};
use super::register::{KeyHistory, key_and_argument};
use super::window::{self, Window};
use crate::history::{History, Kind, Operation};

/// How many operations from before are listed one by one.
const LISTED: usize = 8;

/// How many operations are drawn where no stretch stands on its own.
const CONTEXT: usize = 6;

/// Explains that the call `stuck` has no place when the register can hold only `states`.
pub(super) fn stuck(
    key: &KeyHistory<'_>,
    history: &History,
    stuck: usize,
    states: &BTreeSet<Symbol>,
) -> String {
    let window = window::shortest(&key.calls, stuck);
    let mut text = format!("key {} is not linearizable: ", key.key);
    text += &headline(key, history, stuck, states);
    text += &origin(key, history, stuck);
    text += "\n";
    match &window {
        Some(Window {
            from_start: true, ..
        }) => {
            text += "These operations, the first on the key, cannot be ordered:\n";
        }
        Some(_) => text += "Whatever the register held before, these cannot be ordered:\n",
        None => text += "The last operations before:\n",
    }
    let window = window.unwrap_or_else(|| context(key, stuck));
    text += &drawing(key, history, &window, stuck);
    text += &perhaps(key, history, &window);
    text
}

/// What has no place, and what the register could hold instead.
fn headline(
    key: &KeyHistory<'_>,
    history: &History,
    stuck: usize,
    states: &BTreeSet<Symbol>,
) -> String {
    let call = key.calls[stuck];
    let possible = with_unanswered(key, states, call.returned);
    let what = format!("{} ({})", key.describe(call.op), when(history, stuck, key));
    let needed = Register.needs(call.op);
    if needed.is_some_and(|needed| possible.contains(&needed)) {
        // An unanswered call could have made it possible, but was needed before.
        let held = alternatives(key, states);
        return format!(
            "{what} has no place. The register held {held}, and every unanswered operation that \
             could have changed it in time had to take effect before."
        );
    }
    format!(
        "{what} has no place: the register could only hold {}.",
        alternatives(key, &possible)
    )
}

/// The states that unanswered calls can make of these, however often each takes effect.
fn with_unanswered(
    key: &KeyHistory<'_>,
    states: &BTreeSet<Symbol>,
    before: Option<usize>,
) -> BTreeSet<Symbol> {
    let unanswered: BTreeSet<RegisterOp> = key
        .calls
        .iter()
        .filter(|call| call.returned.is_none() && Some(call.invoked) < before)
        .map(|call| call.op)
        .collect();
    let mut possible = states.clone();
    loop {
        let reached = possible.iter().flat_map(|&state| {
            unanswered
                .iter()
                .filter_map(move |&op| Register.step(state, op))
        });
        let reached: BTreeSet<Symbol> = reached.filter(|s| !possible.contains(s)).collect();
        if reached.is_empty() {
            return possible;
        }
        possible.extend(reached);
    }
}

/// `1, 2 or 4`.
fn alternatives(key: &KeyHistory<'_>, states: &BTreeSet<Symbol>) -> String {
    let mut names: Vec<String> = states
        .iter()
        .map(|&state| key.values[state as usize].to_string())
        .collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} or {last}", names.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// Where the value may come from that the register should not have had: a failed operation that
/// took effect all the same, or one that was invoked only later.
fn origin(key: &KeyHistory<'_>, history: &History, stuck: usize) -> String {
    let call = key.calls[stuck];
    let (Some(needed), Some(returned)) = (Register.needs(call.op), call.returned) else {
        return String::new();
    };
    let value = &key.values[needed as usize];
    let sets = |op: &Operation| {
        let (_, argument) = key_and_argument(&op.value)?;
        match &*op.f {
            "write" => Some(argument == value),
            "cas" => key_and_argument(argument).map(|(from, to)| to == value && from != to),
            _ => None,
        }
    };
    let mut setting = key
        .operations
        .iter()
        .filter(|(op, _)| sets(op) == Some(true));
    let failed = |completion: Option<&Operation>| completion.is_some_and(|c| c.kind == Kind::Fail);
    let denied = setting
        .clone()
        .rfind(|(op, completion)| op.index < returned && failed(*completion));
    if let Some((op, Some(completion))) = denied {
        return format!(
            "\nPerhaps a failed operation took effect all the same: {} of process {} ({}).",
            words(op),
            op.process,
            span(op.time, completion.time),
        );
    }
    match setting.next() {
        None => format!("\nNo operation ever sets it to {value}."),
        Some((op, _)) if op.index > returned => format!(
            "\nThe first operation that sets it to {value} was invoked at {}, after the return: {} \
             of process {}.",
            milliseconds(history.get(op.index).map_or(op.time, |op| op.time)),
            words(op),
            op.process,
        ),
        Some(_) => String::new(),
    }
}

/// An operation in words, from its own argument.
fn words(op: &Operation) -> String {
    match key_and_argument(&op.value) {
        Some((_, argument)) => format!("{} {argument}", op.f),
        None => op.f.to_string(),
    }
}

/// Where no stretch stands on its own: the last operations that changed the register, what runs
/// beside the stuck one, and it.
fn context(key: &KeyHistory<'_>, stuck: usize) -> Window {
    let returned = key.calls[stuck].returned;
    let invoked = key.calls[stuck].invoked;
    let mut before: Vec<(usize, usize)> = Vec::new();
    for (call, other) in key.calls.iter().enumerate() {
        if let Some(at) = other.returned
            && Some(at) < returned
            && (at > invoked || Register.sets(other.op).is_some())
        {
            before.push((at, call));
        }
    }
    before.sort_unstable();
    let skipped = before.len().saturating_sub(CONTEXT);
    let mut calls: Vec<usize> = before[skipped..].iter().map(|&(_, call)| call).collect();
    calls.push(stuck);
    calls.sort_by_key(|&call| key.calls[call].invoked);
    let perhaps = (0..key.calls.len()).filter(|&call| {
        let other = key.calls[call];
        let open = other.returned.is_none_or(|at| Some(at) > returned);
        open && Some(other.invoked) < returned && Register.sets(other.op).is_some()
    });
    Window {
        perhaps: perhaps.collect(),
        calls,
        from_start: false,
    }
}

/// The operations as bars over their order in time, which is what matters; the times beside them.
fn drawing(key: &KeyHistory<'_>, history: &History, window: &Window, stuck: usize) -> String {
    let mut moments: Vec<usize> = Vec::new();
    for &call in &window.calls {
        moments.extend(
            [Some(key.calls[call].invoked), key.calls[call].returned]
                .iter()
                .flatten(),
        );
    }
    moments.sort_unstable();
    let column = |moment: usize| 2 * moments.partition_point(|&m| m < moment);
    let width = 2 * moments.len();
    let rows: Vec<[String; 3]> = window
        .calls
        .iter()
        .map(|&call| {
            let invoked = column(key.calls[call].invoked);
            let returned = key.calls[call].returned.map_or(width, column);
            let bar = format!("{:invoked$}├{}┤", "", "─".repeat(returned - invoked - 1));
            [
                bar,
                key.describe(key.calls[call].op),
                when(history, call, key),
            ]
        })
        .collect();
    let widest = rows
        .iter()
        .map(|[_, op, _]| op.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (&call, [bar, op, when]) in window.calls.iter().zip(&rows) {
        let mark = if call == stuck { "  <- no place" } else { "" };
        writeln!(text, "    {bar:width$} {op:widest$}  {when}{mark}")
            .expect("writing to a string cannot fail");
    }
    text
}

/// The operations that may have taken effect at any time, or never; many of a kind in one line.
fn perhaps(key: &KeyHistory<'_>, history: &History, window: &Window) -> String {
    let mut kinds: BTreeMap<RegisterOp, Vec<usize>> = BTreeMap::new();
    for &call in &window.perhaps {
        kinds.entry(key.calls[call].op).or_default().push(call);
    }
    if kinds.is_empty() {
        return String::new();
    }
    let mut text = "even if these took effect at any time, or not at all:\n".to_owned();
    let each = window.perhaps.len() <= LISTED;
    for (op, calls) in kinds {
        let name = key.describe(op);
        if each {
            for call in calls {
                text += &format!("    {name}  {}\n", when(history, call, key));
            }
        } else {
            text += &format!("    {name}, {} times\n", calls.len());
        }
    }
    text
}

/// Whose call it is, and when it was under way.
fn when(history: &History, call: usize, key: &KeyHistory<'_>) -> String {
    let call = key.calls[call];
    let invocation = history
        .get(call.invoked)
        .expect("a call's moments are indices");
    let process = invocation.process;
    match call.returned.and_then(|at| history.get(at)) {
        Some(completion) => format!(
            "process {process}, {}",
            span(invocation.time, completion.time)
        ),
        None => format!(
            "process {process}, {}, unanswered",
            milliseconds(invocation.time)
        ),
    }
}

fn span(from: Duration, to: Duration) -> String {
    format!("{:.3}–{}", from.as_secs_f64() * 1e3, milliseconds(to))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
