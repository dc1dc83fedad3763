//! Statistics: how many operations there were, and how they ended.
//!
//! A function without a single `ok` makes the run invalid, whatever the workload says of it: then
//! nothing was tested.

use std::collections::BTreeMap;

use super::{Analysis, Verdict};
use crate::edn::Value;
use crate::history::{History, Kind};

/// Functions that never end `ok` by their nature: they throw a client away, or only tell
/// something.
pub(super) const NEVER_OK: [&str; 2] = ["crash", "debug-topic-partitions"];

/// Numbers of completed operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Those that happened.
    pub ok: usize,
    /// Those that certainly did not.
    pub fail: usize,
    /// Those with an unknown outcome.
    pub info: usize,
}

impl Counts {
    /// All of them.
    pub fn total(&self) -> usize {
        self.ok + self.fail + self.info
    }

    /// Counts one completion.
    pub(super) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Ok => self.ok += 1,
            Kind::Fail => self.fail += 1,
            Kind::Info => self.info += 1,
            Kind::Invoke => {}
        }
    }

    fn entries(&self, verdict: Verdict) -> Vec<(&'static str, Value)> {
        vec![
            ("valid?", verdict.to_edn()),
            ("count", self.total().into()),
            ("ok-count", self.ok.into()),
            ("fail-count", self.fail.into()),
            ("info-count", self.info.into()),
        ]
    }
}

/// The completions of a run, counted. Operations without a completion do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsAnalysis {
    /// All client operations.
    pub overall: Counts,
    /// The same by function.
    pub by_f: BTreeMap<String, Counts>,
}

/// Counts completions.
pub fn check(history: &History) -> StatsAnalysis {
    let mut stats = StatsAnalysis::default();
    for op in history.clients().filter(|op| op.kind != Kind::Invoke) {
        stats.overall.add(op.kind);
        match stats.by_f.get_mut(&*op.f) {
            Some(counts) => counts.add(op.kind),
            None => stats.by_f.entry(op.f.to_string()).or_default().add(op.kind),
        }
    }
    stats
}

impl StatsAnalysis {
    /// The functions that should have ended `ok` at least once, and never did.
    fn barren(&self) -> impl Iterator<Item = (&str, &Counts)> {
        self.by_f
            .iter()
            .map(|(f, counts)| (f.as_str(), counts))
            .filter(|(f, counts)| counts.ok == 0 && !NEVER_OK.contains(f))
    }
}

impl Analysis for StatsAnalysis {
    fn verdict(&self) -> Verdict {
        Verdict::from_valid(self.barren().next().is_none())
    }

    fn to_edn(&self) -> Value {
        let by_f = self.by_f.iter().map(|(f, counts)| {
            // Of each function by itself the bare fact: only the whole makes exceptions.
            let verdict = Verdict::from_valid(counts.ok > 0);
            (Value::keyword(f), Value::map(counts.entries(verdict)))
        });
        let mut entries = self.overall.entries(self.verdict());
        entries.push(("by-f", Value::Map(by_f.collect())));
        Value::map(entries)
    }

    fn explanation(&self) -> Option<String> {
        let lines: Vec<_> = self
            .barren()
            .map(|(f, Counts { fail, info, .. })| {
                format!("no {f} ended ok (fail: {fail}, info: {info})")
            })
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    #[test]
    fn one_ok_of_each_function_is_enough() {
        let stats = check(&history(
            "0 invoke read nil
             0 fail read nil
             0 invoke read nil
             0 ok read 1
             1 invoke write 2
             1 info write 2
             2 invoke write 3
             2 ok write 3
             3 invoke cas [1 2]
             nemesis info start-partition nil",
        ));
        assert_eq!(stats.verdict(), Verdict::Valid);
        assert_eq!(
            stats.to_edn(),
            value(
                "{:valid? true, :count 4, :ok-count 2, :fail-count 1, :info-count 1,
                  :by-f {:read {:valid? true, :count 2, :ok-count 1, :fail-count 1, :info-count 0},
                         :write {:valid? true, :count 2, :ok-count 1, :fail-count 0,
                                 :info-count 1}}}"
            )
        );
    }

    #[test]
    fn a_function_that_never_succeeds_is_invalid_unless_it_cannot() {
        let run = |f: &str| {
            check(&history(&format!(
                "0 invoke read 1\n0 ok read 1\n1 invoke {f} 1\n1 info {f} 1"
            )))
        };
        let invalid = run("cas");
        assert_eq!(invalid.verdict(), Verdict::Invalid);
        assert!(
            invalid
                .explanation()
                .unwrap()
                .starts_with("no cas ended ok (fail: 0, info: 1)")
        );

        let valid = run("crash");
        assert_eq!(valid.verdict(), Verdict::Valid);
        assert_eq!(valid.explanation(), None);
        let results = valid.to_edn();
        let crash = results.get("by-f").and_then(|by_f| by_f.get("crash"));
        assert_eq!(crash.unwrap().get("valid?"), Some(&Value::Bool(false)));
    }

    #[test]
    fn nothing_at_all_is_valid() {
        assert_eq!(check(&history("")).verdict(), Verdict::Valid);
    }
}
