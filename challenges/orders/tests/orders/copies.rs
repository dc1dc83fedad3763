//! Primary copies without consensus: right while nothing fails, wrong in partitions and crashes.

use std::collections::BTreeSet;

use eddy::check::Analysis;
use eddy::nemesis::{Fault, Kill, Partition, Schedule};
use eddy::simulation::{Run, secs};
use eddy::workload::OrdersAnalysis;
use orders::Options;

use crate::cluster::{Strategy, cluster, load};

/// Returns the kinds of anomalies of a run.
fn anomalies(run: &Run) -> BTreeSet<String> {
    assert!(run.failure().is_none(), "{:?}", run.failure());
    let analysis: Option<&OrdersAnalysis> = run.results().workload_as();
    let findings = analysis.expect("the workload is orders").findings();
    findings
        .into_iter()
        .map(|finding| finding.anomaly)
        .collect()
}

/// Returns the kinds of anomalies in runs from a few seeds under a fault. Prints what the checker
/// says.
fn anomalies_under(strategy: Strategy, fault: fn() -> Schedule) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for seed in 0..3 {
        let run = cluster(seed, strategy, Options::default())
            .nemesis(fault())
            .run(load());
        let explanation = run.results().explanation().unwrap_or_default();
        eprintln!("{strategy:?}, seed {seed}:\n{explanation}\n");
        all.extend(anomalies(&run));
    }
    all
}

fn assert_contains(anomalies: &BTreeSet<String>, kinds: &[&str]) {
    for kind in kinds {
        assert!(anomalies.contains(*kind), "no {kind} in {anomalies:?}");
    }
}

#[test]
fn quiet_cluster_serves_every_request() {
    for strategy in [Strategy::Bully, Strategy::Ring] {
        cluster(1, strategy, Options::default())
            .run(load())
            .assert_valid();
    }
}

#[test]
fn bully_oversells_and_loses_payments_in_partitions() {
    let partition = || Partition::halves().every(secs(3));
    let anomalies = anomalies_under(Strategy::Bully, partition);
    assert_contains(
        &anomalies,
        &["oversold", "decision-changed", "lost-payment"],
    );
}

#[test]
fn ring_oversells_and_loses_payments_in_partitions() {
    let partition = || Partition::halves().every(secs(3));
    let anomalies = anomalies_under(Strategy::Ring, partition);
    assert_contains(&anomalies, &["oversold", "lost-payment"]);
}

#[test]
fn ring_loses_orders_when_replicas_restart() {
    let anomalies = anomalies_under(Strategy::Ring, || Kill::one().every(secs(2)));
    assert_contains(&anomalies, &["lost-order"]);
}
