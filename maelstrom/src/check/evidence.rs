//! Whether a history is evidence at all: a verdict of `valid` says nothing if nothing was tested.

use std::collections::BTreeSet;

use super::stats::{Counts, NEVER_OK};
use super::{Analysis, Verdict};
use crate::edn::Value;
use crate::history::{History, Kind};
use crate::workload::Workload;

/// What a history lacks to be evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvidenceAnalysis {
    problems: Vec<String>,
}

/// Looks for what makes a verdict of `valid` worthless: no operations, operations of another
/// workload, or more than half of the requests without an answer.
pub fn check(history: &History, workload: &dyn Workload) -> EvidenceAnalysis {
    let mut problems = Vec::new();
    let name = workload.name();
    if history.clients().next().is_none() {
        problems.push("the history has no operations, so nothing was tested".to_owned());
    }
    let known = workload.functions();
    let foreign: BTreeSet<&str> = history
        .clients()
        .map(|op| &*op.f)
        .filter(|f| !known.contains(f))
        .collect();
    if !foreign.is_empty() {
        problems.push(format!(
            "the history has operations called {}, but those of {name} are {}: was another workload \
             recorded?",
            list(foreign),
            list(known.iter().copied())
        ));
    }
    let counts = requests(history);
    if 2 * counts.info > counts.total() {
        problems.push(format!(
            "{} of {} requests have no certain outcome: no reply came, or none that could be used. Too \
             few were answered for a verdict",
            counts.info,
            counts.total()
        ));
    }
    EvidenceAnalysis { problems }
}

/// How requests ended; what never ends `ok` by its nature is no request.
fn requests(history: &History) -> Counts {
    let mut counts = Counts::default();
    for (invocation, completion) in history.pairs() {
        if NEVER_OK.contains(&&*invocation.f) {
            continue;
        }
        counts.add(completion.map_or(Kind::Info, |completion| completion.kind));
    }
    counts
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

impl Analysis for EvidenceAnalysis {
    fn verdict(&self) -> Verdict {
        match self.problems.is_empty() {
            true => Verdict::Valid,
            false => Verdict::Unknown,
        }
    }

    fn to_edn(&self) -> Value {
        let problems = Value::vector(self.problems.iter().map(String::as_str));
        Value::map([("valid?", self.verdict().to_edn()), ("problems", problems)])
    }

    fn explanation(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| self.problems.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;
    use crate::workload::{Echo, GSet, Kafka};

    fn problems(text: &str, workload: &dyn Workload) -> String {
        check(&history(text), workload).problems.join("\n")
    }

    #[test]
    fn history_without_operations_is_no_evidence() {
        assert!(problems("", &Echo).contains("no operations"));
        let faults_only = "nemesis info kill :one";
        assert!(problems(faults_only, &Echo).contains("no operations"));
        assert_eq!(problems("0 invoke echo 1\n0 ok echo {:echo 1}", &Echo), "");
    }

    #[test]
    fn operations_of_another_workload_are_named() {
        let found = problems("0 invoke txn []\n0 ok txn []", &GSet);
        assert!(
            found.contains("called txn") && found.contains("add, read"),
            "{found}"
        );
    }

    #[test]
    fn history_with_mostly_unanswered_requests_is_no_evidence() {
        let answered = "0 invoke read nil\n0 ok read []\n";
        let lost = "0 invoke add 1\n0 info add 1\n";
        assert_eq!(problems(&[answered, lost].concat(), &GSet), "");
        let found = problems(&[answered, lost, lost].concat(), &GSet);
        assert!(found.starts_with("2 of 3 requests"), "{found}");
    }

    #[test]
    fn crashes_are_no_unanswered_requests() {
        let crash = "0 invoke crash nil\n0 info crash nil\n";
        let poll = "0 invoke poll [[:poll]]\n0 ok poll [[:poll {}]]\n";
        assert_eq!(problems(&[crash, crash, poll].concat(), &Kafka), "");
    }
}
