//! Specification of both implementations of txn-list-append: strict serializability under faults, and
//! the cost of transactions.

mod swarm;
mod wire;

use std::time::Duration;

use eddy::history::{Kind, Operation};
use eddy::nemesis::{
    ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Schedule,
    Target,
};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, for_seeds, ms, secs};
use eddy::workload;
use glomers::Context;
use raft::{Disks, Options};
use txn_list_append::{OnLog, OnRoot, REQUEST_TIMEOUT};

/// Time without faults at the end of a run.
const FAULT_FREE_TAIL: Duration = secs(6);

/// Time after the last fault within which the cluster recovers.
const RECOVERY: Duration = secs(2);

/// Duration of a run.
const TIME_LIMIT: Duration = secs(20);

fn on_log(disks: &Disks) -> impl Fn(&Context) -> glomers::Result<OnLog> + Clone + use<> {
    let disks = disks.clone();
    move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        OnLog::new(cx, disk, Options::with_request_timeout(REQUEST_TIMEOUT))
    }
}

fn on_root(_: &Context) -> OnRoot {
    OnRoot::default()
}

/// Returns the load `--rate 100`, checked for strict serializability, which is the default.
fn load() -> Load {
    Load::of(workload::TxnListAppend)
        .rate(100.0)
        .time_limit(TIME_LIMIT)
}

/// Prints one line about a run for the README.
fn print_figures(scenario: &str, run: &Run) {
    eprintln!(
        "{scenario}: {:?} median, {:?} p99, {:.2} msgs/op, ok {:.3}",
        run.latency_of("txn", 0.5),
        run.latency_of("txn", 0.99),
        run.messages_per_op(),
        run.ok_fraction(),
    );
}

/// Returns the outcomes of the transactions that began at `from` or later.
fn outcomes(run: &Run, from: Duration) -> impl Iterator<Item = &Operation> {
    let pairs = run.history().pairs();
    let late = pairs.filter(move |(it, _)| it.is_client() && it.time >= from);
    late.filter_map(|(_, completion)| completion)
}

/// Runs five nodes under faults and asserts that the run is valid and the cluster recovers.
fn run_with_faults(seed: Seed, faults: Vec<Schedule>) -> Run {
    let simulation = Simulation::new(seed)
        .nodes(5, on_log(&Disks::new(ms(2))))
        .latency(Latency::exponential(ms(10)));
    let simulation = faults.into_iter().fold(simulation, Simulation::nemesis);
    let run = simulation.run(load().concurrency(10).fault_free_tail(FAULT_FREE_TAIL));
    run.assert_valid();
    assert_eq!(run.protocol_violations(), 0);
    let late: Vec<_> = outcomes(&run, TIME_LIMIT - FAULT_FREE_TAIL + RECOVERY).collect();
    assert!(late.len() > 200, "too few transactions after recovery");
    let lost = late.iter().find(|outcome| outcome.kind != Kind::Ok);
    assert_eq!(lost, None, "the cluster has not recovered");
    run
}

/// The official options: two nodes, no latency.
#[test]
fn transaction_on_log_of_two_nodes_takes_at_most_three_messages() {
    for_each_seed(|seed| {
        let nodes = on_log(&Disks::default());
        let run = Simulation::new(seed).nodes(2, nodes).run(load());
        print_figures("log, 2 nodes", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 3.0);
        assert!(run.latency_of("txn", 0.99) <= ms(1));
    });
}

#[test]
fn transaction_on_log_of_five_nodes_takes_at_most_ten_messages() {
    for_each_seed(|seed| {
        let nodes = on_log(&Disks::default());
        let run = Simulation::new(seed).nodes(5, nodes).run(load());
        print_figures("log, 5 nodes", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 10.0);
    });
}

/// All messages are those to and from the service.
#[test]
fn transaction_on_root_of_two_nodes_takes_at_most_ten_messages() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed).nodes(2, on_root).run(load());
        print_figures("root, 2 nodes", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 10.0);
    });
}

/// Transactions that arrive during a swap are committed together by the next one.
#[test]
fn concurrent_transactions_on_root_share_a_swap() {
    for_seeds(5, |seed| {
        let run = Simulation::new(seed)
            .nodes(2, on_root)
            .latency(Latency::constant(ms(10)))
            .run(load().concurrency(20));
        print_figures("root, 2 nodes, 20 clients, 10 ms", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 4.0);
    });
}

/// A partition between nodes does not cut off the service, the only peer of these nodes.
#[test]
fn partition_between_nodes_has_no_effect_on_root() {
    for_seeds(5, |seed| {
        let run = Simulation::new(seed)
            .nodes(5, on_root)
            .latency(Latency::constant(ms(2)))
            .nemesis(Partition::halves().every(secs(3)))
            .run(load().rate(30.0));
        print_figures("root, 5 nodes, partitions", &run);
        run.assert_valid();
        let cuts = run.history().iter().filter(|op| op.f == "start-partition");
        assert!(cuts.count() > 0, "nothing was cut");
        assert_eq!(run.ok_fraction(), 1.0);
    });
}

#[test]
fn majority_on_log_stays_available_under_partitions() {
    for_each_seed(|seed| {
        let kinds = [
            PartitionKind::One,
            PartitionKind::Majority,
            PartitionKind::MajoritiesRing,
        ];
        let run = run_with_faults(seed, vec![Partition::of(kinds).every(secs(5))]);
        print_figures("log, 5 nodes, partitions", &run);
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert!(run.ok_fraction() > 0.9);
    });
}

#[test]
fn acknowledged_transactions_on_log_survive_kills_of_a_minority() {
    for_each_seed(|seed| {
        let run = run_with_faults(seed, vec![Kill::of(Target::Minority).every(secs(2))]);
        print_figures("log, kills", &run);
        assert!(run.kills() > 0, "no node was killed");
    });
}

#[test]
fn all_faults_at_once_preserve_strict_serializability() {
    for_each_seed(|seed| {
        let faults = vec![
            Kill::of(Target::Minority).every(secs(2)),
            Pause::one().every(secs(2)),
            Partition::one_way().every(secs(2)),
            Partition::any().every(secs(3)),
            ClockSkew::up_to_ms(1000).every(secs(3)),
            Loss::of(0.05).always(),
            Duplication::of(0.05).always(),
            Delays::of(0.05, ms(500)).always(),
        ];
        let run = run_with_faults(seed, faults);
        print_figures("log, everything", &run);
        let net = run.net();
        for count in [net.dropped, net.lost, net.duplicated, net.delayed] {
            assert!(count > 0, "{net:?}");
        }
        assert!(
            run.kills() > 0 && run.pauses() > 0,
            "no node was killed, or none was paused"
        );
    });
}

#[test]
fn same_seed_gives_same_messages() {
    let run = |seed: u64| {
        Simulation::new(seed)
            .nodes(3, on_log(&Disks::new(ms(2))))
            .latency(Latency::exponential(ms(5)))
            .nemesis(Kill::one().every(secs(2)))
            .record_all_messages()
            .run(load().time_limit(secs(5)))
    };
    let (one, other) = (run(7), run(7));
    assert!(one.kills() > 0, "no node was killed");
    assert!(one.journal().events() == other.journal().events());
    assert!(one.journal().events() != run(8).journal().events());
}
