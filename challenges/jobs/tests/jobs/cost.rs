//! What balancing costs in messages.

use eddy::simulation::{Load, for_seeds, secs};
use eddy::workload;
use jobs::policy::Kind;

use crate::cluster::{NODES, Scenario, cluster, load};

#[test]
fn quiet_cluster_sends_only_its_capacities() {
    for_seeds(1, |seed| {
        // At a rate of 0 no jobs arrive.
        let load = Load::of(workload::Jobs).rate(0.0).time_limit(secs(20));
        let run = cluster(seed, Kind::Best, Scenario::Unequal).run(load);
        assert_eq!(run.journal().servers.sent, (NODES * (NODES - 1)) as u64);
    });
}

#[test]
fn job_costs_two_messages_or_a_little_more() {
    for_seeds(1, |seed| {
        let run = cluster(seed, Kind::Best, Scenario::Equal).run(load(Scenario::Equal, 0.7));
        let messages = run.messages_per_op();
        assert!(messages < 2.2, "{messages}");
    });
}
