//! The whole analysis of a run: every checker's verdict, and the worst of them.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use super::availability::{self, AvailabilityAnalysis};
use super::evidence::{self, EvidenceAnalysis};
use super::exceptions::{self, ExceptionsAnalysis};
use super::guard::guarded;
use super::nodes::name_nodes;
use super::stats::{self, StatsAnalysis};
use super::{Analysis, Finding, Verdict};
use crate::edn::Value;
use crate::history::History;
use crate::workload::{Settings, Workload};

/// The results of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Results {
    workload: Rc<dyn Analysis>,
    stats: StatsAnalysis,
    availability: AvailabilityAnalysis,
    exceptions: ExceptionsAnalysis,
    evidence: EvidenceAnalysis,
    /// What was found out about the causes after the checkers had ended, in sentences.
    further: Vec<String>,
    /// The settings of the run, which tell the nodes that processes talk to.
    settings: Settings,
    /// The results of what is not derived from the history, by key.
    attached: Vec<(String, Value)>,
}

/// Checks a finished history. `net` holds the network's statistics, if there are any.
pub fn check(
    history: &History,
    workload: &dyn Workload,
    settings: &Settings,
    net: Option<Value>,
) -> Results {
    let mut results = Results {
        workload: guarded(|| workload.check(history, settings))
            .map_or_else(|error| Rc::new(error) as Rc<dyn Analysis>, Rc::from),
        stats: stats::check(history),
        availability: availability::check(history, settings.availability),
        exceptions: exceptions::check(history),
        evidence: evidence::check(history, workload),
        further: Vec::new(),
        settings: settings.clone(),
        attached: Vec::new(),
    };
    if let Some(net) = net {
        results.attach("net", net);
    }
    results
}

impl Results {
    /// Adds the results map of something else under a key, such as `perf` or `timeline`. Its
    /// `:valid?` counts towards the verdict.
    pub fn attach(&mut self, key: &str, results: Value) {
        self.attached.push((key.to_owned(), results));
    }

    /// Adds sentences to the explanation, if there are any: what something other than a checker found
    /// out, such as the path of a missing value.
    pub fn explain_further(&mut self, sentences: Option<String>) {
        self.further.extend(sentences);
    }

    /// The verdict of the run: the worst of all.
    pub fn verdict(&self) -> Verdict {
        if self.workload.aborts_run() {
            return Verdict::Unknown;
        }
        let attached = self
            .attached
            .iter()
            .map(|(_, results)| Verdict::of_results(results));
        let checked = self.sections().map(|(_, analysis)| analysis.verdict());
        attached.chain(checked).max().unwrap_or_default()
    }

    /// The workload's analysis.
    pub fn workload(&self) -> &dyn Analysis {
        &*self.workload
    }

    /// The workload's analysis as the type that it is; `None` if it is another, such as
    /// [`CheckerError`](super::CheckerError) of a checker that failed.
    pub fn workload_as<A: Analysis>(&self) -> Option<&A> {
        (self.workload() as &dyn Any).downcast_ref()
    }

    /// How many operations there were, and how they ended.
    pub fn stats(&self) -> &StatsAnalysis {
        &self.stats
    }

    /// The share of operations that ended `ok`.
    pub fn availability(&self) -> &AvailabilityAnalysis {
        &self.availability
    }

    /// The operations that ended in an exception.
    pub fn exceptions(&self) -> &ExceptionsAnalysis {
        &self.exceptions
    }

    /// The results map attached under a key, such as `net`.
    pub fn attached(&self, key: &str) -> Option<&Value> {
        let found = self.attached.iter().find(|(name, _)| name == key);
        found.map(|(_, results)| results)
    }

