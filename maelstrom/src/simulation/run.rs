//! A simulated run that is over.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::tally;
use crate::check::set_full::SetAnalysis;
use crate::check::{Results, Verdict};
use crate::decisions::DecisionCounts;
use crate::history::{History, Kind};
use crate::net::{FaultCounts, Journal};
use crate::report::{self, RunDirectory, RunRecord, RunResults, RunSummary};
use crate::runner::{Outcome, Warning};
use crate::seed::Seed;
use crate::workload::{AnyWorkload, Settings};

/// The outcome of a simulated run, with its verdict.
pub struct Run {
    seed: Seed,
    description: String,
    settings: Settings,
    workload: AnyWorkload,
    outcome: Outcome,
    results: Results,
    virtual_time: Duration,
    /// The messages, if all of them are recorded.
    pub(super) messages: Option<TextLog>,
}

/// A log that is kept in memory.
#[derive(Clone, Default)]
pub(super) struct TextLog(Rc<RefCell<Vec<u8>>>);

impl io::Write for TextLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the first position at which two lists differ, and what each has there.
fn first_difference<T: PartialEq>([a, b]: [&[T]; 2]) -> Option<(usize, [Option<&T>; 2])> {
    let pairs = (0..a.len().max(b.len())).map(|at| (at, [a.get(at), b.get(at)]));
    pairs.into_iter().find(|(_, [a, b])| a != b)
}

impl Run {
    pub(super) fn new(
        seed: Seed,
        description: String,
        settings: Settings,
        workload: AnyWorkload,
        outcome: Outcome,
        results: Results,
        virtual_time: Duration,
    ) -> Run {
        let run = Run {
            seed,
            description,
            settings,
            workload,
            outcome,
            results,
            virtual_time,
            messages: None,
        };
        tally::count(&run);
        run
    }

    /// Panics unless the run came to its end and its verdict is valid. The message explains what was
    /// wrong.
    pub fn assert_valid(&self) {
        self.assert_ended();
        self.assert_verdict(self.verdict(), self.results.explanation());
    }

    /// Panics unless the run came to its end and the workload's own checker finds it valid. That some
    /// kind of operation never succeeded is allowed, and so is a verdict that is unknown because fewer
    /// than two operations succeeded: faults may be too frequent for more.
    pub fn assert_safe(&self) {
        self.assert_ended();
        let analysis = self.results.workload();
        let succeeded = self.history().iter().filter(|op| op.kind == Kind::Ok);
        if analysis.verdict() == Verdict::Unknown && succeeded.take(2).count() < 2 {
            return;
        }
        self.assert_verdict(analysis.verdict(), analysis.explanation());
    }

    fn assert_ended(&self) {
        if let Some(failure) = &self.outcome.failure {
            panic!(
                "seed {}: {}\nthe run broke off: {failure:#}",
                self.seed, self.description
            );
        }
    }

    fn assert_verdict(&self, verdict: Verdict, why: Option<String>) {
        let finding = match verdict {
            Verdict::Valid => return,
            Verdict::Invalid => "the run is invalid",
            Verdict::Unknown => "it is unknown whether the run is valid",
        };
        panic!(
            "seed {}: {}\n{finding}: {}",
            self.seed,
            self.description,
            why.unwrap_or_default()
        );
    }

    /// Panics unless the other run is the same as this one, message for message (of those that both
    /// recorded) and operation for operation; the message names the first difference.
    pub fn assert_same(&self, other: &Run) {
        let seed = self.seed;
        let events = [self, other].map(|run| run.journal().events());
        if let Some((at, [this, that])) = first_difference(events) {
            panic!("seed {seed}: event {at} differs: {this:?} and {that:?}");
        }
        let operations = [self, other].map(|run| run.history().iter().collect::<Vec<_>>());
        if let Some((at, [this, that])) = first_difference([&operations[0], &operations[1]]) {
            panic!("seed {seed}: operation {at} differs: {this:?} and {that:?}");
        }
        assert_eq!(self.virtual_time, other.virtual_time, "seed {seed}");
    }

    /// Returns the verdict, which is invalid if the run broke off.
    pub fn verdict(&self) -> Verdict {
        match self.outcome.failure {
            Some(_) => Verdict::Invalid,
            None => self.results.verdict(),
        }
    }

    /// Returns why the run broke off, if it did.
    pub fn failure(&self) -> Option<&anyhow::Error> {
        self.outcome.failure.as_ref()
    }

