//! Counters: every final read equals the sum of what was added.
//!
//! An add that ended `ok` counts, a failed one does not, and one with an unknown outcome may or may not
//! count. So the acceptable values are the sum of the certain adds plus the sum of any subset of the
//! uncertain ones. Reads before the end are not checked, because a counter may lag.

use super::{Analysis, Verdict, cite};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// With more separate ranges than this the check gives up as undecided. Each uncertain add can
/// double their number, and only deltas that are far apart keep them from growing together.
const RANGES_MAX: usize = 1 << 18;

/// How many wrong reads an explanation spells out.
const EXPLAINED: usize = 8;

/// The final reads of a run beside the values that they may show.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CounterAnalysis {
    /// The sum of the certain adds.
    pub certain: i128,
    /// The number of adds that may or may not have happened.
    pub uncertain_count: usize,
    /// The acceptable values as maximal closed ranges, ascending; `None` if they are too many.
    pub acceptable: Option<Vec<(i128, i128)>>,
    /// Every final read that completed.
    pub final_reads: Vec<Operation>,
    /// The final reads that show no acceptable value.
    pub errors: Vec<Operation>,
}

/// Compares the final reads with the sum of the adds.
pub fn check(history: &History) -> CounterAnalysis {
    let mut certain = 0;
    let mut uncertain = Vec::new();
    for (add, completion) in history.pairs().filter(|(op, _)| op.f == "add") {
        let delta = i128::from(add.value.as_int().unwrap_or(0));
        match completion.map(|op| op.kind) {
            Some(Kind::Ok) => certain += delta,
            Some(Kind::Fail) => {}
            _ => uncertain.push(delta),
        }
    }
    let acceptable = subset_sums(certain, &uncertain);
    let final_reads: Vec<_> = history
        .clients()
        .filter(|op| op.kind == Kind::Ok && op.is_final())
        .cloned()
        .collect();
    let fits = |op: &&Operation| match (&op.value, &acceptable) {
        (_, None) => true,
        (Value::Int(n), Some(ranges)) => contains(ranges, n.get()),
        _ => false,
    };
    CounterAnalysis {
        certain,
        uncertain_count: uncertain.len(),
        errors: final_reads.iter().filter(|op| !fits(op)).cloned().collect(),
        acceptable,
        final_reads,
    }
}

/// Every `base` + sum of a subset of `deltas`, as maximal closed ranges in ascending order; `None`
/// if there are more than [`RANGES_MAX`] of them.
///
/// Equal deltas are added in groups of 1, 2, 4, … and the rest: subsets of these groups have the same
/// sums, and *k* equal deltas take log *k* steps.
fn subset_sums(base: i128, deltas: &[i128]) -> Option<Vec<(i128, i128)>> {
    let mut deltas: Vec<i128> = deltas.iter().copied().filter(|delta| *delta != 0).collect();
    // Small deltas first: they fill gaps, which keeps the ranges few.
    deltas.sort_unstable_by_key(|delta| (delta.unsigned_abs(), *delta));
    let mut ranges = vec![(base, base)];
    for equal in deltas.chunk_by(|a, b| a == b) {
        let (mut left, mut group) = (equal.len(), 1);
        while left > 0 {
            group = left.min(group);
            let delta = equal[0] * group as i128;
            let shifted = ranges
                .iter()
                .map(|(lo, hi)| (lo + delta, hi + delta))
                .collect();
            ranges = union(&ranges, shifted);
            if ranges.len() > RANGES_MAX {
                return None;
            }
            left -= group;
            group *= 2;
        }
    }
    Some(ranges)
}

/// The union of two ascending lists of ranges, with neighbouring ranges grown together.
fn union(a: &[(i128, i128)], b: Vec<(i128, i128)>) -> Vec<(i128, i128)> {
    let mut merged: Vec<(i128, i128)> = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().copied().peekable(), b.into_iter().peekable());
    loop {
        let from_a = match (a.peek(), b.peek()) {
            (Some(a), Some(b)) => a <= b,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return merged,
        };
        let next = if from_a { a.next() } else { b.next() };
        let (lo, hi) = next.expect("the side that was peeked at has a next range");
        match merged.last_mut() {
            Some(last) if lo <= last.1 + 1 => last.1 = last.1.max(hi),
            _ => merged.push((lo, hi)),
        }
    }
}

fn contains(ranges: &[(i128, i128)], n: i128) -> bool {
    let after = ranges.partition_point(|(lo, _)| *lo <= n);
    after > 0 && n <= ranges[after - 1].1
}

impl Analysis for CounterAnalysis {
    fn verdict(&self) -> Verdict {
        match self.acceptable {
            None => Verdict::Unknown,
            Some(_) => Verdict::from_valid(self.errors.is_empty()),
        }
    }

    fn to_edn(&self) -> Value {
        let Some(acceptable) = &self.acceptable else {
            return Value::map([
                ("valid?", self.verdict().to_edn()),
                ("error", "too many acceptable values to list".into()),
            ]);
        };
        let ranges = acceptable.iter().map(|(lo, hi)| Value::vector([*lo, *hi]));
        let errors = self.errors.iter().map(Operation::to_edn);
        let errors = (!self.errors.is_empty()).then(|| Value::list(errors));
        let reads = self.final_reads.iter().map(|op| op.value.clone());
        Value::map([
            ("valid?", self.verdict().to_edn()),
            ("errors", errors.into()),
            ("final-reads", Value::list(reads)),
            ("acceptable", Value::list(ranges)),
        ])
    }

