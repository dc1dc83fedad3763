//! The specification of echo, in simulation.

use echo::Echo;
use eddy::nemesis::{Fault, Kill, Partition, Pause, Target};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{
    Configuration, FaultKind, Load, Run, Simulation, Swarm, for_each_seed, ms, secs,
};
use eddy::workload;
use glomers::Context;

fn nodes(seed: Seed, count: usize) -> Simulation {
    Simulation::new(seed)
        .nodes(count, |_: &Context| Echo)
        .latency(Latency::exponential(ms(100)))
}

fn load() -> Load {
    Load::of(workload::Echo).rate(100.0).time_limit(secs(10))
}

/// Challenge 1, with three nodes. They do not communicate, so a partition cuts nothing.
#[test]
fn partition_does_not_affect_replies() {
    for_each_seed(|seed| {
        let run = nodes(seed, 3)
            .nemesis(Partition::any().every(secs(2)))
            .run(load());
        run.assert_valid();
        let mut faults = run.history().iter().map(|op| &op.f);
        assert!(faults.any(|f| f == "start-partition"), "no partition");
        assert_eq!(run.ok_fraction(), 1.0);
        assert_eq!(run.messages_per_op(), 0.0);
    });
}

/// Runs thirty clients with many requests in flight at once.
#[test]
fn concurrent_clients_get_their_own_values() {
    for_each_seed(|seed| {
        let run = nodes(seed, 1).run(load().rate(1000.0).concurrency(30));
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
    });
}

/// A node without state loses nothing when it is killed.
#[test]
fn killed_node_answers_after_restart() {
    for_each_seed(|seed| {
        let kill = Kill::of(Target::Node(1)).between(secs(3), secs(4));
        let run = nodes(seed, 3).nemesis(kill).run(load());
        run.assert_valid();
        assert_eq!(run.kills(), 1);
        let mut late = 0;
        for (request, reply) in run.history().pairs().filter(|(op, _)| op.is_client()) {
            if request.time < secs(3) - ms(1) || request.time > secs(4) {
                let reply = reply.expect("every operation ends");
                assert_eq!(reply.kind, eddy::history::Kind::Ok, "{reply:?}");
                late += usize::from(request.time > secs(4));
            }
        }
        assert!(late > 300, "only {late} requests came after the restart");
    });
}

#[test]
fn paused_node_answers_after_resuming() {
    for_each_seed(|seed| {
        let pause = Pause::of(Target::Node(1)).between(secs(3), secs(5));
        let run = nodes(seed, 3).nemesis(pause).run(load());
        run.assert_valid();
        assert_eq!(run.pauses(), 1);
        assert_eq!(run.ok_fraction(), 1.0);
        let longest = run.latency_of("echo", 1.0);
        // A request from the beginning of the pause is answered at its end.
        assert!(longest > ms(1500) && longest <= ms(2001), "{longest:?}");
    });
}

fn swarm() -> Swarm {
    Swarm::of(workload::Echo).without(&FaultKind::OF_LINKS)
}

fn run(drawn: &Configuration) -> Run {
    let simulation = drawn.simulation().nodes(drawn.nodes, |_: &Context| Echo);
    simulation.run(drawn.load())
}

#[test]
fn random_faults_change_no_value() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
