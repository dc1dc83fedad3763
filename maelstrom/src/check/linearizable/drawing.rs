//! Operations as bars, to be taken in at a glance.

use std::fmt::Write;
use std::time::Duration;

use super::register::KeyHistory;
use super::window::Window;
use crate::history::History;

/// The operations as bars over their order in time, which is what matters; the times beside them.
pub(super) fn drawing(
    key: &KeyHistory<'_>,
    history: &History,
    window: &Window,
    stuck: usize,
) -> String {
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

/// Whose call it is, and when it was under way.
pub(super) fn when(history: &History, call: usize, key: &KeyHistory<'_>) -> String {
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

/// `12.100–12.900 ms`.
pub(super) fn span(from: Duration, to: Duration) -> String {
    format!("{:.3}–{}", from.as_secs_f64() * 1e3, milliseconds(to))
}

/// `12.900 ms`.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