    fn sections(&self) -> [(&'static str, &dyn Analysis); 5] {
        [
            ("workload", &*self.workload),
            ("stats", &self.stats),
            ("availability", &self.availability),
            ("exceptions", &self.exceptions),
            ("evidence", &self.evidence),
        ]
    }

    /// The results map, as in `results.edn`; print it with `{:#}` for people.
    pub fn to_edn(&self) -> Value {
        let checked = self
            .sections()
            .map(|(key, analysis)| (key, analysis.to_edn()));
        let attached = self
            .attached
            .iter()
            .map(|(key, results)| (key.as_str(), results.clone()));
        let verdict = ("valid?", self.verdict().to_edn());
        Value::map(checked.into_iter().chain(attached).chain([verdict]))
    }

    /// The results map as JSON, as in `results.json`.
    pub fn to_json(&self) -> serde_json::Value {
        self.to_edn().to_plain_json()
    }

    /// Why the verdict is not `valid`, checker by checker, the workload's first; `None` if it is.
    /// Processes are named with the nodes that they talk to.
    pub fn explanation(&self) -> Option<String> {
        let parts = self
            .sections()
            .into_iter()
            .filter_map(|(key, analysis)| Some(format!("{key}: {}", analysis.explanation()?)));
        let parts: Vec<_> = parts.chain(self.further.iter().cloned()).collect();
        (!parts.is_empty()).then(|| name_nodes(&parts.join("\n"), &self.settings))
    }

    /// Returns the kinds of failure: the names of the anomalies that the workload's checker found, or of
    /// the checkers that say `invalid`. Empty if the verdict is not `invalid`.
    pub fn failures(&self) -> BTreeSet<String> {
        let failures = self.workload_failures();
        if !failures.is_empty() || self.verdict() != Verdict::Invalid {
            return failures;
        }
        let sections = self.sections().into_iter();
        let invalid = sections.filter(|(_, analysis)| analysis.verdict() == Verdict::Invalid);
        invalid.map(|(key, _)| key.to_owned()).collect()
    }

    /// Returns the names of the anomalies that the workload's checker found; `invalid` if it found
    /// some that have no name. Empty if its verdict is not `invalid`.
    pub fn workload_failures(&self) -> BTreeSet<String> {
        let analysis = self.workload();
        if analysis.verdict() != Verdict::Invalid {
            return BTreeSet::new();
        }
        let findings = analysis.findings().into_iter();
        let mut named: BTreeSet<String> = findings.map(|finding| finding.anomaly).collect();
        let results = analysis.to_edn();
        for list in ["anomaly-types", "bad-error-types"] {
            let names = results
                .get(list)
                .and_then(Value::as_seq)
                .unwrap_or_default();
            let names = names.iter().filter_map(Value::as_keyword);
            named.extend(names.map(str::to_owned));
        }
        match named.is_empty() {
            true => ["invalid".to_owned()].into(),
            false => named,
        }
    }

    /// What the workload's checker found to be wrong, the most important first. Processes are named
    /// with the nodes that they talk to.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = self.workload.findings();
        for finding in &mut findings {
            finding.text = name_nodes(&finding.text, &self.settings);
        }
        findings
    }
}

impl fmt::Display for Results {
    /// The results map as EDN, indented with `{:#}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_edn().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CheckerError;
    use crate::check::tests::{history, value};
    use crate::workload::{Echo, GSet, TxnListAppend};

    const ECHO: &str = "0 invoke echo 1\n0 ok echo {:echo 1}";

    fn check(text: &str, workload: impl Workload) -> Results {
        let settings = Settings::of_history(&workload);
        super::check(&history(text), &workload, &settings, None)
    }

    #[test]
    fn results_are_those_of_every_checker() {
        let net = value("{:valid? true, :all {:msg-count 2}}");
        let settings = Settings::of_history(&Echo);
        let mut results = super::check(&history(ECHO), &Echo, &settings, Some(net.clone()));
        results.attach("timeline", value("{:valid? true}"));
        assert_eq!(results.attached("net"), Some(&net));
        assert_eq!(
            results.to_edn(),
            value(
                "{:valid? true, :workload {:valid? true, :errors ()}, :exceptions {:valid? true},
                  :stats {:valid? true, :count 1, :ok-count 1, :fail-count 0, :info-count 0,
                          :by-f {:echo {:valid? true, :count 1, :ok-count 1, :fail-count 0,
                                        :info-count 0}}},
                  :availability {:valid? true, :ok-fraction 1.0},
                  :evidence {:valid? true, :problems []},
                  :net {:valid? true, :all {:msg-count 2}}, :timeline {:valid? true}}"
            )
        );
        assert_eq!(results.to_json()["stats"]["by-f"]["echo"]["ok-count"], 1);
        assert_eq!(results.explanation(), None);
    }

    #[test]
    fn the_worst_verdict_is_the_verdict() {
        let unknown = check("0 invoke add 1\n0 ok add 1", GSet);
        assert_eq!(unknown.verdict(), Verdict::Unknown);
        // The same without an ok: invalid statistics beat the undecided workload.
        let invalid = check("0 invoke add 1\n0 info add 1", GSet);
        assert_eq!(invalid.workload().verdict(), Verdict::Unknown);
        assert_eq!(invalid.verdict(), Verdict::Invalid);
        let text = invalid.explanation().unwrap();
        assert!(text.starts_with("workload: no element is stable"), "{text}");
        assert!(text.contains("\nstats: no add ended ok"), "{text}");

        let mut attached = check(ECHO, Echo);
        assert_eq!(attached.verdict(), Verdict::Valid);
        attached.attach("perf", value("{:valid? :unknown}"));
        assert_eq!(attached.verdict(), Verdict::Unknown);
    }

    #[test]
    fn people_read_results_indented() {
        let text = format!("{:#}", check(ECHO, Echo));
        assert!(
            text.contains("\n :workload {:errors (), :valid? true}}"),
            "{text}"
        );
        assert_eq!(
            crate::edn::parse(&text),
            crate::edn::parse(&text.replace('\n', ""))
        );
    }

    #[test]
    fn a_fatal_error_leaves_everything_undecided_and_another_only_the_workload() {
        let mut results = check("0 invoke txn []\n0 fail txn []", TxnListAppend);
        results.workload = Rc::new(CheckerError::new("odd"));
        assert_eq!(results.verdict(), Verdict::Invalid);
        results.workload = Rc::new(CheckerError::fatal("odd"));
        assert_eq!(results.verdict(), Verdict::Unknown);
        let workload = results.to_edn().get("workload").cloned();
        assert_eq!(workload, Some(value("{:valid? :unknown, :error \"odd\"}")));
    }
}
