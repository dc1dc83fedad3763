//! The official targets of a test that is run with a challenge's official options.

use std::path::Path;

use super::options::TestPlan;
use super::perform::Finished;
use super::suite;
use crate::Workbench;
use crate::suite::{Metrics, Suite, beside_official_targets};

/// Returns the built-in suites whose test is that of `plan`, whatever the node program.
pub(super) fn suites_of(plan: &TestPlan, bench: &Workbench) -> Vec<Suite> {
    let known = Suite::named("all").unwrap_or_default().into_iter();
    let is_same = |suite: &Suite| {
        let of_suite = suite::plan(suite, Path::new("node"), &[], bench);
        of_suite.is_ok_and(|of_suite| of_suite.is_ok_and(|other| facts(&other) == facts(plan)))
    };
    known.filter(is_same).collect()
}

/// Returns everything that makes two tests the same, apart from the node program and the seed.
fn facts(plan: &TestPlan) -> String {
    let TestPlan {
        options,
        workload,
        settings,
        latency,
        ..
    } = plan;
    let (faults, interval) = (options.faults(), options.nemesis_interval);
    format!("{workload:?} {settings:?} {latency} {faults:?} {interval:?}")
}

/// Returns a line for each suite that has official targets: the figures of the run beside them.
pub(super) fn lines(suites: &[Suite], finished: &Finished) -> Vec<String> {
    let metrics = Metrics::read(&finished.results.to_edn(), &finished.history);
    let lines = suites
        .iter()
        .filter_map(|suite| beside_official_targets(suite, &metrics));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;
    use crate::cli::workload_args::parse_test;
    use crate::edn;

    fn names(options: &str) -> Vec<String> {
        let bench = Workbench::new();
        let words = ["--bin", "node"].into_iter().chain(options.split(' '));
        let options = parse_test(words.map(Into::into), &bench.workloads).unwrap();
        let suites = suites_of(&options.plan(&bench).unwrap(), &bench);
        suites.into_iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn test_with_official_options_is_recognised_whatever_their_order() {
        let official =
            names("--rate 100 -w broadcast --latency 100 --node-count 25 --time-limit 20");
        assert!(
            official.contains(&"broadcast-3d".to_owned()),
            "{official:?}"
        );
        assert!(names("-w broadcast --node-count 25").is_empty());
    }

    #[test]
    fn figures_stand_beside_official_targets() {
        let suite = &Suite::named("broadcast-3d").unwrap()[0];
        let results = edn::parse(
            "{:valid? true, :net {:servers {:msgs-per-op 24.0}},
              :workload {:stable-latencies {0.5 412, 1 590}}}",
        );
        let metrics = Metrics::read(&results.unwrap(), &history(""));
        assert_eq!(
            beside_official_targets(suite, &metrics).unwrap(),
            "official targets of broadcast-3d: msgs/op 24.00 ≤ 30.00 ✓, median ms 412 ≤ 400 ✗ \
             MISSED, max ms 590 ≤ 600 ✓"
        );
        let without = &Suite::named("echo").unwrap()[0];
        assert_eq!(beside_official_targets(without, &metrics), None);
    }
}
