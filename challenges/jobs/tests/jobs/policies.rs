//! Every policy under each fault: each job runs once, and its worker is named.

use eddy::simulation::{Run, for_seeds, secs};
use jobs::policy::Kind;

use crate::cluster::{Scenario, analysis, cluster, load};

/// Runs every policy: valid, and the fault has occurred.
fn all_survive(scenario: Scenario, has_hit: fn(&Run) -> bool) {
    for_seeds(2, |seed| {
        for policy in Kind::ALL {
            let load = load(scenario, 0.5).time_limit(secs(12));
            let run = cluster(seed, policy, scenario).run(load);
            run.assert_valid();
            assert!(has_hit(&run), "{policy:?}: the fault has not occurred");
        }
    });
}

#[test]
fn quiet_cluster_runs_every_job_once_by_every_policy() {
    all_survive(Scenario::Equal, |run| run.ok_fraction() == 1.0);
    all_survive(Scenario::Unequal, |run| run.ok_fraction() == 1.0);
}

#[test]
fn slow_worker_delays_jobs_and_repeats_none() {
    all_survive(Scenario::Slow, |run| run.ok_fraction() == 1.0);
}

#[test]
fn killed_worker_loses_no_acknowledged_job() {
    all_survive(Scenario::Kill, |run| run.kills() > 0);
}

#[test]
fn partitioned_workers_run_jobs_at_most_once_beyond_the_fault() {
    all_survive(Scenario::Partition, |run| run.net().dropped > 0);
}

#[test]
fn paused_worker_runs_jobs_at_most_once_beyond_the_fault() {
    all_survive(Scenario::Pause, |run| run.pauses() > 0);
}

#[test]
fn best_is_near_the_reference_schedulers_without_kills() {
    let of = |scenario, loads: &[f64]| loads.iter().map(|share| (scenario, *share)).collect();
    let columns: [Vec<(Scenario, f64)>; 3] = [
        of(Scenario::Equal, &[0.3, 0.7, 0.9]),
        of(Scenario::Unequal, &[0.3, 0.7, 0.9]),
        // At 90 % a slow node makes more work arrive than can be done.
        of(Scenario::Slow, &[0.3, 0.7]),
    ];
    for_seeds(1, |seed| {
        for (scenario, share) in columns.iter().flatten().copied() {
            let run = cluster(seed, Kind::Best, scenario).run(load(scenario, share));
            run.assert_valid();
            let analysis = analysis(&run);
            let to_ideal = analysis.ratio_to_ideal().expect("jobs ran");
            let to_central = analysis.ratio_to_central().expect("jobs ran");
            if share == 0.3 {
                assert!(to_ideal <= 1.5, "{scenario:?}, load {share}: {to_ideal}");
            }
            let is_near = to_central <= 1.5;
            assert!(is_near, "{scenario:?}, load {share}: {to_central}");
        }
    });
}