    fn explanation(&self) -> Option<String> {
        let certain = self.certain;
        let uncertain = self.uncertain_count;
        let adds = format!("the certain adds sum up to {certain}, uncertain adds: {uncertain}");
        let Some(acceptable) = &self.acceptable else {
            return Some(format!("{adds}: too many acceptable values to list"));
        };
        if self.errors.is_empty() {
            return None;
        }
        let shown = acceptable
            .iter()
            .take(EXPLAINED)
            .map(|(lo, hi)| match lo == hi {
                true => lo.to_string(),
                false => format!("{lo} to {hi}"),
            });
        let more = if acceptable.len() > EXPLAINED {
            ", …"
        } else {
            ""
        };
        let shown = shown.collect::<Vec<_>>().join(", ");
        let mut lines = vec![format!("{adds}; a final read may show {shown}{more}, but")];
        let wrong = self.errors.iter().take(EXPLAINED);
        lines.extend(wrong.map(|op| format!("  {} was read by {}", op.value, cite(op))));
        if self.errors.len() > EXPLAINED {
            lines.push(format!("  … and {} more", self.errors.len() - EXPLAINED));
        }
        Some(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    /// A run with a certain add of 5, an uncertain one of 3, and one that failed.
    fn final_read(read: &str) -> CounterAnalysis {
        check(&history(&format!(
            "0 invoke add 5
             0 ok add 5
             1 invoke add 3
             1 info add 3 :error :net-timeout
             2 invoke add 100
             2 fail add 100
             0 invoke read nil
             0 ok read 77
             0 invoke read nil :final? true
             0 ok read {read} :final? true"
        )))
    }

    #[test]
    fn an_uncertain_add_may_count_or_not_and_a_failed_one_never() {
        for read in ["5", "8"] {
            let analysis = final_read(read);
            assert_eq!(analysis.verdict(), Verdict::Valid, "{read}");
            assert_eq!(analysis.explanation(), None);
        }
        for read in ["4", "6", "7", "9", "108", "5.0", "nil", "\"5\""] {
            assert_eq!(final_read(read).verdict(), Verdict::Invalid, "{read}");
        }
    }

    #[test]
    fn results_show_the_wrong_reads_and_what_was_acceptable() {
        let analysis = final_read("6");
        assert_eq!(
            analysis.to_edn(),
            value(
                "{:valid? false, :final-reads (6), :acceptable ([5 5] [8 8]),
                  :errors (#jepsen.history.Op{:index 9, :time 90000000, :type :ok, :process 0,
                                              :f :read, :value 6, :final? true})}"
            )
        );
        assert_eq!(
            analysis.explanation().unwrap(),
            "the certain adds sum up to 5, uncertain adds: 1; a final read may show 5, 8, but\n  \
             6 was read by process 0 at 0.090 s (operation 9)"
        );
        let valid = final_read("5").to_edn();
        assert_eq!(valid.get("errors"), Some(&Value::Nil));
    }

    #[test]
    fn an_add_without_a_completion_is_uncertain() {
        let analysis = check(&history("0 invoke add 2\n1 invoke read nil\n1 ok read 2"));
        assert_eq!(analysis.acceptable, Some(vec![(0, 0), (2, 2)]));
    }

    #[test]
    fn without_final_reads_there_is_nothing_wrong() {
        for text in [
            "",
            "0 invoke add 1\n0 ok add 1\n0 invoke read nil :final? true",
        ] {
            assert_eq!(check(&history(text)).verdict(), Verdict::Valid);
        }
    }

    #[test]
    fn subset_sums_are_maximal_ranges() {
        for (base, deltas, expected) in [
            (0, vec![], vec![(0, 0)]),
            (7, vec![0, 0], vec![(7, 7)]),
            (0, vec![1, 1, 1], vec![(0, 3)]),
            (0, vec![2, 3], vec![(0, 0), (2, 3), (5, 5)]),
            (0, vec![3; 6], (0..7).map(|n| (3 * n, 3 * n)).collect()),
            (10, vec![-1, 1], vec![(9, 11)]),
            (0, vec![-5, 4], vec![(-5, -5), (-1, 0), (4, 4)]),
        ] {
            assert_eq!(subset_sums(base, &deltas), Some(expected), "{deltas:?}");
        }
    }

    #[test]
    fn subset_sums_agree_with_trying_every_subset() {
        let deltas = [-5, 4, 4, -1, 9, -3, 30];
        let mut all: Vec<i128> = (0..1u32 << deltas.len())
            .map(|subset| {
                let chosen = (0..deltas.len()).filter(|i| subset >> i & 1 == 1);
                chosen.map(|i| deltas[i]).sum()
            })
            .collect();
        all.sort();
        all.dedup();
        let ranges = subset_sums(0, &deltas).unwrap();
        let listed: Vec<i128> = ranges.iter().flat_map(|(lo, hi)| *lo..=*hi).collect();
        assert_eq!(listed, all);
    }

    #[test]
    fn thousands_of_uncertain_adds_stay_few_ranges_and_a_hopeless_case_is_undecided() {
        let deltas: Vec<i128> = (0..5000).map(|i| i % 10 - 5).collect();
        assert_eq!(subset_sums(0, &deltas).unwrap().len(), 1);
        let even = subset_sums(0, &vec![2; 200_000]).unwrap();
        assert_eq!(
            (even.len(), even.last()),
            (200_001, Some(&(400_000, 400_000)))
        );
        let powers: Vec<i128> = (1..60).map(|i| 1 << i).collect();
        assert_eq!(subset_sums(0, &powers), None);
    }
}
