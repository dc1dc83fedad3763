//! Echo, as it must behave.

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

/// Challenge 1, with three nodes. They say nothing to each other, so there is nothing to be cut.
#[test]
fn every_client_hears_its_own_words_whatever_happens_between_nodes() {
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

/// Thirty clients, most of whose words are on their way at the same time.
#[test]
fn nobody_hears_the_words_of_another() {
    for_each_seed(|seed| {
        let run = nodes(seed, 1).run(load().rate(1000.0).concurrency(30));
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
    });
}

/// A node without state has lost nothing when it comes back.
#[test]
fn who_is_killed_answers_again_at_once() {
    for_each_seed(|seed| {
        let kill = Kill::of(Target::Node(1)).between(secs(3), secs(4));
        let run = nodes(seed, 3).nemesis(kill).run(load());
        run.assert_valid();
        assert_eq!(run.kills(), 1);
        let mut late = 0;
        for (words, answer) in run.history().pairs().filter(|(op, _)| op.is_client()) {
            if words.time < secs(3) - ms(1) || words.time > secs(4) {
                let answer = answer.expect("every operation ends");
                assert_eq!(answer.kind, eddy::history::Kind::Ok, "{answer:?}");
                late += usize::from(words.time > secs(4));
            }
        }
        assert!(late > 300, "only {late} words were said after the restart");
    });
}

#[test]
fn who_is_paused_answers_late_and_rightly() {
    for_each_seed(|seed| {
        let pause = Pause::of(Target::Node(1)).between(secs(3), secs(5));
        let run = nodes(seed, 3).nemesis(pause).run(load());
        run.assert_valid();
        assert_eq!(run.pauses(), 1);
        assert_eq!(run.ok_fraction(), 1.0);
        let longest = run.latency_of("echo", 1.0);
        // Who was asked soon after it fell asleep answers when it wakes up.
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
fn no_mixture_of_faults_changes_a_word() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
