//! Exceptions: the operations that ended in something no workload foresees, such as a malformed
//! answer, grouped by kind.
//!
//! They never invalidate a run. They are there to be looked at.

use super::{Analysis, Verdict};
use crate::edn::Value;
use crate::history::{History, Operation};

/// Operations that ended in the same class of exception.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExceptionGroup {
    /// The class, as Jepsen names it.
    pub class: String,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub example: Operation,
}

/// The exceptions of a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExceptionsAnalysis {
    /// The most frequent class first.
    pub groups: Vec<ExceptionGroup>,
}

/// Groups the operations that carry an exception.
pub fn check(history: &History) -> ExceptionsAnalysis {
    let mut groups: Vec<ExceptionGroup> = Vec::new();
    for op in history.clients() {
        let Some(class) = op.exception_class() else {
            continue;
        };
        match groups.iter_mut().find(|group| group.class == class) {
            Some(group) => group.count += 1,
            None => groups.push(ExceptionGroup {
                class,
                count: 1,
                example: op.clone(),
            }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    ExceptionsAnalysis { groups }
}

impl Analysis for ExceptionsAnalysis {
    fn verdict(&self) -> Verdict {
        Verdict::Valid
    }

    fn to_edn(&self) -> Value {
        let mut entries = vec![("valid?", self.verdict().to_edn())];
        if !self.groups.is_empty() {
            let groups = self.groups.iter().map(|group| {
                Value::map([
                    ("count", group.count.into()),
                    ("class", Value::Symbol(group.class.as_str().into())),
                    ("example", group.example.to_edn()),
                ])
            });
            entries.push(("exceptions", Value::list(groups)));
        }
        Value::map(entries)
    }

    fn explanation(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    #[test]
    fn exceptions_are_grouped_with_the_most_frequent_first() {
        let analysis = check(&history(
            "0 invoke add 1
             0 info add 1 :exception {:via [{:type a.Rare}]}
             1 invoke add 2
             1 info add 2 :exception {:via [{:type b.Often}]}
             2 invoke add 3
             2 info add 3 :exception {:via [{:type b.Often}]}
             3 invoke add 4
             3 info add 4 :error :net-timeout",
        ));
        let groups: Vec<_> = analysis
            .groups
            .iter()
            .map(|group| (group.class.as_str(), group.count, group.example.index))
            .collect();
        assert_eq!(groups, [("b.Often", 2, 3), ("a.Rare", 1, 1)]);
        assert_eq!(analysis.verdict(), Verdict::Valid);
    }

    #[test]
    fn no_exceptions_no_list() {
        let analysis = check(&history("0 invoke add 1\n0 info add 1 :error :net-timeout"));
        assert_eq!(analysis.to_edn(), value("{:valid? true}"));
    }
}
