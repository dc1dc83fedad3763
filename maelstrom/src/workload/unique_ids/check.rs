//! Unique ids: no two acknowledged ids are the same.
//!
//! Two ids are the same if they are equal in value and type: 1, 1.0 and "1" are three ids. The
//! range of ids is part of the results, and ids that have no order among each other (strings and
//! integers, or objects) leave the whole check undecided, as upstream.

use std::cmp::{Ordering, Reverse};

use crate::check::{Analysis, Verdict, cite};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// How many duplicated ids the results list.
const LISTED: usize = 48;

/// How many duplicated ids an explanation spells out.
const EXPLAINED: usize = 8;

/// The ids of a run.
#[derive(Clone, Debug)]
pub struct UniqueIdsAnalysis {
    /// Ids asked for.
    pub attempted_count: usize,
    /// Ids received.
    pub acknowledged_count: usize,
    /// Every id received more than once, with how often: the most frequent first, and the greatest
    /// first among equally frequent ones.
    pub duplicated: Vec<(Value, usize)>,
    /// The least and the greatest id, if there is any; or two ids that cannot be ordered.
    pub range: Result<Option<(Value, Value)>, Unordered>,
    explanation: Option<String>,
}

/// Two ids of which neither is smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unordered(pub Value, pub Value);

/// Looks for ids handed out twice.
pub fn check(history: &History) -> UniqueIdsAnalysis {
    let ok = history.clients().filter(|op| op.kind == Kind::Ok);
    let mut answers: Vec<&Operation> = ok.collect();
    // The sort is stable: operations with equal ids stay in their order.
    answers.sort_by_key(|op| &op.value);
    let by_id = || answers.chunk_by(|a, b| a.value == b.value);
    let mut repeated: Vec<&[&Operation]> = by_id().filter(|ops| ops.len() > 1).collect();
    repeated.sort_by_key(|ops| Reverse((ops.len(), &ops[0].value)));

    let mut analysis = UniqueIdsAnalysis {
        attempted_count: history.pairs().count(),
        acknowledged_count: answers.len(),
        duplicated: repeated
            .iter()
            .map(|ops| (ops[0].value.clone(), ops.len()))
            .collect(),
        range: range(by_id().map(|ops| &ops[0].value)),
        explanation: None,
    };
    analysis.explanation = explain(&analysis, &repeated);
    analysis
}

/// The least and the greatest of some ids.
fn range<'a>(ids: impl Iterator<Item = &'a Value>) -> Result<Option<(Value, Value)>, Unordered> {
    let mut range: Option<(&Value, &Value)> = None;
    for id in ids {
        // An id is also compared with itself: an object has no order even alone.
        let (least, greatest) = range.unwrap_or((id, id));
        let unordered = |other: &Value| Unordered(other.clone(), id.clone());
        let below = order(id, least).ok_or_else(|| unordered(least))?;
        let above = order(id, greatest).ok_or_else(|| unordered(greatest))?;
        range = Some((
            if below == Ordering::Less { id } else { least },
            if above == Ordering::Greater {
                id
            } else {
                greatest
            },
        ));
    }
    Ok(range.map(|(least, greatest)| (least.clone(), greatest.clone())))
}

/// The natural order of Clojure: numbers by value whatever their type, vectors by length before
/// content, `nil` before everything, and nothing else across types.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Some(Ordering::Equal),
        (Value::Nil, _) => Some(Ordering::Less),
        (_, Value::Nil) => Some(Ordering::Greater),
        (Value::Int(a), Value::Float(b)) => (a.get() as f64).partial_cmp(&b.0),
        (Value::Float(a), Value::Int(b)) => a.0.partial_cmp(&(b.get() as f64)),
        (Value::BigInt(a), Value::Float(b)) => a.to_f64().partial_cmp(&b.0),
        (Value::Float(a), Value::BigInt(b)) => a.0.partial_cmp(&b.to_f64()),
        (Value::Int(_) | Value::BigInt(_), Value::Int(_) | Value::BigInt(_))
        | (Value::Float(_), Value::Float(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Str(_), Value::Str(_))
        | (Value::Keyword(_), Value::Keyword(_))
        | (Value::Symbol(_), Value::Symbol(_)) => Some(a.cmp(b)),
        (Value::Vector(a), Value::Vector(b)) if a.len() != b.len() => Some(a.len().cmp(&b.len())),
        (Value::Vector(a), Value::Vector(b)) => {
            for (a, b) in a.iter().zip(b.iter()) {
                match order(a, b)? {
                    Ordering::Equal => {}
                    unequal => return Some(unequal),
                }
            }
            Some(Ordering::Equal)
        }
        _ => None,
    }
}

