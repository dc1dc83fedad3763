//! Txn-list-append, as it must behave, both ways: strictly serializable whatever goes wrong, and at
//! what cost.

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
use txn_list_append::{OnLog, OnRoot, PATIENCE};

/// At the end of a run nothing goes wrong for so long,
const CALM: Duration = secs(6);

/// and after so much of it everything works again.
const RECOVERY: Duration = secs(2);

/// A run's main phase.
const LASTING: Duration = secs(20);

fn on_log(disks: &Disks) -> impl Fn(&Context) -> glomers::Result<OnLog> + Clone + use<> {
    let disks = disks.clone();
    move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        OnLog::new(cx, disk, Options::patience(PATIENCE))
    }
}

fn on_root(_: &Context) -> OnRoot {
    OnRoot::default()
}

/// `--rate 100`. The checker holds it to strict serializability, which is the default.
fn load() -> Load {
    Load::of(workload::TxnListAppend)
        .rate(100.0)
        .time_limit(LASTING)
}

fn tell(scenario: &str, run: &Run) {
    eprintln!(
        "{scenario}: {:?} median, {:?} p99, {:.2} msgs/op, ok {:.3}",
        run.latency_of("txn", 0.5),
        run.latency_of("txn", 0.99),
        run.messages_per_op(),
        run.ok_fraction(),
    );
}

/// The transactions that began at `from` or later, with their outcomes.
fn outcomes(run: &Run, from: Duration) -> impl Iterator<Item = &Operation> {
    let pairs = run.history().pairs();
    let late = pairs.filter(move |(it, _)| it.is_client() && it.time >= from);
    late.filter_map(|(_, completion)| completion)
}

/// A run on five nodes in which all this goes wrong: valid, and recovered at its end.
fn survives(seed: Seed, faults: Vec<Schedule>) -> Run {
    let simulation = Simulation::new(seed)
        .nodes(5, on_log(&Disks::new(ms(2))))
        .latency(Latency::exponential(ms(10)));
    let simulation = faults.into_iter().fold(simulation, Simulation::nemesis);
    let run = simulation.run(load().concurrency(10).fault_free_tail(CALM));
    run.assert_valid();
    assert_eq!(run.protocol_violations(), 0);
    let late: Vec<_> = outcomes(&run, LASTING - CALM + RECOVERY).collect();
    assert!(late.len() > 200, "hardly anything was asked for");
    let lost = late.iter().find(|outcome| outcome.kind != Kind::Ok);
    assert_eq!(lost, None, "it has not recovered");
    run
}

/// The official options: two nodes, no latency.
#[test]
fn on_the_log_two_nodes_need_less_than_three_messages_for_a_transaction() {
    for_each_seed(|seed| {
        let nodes = on_log(&Disks::default());
        let run = Simulation::new(seed).nodes(2, nodes).run(load());
        tell("log, 2 nodes", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 3.0);
        assert!(run.latency_of("txn", 0.99) <= ms(1));
    });
}

#[test]
fn on_the_log_five_nodes_need_ten_messages_for_a_transaction() {
    for_each_seed(|seed| {
        let nodes = on_log(&Disks::default());
        let run = Simulation::new(seed).nodes(5, nodes).run(load());
        tell("log, 5 nodes", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 10.0);
    });
}

/// A pointer in a service, instead of a log. All messages are the service's.
#[test]
fn on_the_root_two_nodes_are_strictly_serializable_too() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed).nodes(2, on_root).run(load());
        tell("root, 2 nodes", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 10.0);
    });
}

/// What waits while a swap is under way is committed by the next one together.
#[test]
fn on_the_root_many_transactions_share_a_swap() {
    for_seeds(5, |seed| {
        let run = Simulation::new(seed)
            .nodes(2, on_root)
            .latency(Latency::constant(ms(10)))
            .run(load().concurrency(20));
        tell("root, 2 nodes, 20 clients, 10 ms", &run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 4.0);
    });
}

/// A partition between nodes is none to the service, or to those who only talk to it.
#[test]
fn on_the_root_a_partition_is_not_noticed() {
    for_seeds(5, |seed| {
        let run = Simulation::new(seed)
            .nodes(5, on_root)
            .latency(Latency::constant(ms(2)))
            .nemesis(Partition::halves().every(secs(3)))
            .run(load().rate(30.0));
        tell("root, 5 nodes, partitions", &run);
        run.assert_valid();
        let cuts = run.history().iter().filter(|op| op.f == "start-partition");
        assert!(cuts.count() > 0, "nothing was cut");
        assert_eq!(run.ok_fraction(), 1.0);
    });
}

#[test]
fn on_the_log_a_partition_leaves_the_majority_at_work() {
    for_each_seed(|seed| {
        let kinds = [
            PartitionKind::One,
            PartitionKind::Majority,
            PartitionKind::MajoritiesRing,
        ];
        let run = survives(seed, vec![Partition::of(kinds).every(secs(5))]);
        tell("log, 5 nodes, partitions", &run);
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert!(run.ok_fraction() > 0.9);
    });
}

#[test]
fn what_was_acknowledged_survives_the_death_of_a_minority() {
    for_each_seed(|seed| {
        let run = survives(seed, vec![Kill::of(Target::Minority).every(secs(2))]);
        tell("log, kills", &run);
        assert!(run.kills() > 0, "nobody was killed");
    });
}

#[test]
fn all_of_it_at_once_is_survived() {
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
        let run = survives(seed, faults);
        tell("log, everything", &run);
        let net = run.net();
        for count in [net.dropped, net.lost, net.duplicated, net.delayed] {
            assert!(count > 0, "{net:?}");
        }
        assert!(run.kills() > 0 && run.pauses() > 0, "nobody was struck");
    });
}

#[test]
fn a_seed_determines_every_message() {
    let run = |seed: u64| {
        Simulation::new(seed)
            .nodes(3, on_log(&Disks::new(ms(2))))
            .latency(Latency::exponential(ms(5)))
            .nemesis(Kill::one().every(secs(2)))
            .record_all_messages()
            .run(load().time_limit(secs(5)))
    };
    let (one, other) = (run(7), run(7));
    assert!(one.kills() > 0, "nobody was killed");
    assert!(one.journal().events() == other.journal().events());
    assert!(one.journal().events() != run(8).journal().events());
}
