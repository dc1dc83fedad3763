//! The mutants of a workload, and the checks that every workload rejects its mutants.
//!
//! Every mutant has a correct sibling, which must pass under the same faults from the same seeds.
//! So the checker rejects the flaw and not the simple implementation.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use eddy::check::counter::CounterAnalysis;
use eddy::check::linearizable::LinKvAnalysis;
use eddy::check::log::LogAnalysis;
use eddy::check::set_full::SetAnalysis;
use eddy::check::txn::TxnAnalysis;
use eddy::check::{Analysis, Verdict};
use eddy::seed::Seed;
use eddy::simulation::{Run, shrink, story};
use eddy::workload::{EchoAnalysis, UniqueIdsAnalysis, Workload};

use crate::world::World;

/// The number of seeds. Each mutant must be rejected on at least one.
const SEEDS: u64 = 20;

/// The budget for shrinking a mutant's run, in multiples of the run.
const SHRINK_BUDGET: u64 = 20;

/// A function that runs nodes under the faults of a world.
pub type Scenario = fn(World, Seed) -> Run;

/// Nodes with one flaw.
pub struct Mutant {
    /// The flaw, as a clause whose subject is the nodes.
    pub flaw: &'static str,
    /// The network and the faults under which the flaw shows.
    pub world: World,
    /// The anomaly that the checker must report.
    pub anomaly: &'static str,
    pub run: Scenario,
}

/// The mutants of one workload, and their correct sibling.
pub struct Specimens {
    pub workload: &'static dyn Workload,
    right: Scenario,
    pub mutants: &'static [Mutant],
    seeds_needed: OnceLock<Vec<Result<u64, String>>>,
}

impl Specimens {
    pub const fn new(
        workload: &'static dyn Workload,
        right: Scenario,
        mutants: &'static [Mutant],
    ) -> Self {
        Self {
            workload,
            right,
            mutants,
            seeds_needed: OnceLock::new(),
        }
    }

    /// Returns for each mutant the number of seeds until it is rejected, or the anomalies of one
    /// that is never rejected for its flaw. The runs are made once.
    pub fn seeds_needed(&self) -> &[Result<u64, String>] {
        self.seeds_needed
            .get_or_init(|| self.mutants.iter().map(Mutant::seeds_needed).collect())
    }

    /// Returns the length of the story of each mutant's smallest failing run; `None` for a run that
    /// the workload's checker accepts.
    pub fn story_lengths(&self) -> Vec<Option<usize>> {
        let mutants = self.mutants.iter().zip(self.seeds_needed());
        mutants
            .map(|(mutant, needed)| {
                let seed = Seed(needed.as_ref().ok()?.checked_sub(1)?);
                let smallest = shrink(SHRINK_BUDGET, || (mutant.run)(mutant.world, seed))?;
                Some(story(&smallest).len())
            })
            .collect()
    }

    /// Asserts that every mutant is rejected for its flaw.
    pub fn assert_rejected(&self) {
        let outcomes = self.mutants.iter().zip(self.seeds_needed());
        let escaped: Vec<String> = outcomes
            .filter_map(|(mutant, outcome)| {
                let seen = outcome.as_ref().err()?;
                Some(format!(
                    "nodes that {} show no {}: {seen}",
                    mutant.flaw, mutant.anomaly
                ))
            })
            .collect();
        assert!(escaped.is_empty(), "{}", escaped.join("\n"));
    }

    /// Asserts that the sibling passes under the faults of every mutant, from every seed that the
    /// mutant needs.
    pub fn assert_sibling_accepted(&self) {
        let mut tried = BTreeSet::new();
        for (mutant, needed) in self.mutants.iter().zip(self.seeds_needed()) {
            for seed in 0..*needed.as_ref().unwrap_or(&SEEDS) {
                if tried.insert((mutant.world, seed)) {
                    (self.right)(mutant.world, Seed(seed)).assert_safe();
                }
            }
        }
        assert!(!tried.is_empty(), "there are no mutants");
    }
}

impl Mutant {
    fn seeds_needed(&self) -> Result<u64, String> {
        let mut seen = BTreeSet::new();
        for seed in 0..SEEDS {
            let run = (self.run)(self.world, Seed(seed));
            assert!(run.failure().is_none(), "{:?}", run.failure());
            let anomalies = anomalies(&run);
            if anomalies.contains(self.anomaly) {
                let why = run.results().explanation();
                assert!(
                    why.is_some_and(|why| !why.is_empty()),
                    "nodes that {} are rejected without a reason",
                    self.flaw
                );
                return Ok(seed + 1);
            }
            seen.extend(anomalies);
        }
        Err(format!("{seen:?} on {SEEDS} seeds"))
    }
}

/// Returns the names of the anomalies of a run: Jepsen's names, where there are any.
fn anomalies(run: &Run) -> BTreeSet<String> {
    let results = run.results();
    let mut found = BTreeSet::new();
    if results.stats().verdict() == Verdict::Invalid {
        found.insert("nothing succeeds".to_owned());
    }
    if results.workload().verdict() != Verdict::Invalid {
        return found;
    }
    if results.workload_as::<EchoAnalysis>().is_some() {
        found.insert("mismatch".to_owned());
    }
    if results.workload_as::<UniqueIdsAnalysis>().is_some() {
        found.insert("duplicated".to_owned());
    }
    if results.workload_as::<LinKvAnalysis>().is_some() {
        found.insert("not linearizable".to_owned());
    }
    if let Some(set) = results.workload_as::<SetAnalysis>()
        && !set.lost.is_empty()
    {
        found.insert("lost".to_owned());
    }
    if let Some(counter) = results.workload_as::<CounterAnalysis>()
        && !counter.errors.is_empty()
    {
        found.insert("impossible sum".to_owned());
    }
    if let Some(log) = results.workload_as::<LogAnalysis>() {
        found.extend(log.errors().keys().map(|error| error.name().to_owned()));
    }
    if let Some(txn) = results.workload_as::<TxnAnalysis>() {
        found.extend(txn.anomaly_types().into_iter().map(str::to_owned));
    }
    let findings = results.workload().findings().into_iter();
    found.extend(findings.map(|finding| finding.anomaly));
    found
}