fn explain(analysis: &UniqueIdsAnalysis, repeated: &[&[&Operation]]) -> Option<String> {
    let mut lines = Vec::new();
    if let Err(Unordered(a, b)) = &analysis.range {
        lines.push(format!(
            "the ids {a} and {b} have no order, so there is no range of ids: use integers or strings"
        ));
    }
    if !repeated.is_empty() {
        let count = repeated.len();
        lines.push(format!("ids handed out more than once: {count}"));
    }
    for ops in repeated.iter().take(EXPLAINED) {
        let id = &ops[0].value;
        let cited: Vec<_> = ops.iter().take(3).map(|op| cite(op)).collect();
        let more = if ops.len() > 3 { ", …" } else { "" };
        let times = ops.len();
        lines.push(format!(
            "  {id}, {times} times: to {}{more}",
            cited.join(", ")
        ));
    }
    if repeated.len() > EXPLAINED {
        lines.push(format!("  … and {} more", repeated.len() - EXPLAINED));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

impl Analysis for UniqueIdsAnalysis {
    fn verdict(&self) -> Verdict {
        match &self.range {
            Err(_) => Verdict::Unknown,
            Ok(_) => Verdict::from_valid(self.duplicated.is_empty()),
        }
    }

    fn to_edn(&self) -> Value {
        let (least, greatest) = match &self.range {
            Err(Unordered(a, b)) => {
                let error = format!("the ids {a} and {b} have no order");
                return Value::map([("valid?", self.verdict().to_edn()), ("error", error.into())]);
            }
            Ok(Some(range)) => range.clone(),
            Ok(None) => (Value::Nil, Value::Nil),
        };
        let listed = self.duplicated.iter().take(LISTED);
        let duplicated = listed.map(|(id, count)| (id.clone(), (*count).into()));
        Value::map([
            ("valid?", self.verdict().to_edn()),
            ("attempted-count", self.attempted_count.into()),
            ("acknowledged-count", self.acknowledged_count.into()),
            ("duplicated-count", self.duplicated.len().into()),
            ("duplicated", Value::Map(duplicated.collect())),
            ("range", Value::vector([least, greatest])),
        ])
    }

    fn explanation(&self) -> Option<String> {
        self.explanation.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    /// A run in which one process is given these ids, one after the other.
    fn given(ids: &[&str]) -> UniqueIdsAnalysis {
        let lines = ids
            .iter()
            .map(|id| format!("0 invoke generate nil\n0 ok generate {id}\n"));
        check(&history(&lines.collect::<String>()))
    }

    #[test]
    fn an_id_handed_out_twice_is_caught_and_the_next_one_is_not() {
        let valid = given(&["7", "8", "9"]);
        assert_eq!(valid.verdict(), Verdict::Valid);
        assert_eq!(valid.explanation(), None);

        let invalid = given(&["7", "8", "7"]);
        assert_eq!(
            invalid.to_edn(),
            value(
                "{:valid? false, :attempted-count 3, :acknowledged-count 3,
                  :duplicated-count 1, :duplicated {7 2}, :range [7 8]}"
            )
        );
        let text = invalid.explanation().unwrap();
        assert!(
            text.contains("process 0 at 0.010 s (operation 1), process 0 at 0.050 s"),
            "{text}"
        );
    }

    #[test]
    fn ids_of_different_types_are_different() {
        assert_eq!(given(&["1", "1.0"]).verdict(), Verdict::Valid);
        assert_eq!(given(&["[1 0]", "[1 1]"]).verdict(), Verdict::Valid);
        assert_eq!(given(&["[1 0]", "[1 0]"]).verdict(), Verdict::Invalid);
    }

    #[test]
    fn ids_without_an_order_leave_it_undecided() {
        for ids in [
            &["1", "\"1\""][..],
            &["{\"a\" 1}"],
            &["[1 \"a\"]", "[1 2]"],
            &["true", "1"],
        ] {
            let analysis = given(ids);
            assert_eq!(analysis.verdict(), Verdict::Unknown, "{ids:?}");
            assert!(analysis.to_edn().get("error").is_some());
        }
        let repeated = given(&["\"a\"", "\"a\"", "1"]);
        assert_eq!(repeated.verdict(), Verdict::Unknown);
        assert!(
            repeated
                .explanation()
                .unwrap()
                .contains("handed out more than once: 1")
        );
    }

    #[test]
    fn vectors_are_ordered_by_length_first_and_nil_comes_before_everything() {
        let analysis = given(&["[9]", "[1 1]", "nil", "[1 0]"]);
        let expected = (Value::Nil, value("[1 1]"));
        assert_eq!(analysis.range, Ok(Some(expected)));
    }

    #[test]
    fn only_acknowledged_ids_count() {
        let analysis = check(&history(
            "0 invoke generate nil
             0 ok generate 1
             0 invoke generate nil
             0 info generate 1
             1 invoke generate nil
             1 fail generate 1
             2 invoke generate nil",
        ));
        assert_eq!(analysis.verdict(), Verdict::Valid);
        assert_eq!(
            (analysis.attempted_count, analysis.acknowledged_count),
            (4, 1)
        );
    }

    #[test]
    fn no_id_at_all_is_valid() {
        let analysis = given(&[]);
        assert_eq!(analysis.verdict(), Verdict::Valid);
        assert_eq!(analysis.to_edn().get("range"), Some(&value("[nil nil]")));
    }

    #[test]
    fn the_most_frequent_duplicates_are_listed() {
        let ids: Vec<String> = (0..60)
            .chain(0..60)
            .chain([3])
            .map(|n| n.to_string())
            .collect();
        let analysis = given(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        let results = analysis.to_edn();
        assert_eq!(results.get("duplicated-count"), Some(&60.into()));
        let listed = results.get("duplicated").unwrap().as_map().unwrap();
        assert_eq!(listed.len(), 48);
        assert_eq!(listed.get(&3.into()), Some(&3.into()));
        assert!(listed.contains_key(&59.into()) && !listed.contains_key(&12.into()));
    }
}