    /// Returns the results of all checkers.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// Returns the operations of the clients.
    pub fn history(&self) -> &History {
        &self.outcome.history
    }

    /// Returns the messages on the network.
    pub fn journal(&self) -> &Journal {
        &self.outcome.journal
    }

    /// Returns how many messages the faults of the network affected.
    pub fn net(&self) -> FaultCounts {
        self.outcome.fault_counts
    }

    /// Returns what was run, in one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns the settings of the run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns how many decisions can be left out when the run is repeated.
    pub(super) fn decisions(&self) -> DecisionCounts {
        self.outcome.decisions
    }

    /// Writes the record, the history, the results and the pages of the run into a directory of the
    /// store `root`, as `eddy test` does, and returns the path of its page. All messages are there if the run
    /// [recorded](super::Simulation::record_all_messages) them.
    ///
    /// # Errors
    ///
    /// The directory cannot be created, or something in it cannot be written.
    pub fn write_report(&self, root: &Path) -> anyhow::Result<std::path::PathBuf> {
        let name = self.workload.name();
        let mut directory = RunDirectory::create(root, name)?;
        let description = format!("seed {}: {}", self.seed, self.description);
        let record = RunRecord {
            description: description.clone(),
            ..RunRecord::new(name, &self.settings, self.seed)
        };
        directory.begin(&record)?;
        let mut problems = directory.write_history(self.history());
        if let Some(TextLog(messages)) = &self.messages {
            std::fs::write(directory.file(report::MESSAGES_FILE), &*messages.borrow())?;
        }
        let net = self.journal().to_edn(self.operations());
        let history = self.history();
        let mut results = crate::check::check(history, &*self.workload, &self.settings, Some(net));
        let summary = RunSummary {
            workload: name,
            description: &description,
            command: None,
            history,
            journal: Some(self.journal()),
            failure: self.failure(),
        };
        problems.extend(report::write(
            directory.path(),
            &summary,
            Some(&mut results),
        ));
        let page = directory.file("index.html");
        let json = RunResults {
            results: &results,
            history,
            record: Some(&record),
            warnings: self.warnings(),
            page: Some(&page),
            is_interrupted: false,
        };
        problems.extend(directory.write_results(&results, &json.to_json()));
        match problems.first() {
            Some(problem) => anyhow::bail!("{problem}"),
            None => Ok(page),
        }
    }

    /// Returns how many times a node was killed.
    pub fn kills(&self) -> usize {
        self.outcome.kills
    }

    /// Returns how many times a node was paused.
    pub fn pauses(&self) -> usize {
        self.outcome.pauses
    }

    /// Returns what the user should know whatever the verdict is, such as that replies came late.
    pub fn warnings(&self) -> &[Warning] {
        &self.outcome.warnings
    }

    /// Returns how many times a node did what the protocol forbids.
    pub fn protocol_violations(&self) -> usize {
        self.outcome.protocol_violations()
    }

    /// Returns how much time passed for the nodes.
    pub fn virtual_time(&self) -> Duration {
        self.virtual_time
    }

    /// Returns how many operations the clients began.
    pub fn operations(&self) -> usize {
        self.outcome.operations()
    }

    /// Returns the messages between servers per operation of a client.
    ///
    /// # Panics
    ///
    /// If there were no operations.
    pub fn messages_per_op(&self) -> f64 {
        let per_op = self
            .outcome
            .journal
            .servers
            .per_op(self.outcome.operations());
        f64::from(per_op.expect("the run had operations"))
    }

    /// Returns the time after which this fraction of a set's values was in every read.
    ///
    /// # Panics
    ///
    /// If the workload is no set, or no value ever became stable.
    pub fn stable_latency(&self, quantile: f64) -> Duration {
        let set = self.results.workload_as::<SetAnalysis>();
        let set = set.expect("the workload is a set");
        set.stable_latency(quantile)
            .expect("some value became stable")
    }

    /// Returns the fraction of operations that ended ok.
    pub fn ok_fraction(&self) -> f64 {
        f64::from(self.results.availability().ok_fraction())
    }

    /// Returns the time that this fraction of the ok operations called `f` took at most.
    ///
    /// # Panics
    ///
    /// If there was none.
    pub fn latency_of(&self, f: &str, quantile: f64) -> Duration {
        let latencies = self.history().ok_latencies(Some(f));
        let latency = latencies.quantile(quantile);
        latency.expect("some operation ended ok")
    }
}
