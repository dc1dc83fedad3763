//! The operations that did not end ok, by outcome.
//!
//! A thousand failed compare-and-sets are ordinary, and the one timeout among them matters. So
//! operations are grouped by function, outcome and kind of error, and each group lists its first
//! members.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::edn::Value;
use crate::history::{History, Kind, Operation};
use crate::report::svg::shortened;

/// The maximum number of members of a group that are listed.
const MAX_LISTED_MEMBERS: usize = 5;
/// The maximum number of groups.
const MAX_GROUPS: usize = 40;
/// The maximum length of an error, in characters.
const MAX_ERROR_CHARS: usize = 200;

/// Function, outcome, and kind of error.
type What = (String, Option<Kind>, String);

#[derive(Default)]
struct Group<'a> {
    count: usize,
    first: Vec<&'a Operation>,
    error: Option<&'a Value>,
}

fn groups(history: &History) -> Vec<(What, Group<'_>)> {
    let mut groups: BTreeMap<What, Group<'_>> = BTreeMap::new();
    for (invocation, completion) in history.pairs() {
        if completion.is_some_and(|completion| completion.kind == Kind::Ok) {
            continue;
        }
        let error = completion.and_then(|completion| completion.error.as_deref());
        let outcome = completion.map(|completion| completion.kind);
        let what = (invocation.f.to_string(), outcome, kind_of(error));
        let group = groups.entry(what).or_default();
        group.count += 1;
        group.error = group.error.or(error);
        if group.first.len() < MAX_LISTED_MEMBERS {
            group.first.push(invocation);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // Sort the rarest first, since it is the least expected.
    groups.sort_by_key(|(_, group)| group.count);
    groups
}

/// Returns the kind of an error without its details: the name in `[name text]`.
fn kind_of(error: Option<&Value>) -> String {
    match error {
        None => String::new(),
        Some(Value::Vector(parts) | Value::List(parts)) => match parts.first() {
            Some(name) => name.to_string(),
            None => String::new(),
        },
        // Exceptions begin with their kind.
        Some(Value::Str(text)) => text.split(':').next().unwrap_or_default().to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Returns the groups as a table, or nothing if every operation ended ok.
pub(super) fn table(history: &History) -> Markup {
    let groups = groups(history);
    html! {
        @if !groups.is_empty() {
            h2 { "Operations that did not end ok" }
            div.scroll { table {
                tr { th { "operation" } th { "outcome" } th.n { "count" } th { "first at" }
                     th { "error of the first" } }
                @for (what, group) in groups.iter().take(MAX_GROUPS) { (row(what, group)) }
            } }
            @if groups.len() > MAX_GROUPS {
                p.quiet { (groups.len() - MAX_GROUPS) " further kinds are not shown." }
            }
        }
    }
}

fn row((f, outcome, _): &What, group: &Group<'_>) -> Markup {
    let name = outcome.map_or("never ended", Kind::name);
    let class = outcome.unwrap_or(Kind::Info).name();
    html! {
        tr {
            td { (f) }
            td { span class={ "verdict " (class) } { (name) } }
            td.n { (group.count) }
            td {
                @for (number, invocation) in group.first.iter().enumerate() {
                    a href={ "timeline.html#i" (invocation.index) } {
                        (format!("{:.3}", invocation.time.as_secs_f64())) " s"
                    }
                    @if number + 1 < group.first.len() { ", " }
                }
                @if group.count > group.first.len() { ", …" }
            }
            td {
                @if let Some(error) = group.error {
                    code { (shortened(&error.to_string(), MAX_ERROR_CHARS)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;

    #[test]
    fn operations_are_grouped_by_outcome_with_the_rarest_first() {
        let history = history(
            "0 invoke cas [1 2]
             0 fail cas [1 2] :error [:precondition-failed \"expected 1, had 3\"]
             0 invoke cas [4 2]
             0 fail cas [4 2] :error [:precondition-failed \"expected 4, had 3\"]
             1 invoke cas [4 2]
             1 info cas [4 2] :error :net-timeout
             2 invoke read nil
             2 ok read 3",
        );
        let found: Vec<_> = groups(&history)
            .into_iter()
            .map(|((f, outcome, kind), group)| (f, outcome, kind, group.count))
            .collect();
        let group =
            |outcome, kind: &str, count| ("cas".to_owned(), Some(outcome), kind.to_owned(), count);
        assert_eq!(
            found,
            [
                group(Kind::Info, ":net-timeout", 1),
                group(Kind::Fail, ":precondition-failed", 2),
            ]
        );
    }

    #[test]
    fn history_without_failed_operations_has_no_table() {
        let history = history("2 invoke read nil\n2 ok read 3");
        assert_eq!(table(&history).into_string(), "");
    }
}
