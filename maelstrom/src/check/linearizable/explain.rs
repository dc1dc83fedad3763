//! Why a key is not linearizable, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::drawing::{drawing, milliseconds, span, when};
use super::model::{Model, Register, RegisterOp, Symbol};
use super::problem::Call;
use super::register::KeyHistory;
use super::window::{self, Window};
use crate::history::History;

/// How many operations that may have taken effect are listed one by one.
const LISTED: usize = 8;

/// How many operations are drawn where no stretch stands on its own.
const CONTEXT: usize = 6;

/// Explains that the call `stuck` has no place when the register can hold only `states`, and that the
/// `before` calls that had ended before can be ordered.
pub(super) fn stuck(
    key: &KeyHistory<'_>,
    history: &History,
    stuck: usize,
    states: &BTreeSet<Symbol>,
    before: usize,
) -> String {
    let window = window::shortest(&key.calls, stuck);
    let mut text = format!("key {} is not linearizable: ", key.key);
    text += &headline(key, history, stuck, states);
    text += "\n";
    if before > 0 {
        let operations = match before {
            1 => "operation".to_owned(),
            count => format!("{count} operations"),
        };
        text += &format!("The {operations} on the key that ended before it can be ordered.\n");
    }
    if let Some(origin) = origin(key, stuck, window.as_ref()) {
        text += &(origin + "\n");
    }
    let (window, title, perhaps_title) = match window {
        Some(window) => {
            let title = if window.from_start {
                "These operations, the first on the key, cannot be ordered:"
            } else {
                "Whatever the register held before, these operations cannot be ordered:"
            };
            (
                window,
                title,
                "even if these took effect at any time, or not at all:",
            )
        }
        None => (
            context(key, stuck),
            "The operations before:",
            "under way, or never answered:",
        ),
    };
    text += &format!("{title}\n{}", drawing(key, history, &window, stuck));
    let perhaps = perhaps(key, history, &window);
    if !perhaps.is_empty() {
        text += &format!("  {perhaps_title}\n{perhaps}");
    }
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

/// Where the value may come from that the register should not have had.
fn origin(key: &KeyHistory<'_>, stuck: usize, window: Option<&Window>) -> Option<String> {
    let call = key.calls[stuck];
    let needed = Register.needs(call.op)?;
    let value = &key.values[needed as usize];
    let denied = window.and_then(|window| {
        let failed = key
            .failed_calls()
            .filter(|(_, _, call)| Register.sets(call.op) == Some(needed));
        failed
            .filter(|(_, _, call)| window.would_be_ordered_with(&key.calls, *call))
            .last()
    });
    if let Some((invocation, completion, call)) = denied {
        return Some(format!(
            "It would fit if a failed operation had taken effect: {} (process {}, {}).",
            key.describe(call.op),
            invocation.process,
            span(invocation.time, completion.time),
        ));
    }
    let first = key
        .calls
        .iter()
        .find(|call| Register.sets(call.op) == Some(needed));
    match first {
        None => Some(format!("No operation sets it to {value}.")),
        Some(first) if Some(first.invoked) > call.returned => {
            let later = key
                .operations
                .iter()
                .find(|(op, _)| op.index == first.invoked);
            later.map(|(op, _)| {
                format!(
                    "Only later, at {}, process {} is the first to set it to {value}: {}.",
                    milliseconds(op.time),
                    op.process,
                    key.describe(first.op),
                )
            })
        }
        Some(_) => last_setter(key, call, needed),
    }
}

/// The last operation that had set the register to a value when a call was invoked.
fn last_setter(key: &KeyHistory<'_>, before: Call<RegisterOp>, value: Symbol) -> Option<String> {
    let setters = key.calls.iter().filter(|call| {
        Register.sets(call.op) == Some(value) && call.returned.is_some_and(|at| at < before.invoked)
    });
    let setter = setters.max_by_key(|call| call.returned)?;
    let (op, completion) = key
        .operations
        .iter()
        .find(|(op, _)| op.index == setter.invoked)?;
    Some(format!(
        "The last to set it to {} had been {} (process {}, {}).",
        key.values[value as usize],
        key.describe(setter.op),
        op.process,
        span(op.time, completion.as_ref()?.time),
    ))
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

/// A line for each operation that may have taken effect or not; many of a kind in one line.
fn perhaps(key: &KeyHistory<'_>, history: &History, window: &Window) -> String {
    let mut kinds: BTreeMap<RegisterOp, Vec<usize>> = BTreeMap::new();
    for &call in &window.perhaps {
        kinds.entry(key.calls[call].op).or_default().push(call);
    }
    let mut text = String::new();
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
