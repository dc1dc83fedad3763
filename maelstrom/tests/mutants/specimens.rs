//! The mutants of a workload, and how they are found out.
//!
//! Every mutant has a sibling with nothing wrong, which must pass in the same world from the same
//! seeds: so it is the flaw that is found, and not the toy.

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

/// A mutant must be caught on one of so many seeds.
const SEEDS: u64 = 20;

/// What shrinking a mutant's run may cost, in multiples of the run.
const SHRINK_BUDGET: u64 = 20;

/// Runs some nodes in a world.
pub type Scenario = fn(World, Seed) -> Run;

/// Nodes that are wrong in one way.
pub struct Mutant {
    /// What they do, as a clause without its subject.
    pub flaw: &'static str,
    /// Where it does harm.
    pub world: World,
    /// The anomaly by which the checker must know them.
    pub anomaly: &'static str,
    pub run: Scenario,
}

/// The mutants of one workload, and their sibling.
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

    /// Of each mutant: how many seeds it takes to catch it, or what was seen of one that gets away.
    /// Found out once.
    pub fn seeds_needed(&self) -> &[Result<u64, String>] {
        self.seeds_needed
            .get_or_init(|| self.mutants.iter().map(Mutant::seeds_needed).collect())
    }

    /// Returns the length of the story of each mutant's smallest failing run; `None` for one whose
    /// workload's checker has nothing against it.
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

    /// Every mutant is rejected, for what is wrong with it.
    pub fn assert_rejected(&self) {
        let outcomes = self.mutants.iter().zip(self.seeds_needed());
        let escaped: Vec<String> = outcomes
            .filter_map(|(mutant, outcome)| {
                let seen = outcome.as_ref().err()?;
                Some(format!(
                    "who {} shows no {}: {seen}",
                    mutant.flaw, mutant.anomaly
                ))
            })
            .collect();
        assert!(escaped.is_empty(), "{}", escaped.join("\n"));
    }

    /// The sibling passes wherever a mutant does not, from every seed that the mutant needs.
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
                    "who {} is rejected without a reason",
                    self.flaw
                );
                return Ok(seed + 1);
            }
            seen.extend(anomalies);
        }
        Err(format!("{seen:?} on {SEEDS} seeds"))
    }
}

/// What the checkers call what they have against a run: Jepsen's name of it, where it has one.
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
