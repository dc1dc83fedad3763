//! Unique ids, as they must behave: with the challenge's options, and when clocks are wrong, and
//! nodes die.

use std::time::Duration;

use eddy::edn::Value;
use eddy::history::Kind;
use eddy::nemesis::{ClockSkew, Fault, Kill, Partition, Pause, Target};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{
    Configuration, FaultKind, Load, Run, Simulation, Swarm, for_each_seed, for_seeds, ms, secs,
};
use eddy::workload;
use unique_ids::UniqueIds;

fn nodes(seed: Seed) -> Simulation {
    Simulation::new(seed)
        .nodes(3, UniqueIds::new)
        .latency(Latency::exponential(ms(100)))
}

fn load() -> Load {
    Load::of(workload::UniqueIds)
        .rate(300.0)
        .time_limit(secs(10))
}

fn assert_began(run: &Run, fault: &str) {
    let mut faults = run.history().iter().map(|op| &op.f);
    assert!(faults.any(|f| f == fault), "{fault} never happened");
}

/// An id, and when it was asked for and given.
struct Issued<'a> {
    asked: Duration,
    given: Duration,
    id: &'a Value,
}

fn issued(run: &Run) -> Vec<Issued<'_>> {
    let pairs = run.history().pairs().filter(|(op, _)| op.is_client());
    let given = pairs.filter_map(|(asked, given)| {
        let given = given.filter(|given| given.kind == Kind::Ok)?;
        Some(Issued {
            asked: asked.time,
            given: given.time,
            id: &given.value,
        })
    });
    given.collect()
}

/// As long as clocks agree (they show whole milliseconds), an id is greater than all that were given
/// before it was asked for, by whichever node.
fn assert_sorted_by_time(run: &Run) {
    let by_asking = issued(run);
    let mut by_giving: Vec<&Issued> = by_asking.iter().collect();
    by_giving.sort_by_key(|issued| issued.given);
    let mut before = by_giving.into_iter().peekable();
    let mut greatest = None;
    let mut compared = 0;
    for issued in &by_asking {
        while let Some(earlier) = before.next_if(|it| it.given + ms(2) <= issued.asked) {
            greatest = greatest.max(Some(earlier.id));
        }
        compared += usize::from(greatest.is_some());
        assert!(
            greatest < Some(issued.id),
            "{} came after {greatest:?}",
            issued.id
        );
    }
    assert!(compared > 1000, "only {compared} ids came after another");
}

/// Challenge 2, with its own options.
#[test]
fn a_partition_keeps_nobody_from_issuing_ids_that_sort_by_time() {
    for_seeds(3, |seed| {
        let run = nodes(seed)
            .nemesis(Partition::any().every(secs(10)))
            .run(load().rate(1000.0).time_limit(secs(30)));
        run.assert_valid();
        assert_began(&run, "start-partition");
        assert_eq!(run.ok_fraction(), 1.0);
        assert_sorted_by_time(&run);
    });
}

#[test]
fn nodes_say_nothing_to_each_other() {
    for_each_seed(|seed| {
        let run = nodes(seed).run(load());
        run.assert_valid();
        assert_eq!(run.journal().servers.sent, 0);
    });
}

/// Clocks are off by seconds, and change every other moment, which takes them back as often as
/// forth.
#[test]
fn ids_are_unique_while_clocks_step_back() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(ClockSkew::up_to_ms(3000).every(ms(300)))
            .run(load());
        run.assert_valid();
        assert_began(&run, "bump-clock");
        assert_eq!(run.ok_fraction(), 1.0);
        let ids = issued(&run);
        let steps = ids
            .windows(2)
            .filter(|pair| pair[0].id > pair[1].id)
            .count();
        assert!(steps > 100, "ids of several nodes differ by their clocks");
    });
}

/// Nodes forget what they have issued, and come back to a clock that shows the same time again.
#[test]
fn who_is_killed_and_comes_back_to_an_earlier_time_repeats_nothing() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Kill::of(Target::Minority).every(ms(500)))
            .nemesis(ClockSkew::up_to_ms(500).every(ms(300)))
            .run(load());
        run.assert_valid();
        assert!(run.kills() > 5, "{} kills", run.kills());
        assert_began(&run, "bump-clock");
    });
}

#[test]
fn who_is_killed_issues_ids_that_sort_by_time_when_it_is_back() {
    for_each_seed(|seed| {
        let run = nodes(seed).nemesis(Kill::one().every(ms(500))).run(load());
        run.assert_valid();
        assert!(run.kills() > 5, "{} kills", run.kills());
        assert_sorted_by_time(&run);
    });
}

/// Who wakes up issues what it was asked for while it slept, at the time at which it woke.
#[test]
fn who_is_paused_answers_late_and_in_order() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Pause::one().every(secs(1)))
            .run(load().fault_free_tail(secs(1)));
        run.assert_valid();
        assert!(run.pauses() > 2, "{} pauses", run.pauses());
        assert_eq!(run.ok_fraction(), 1.0);
        assert_sorted_by_time(&run);
    });
}

fn swarm() -> Swarm {
    Swarm::of(workload::UniqueIds)
        .rate(100.0..=1000.0)
        .without(&FaultKind::OF_LINKS)
}

fn run(drawn: &Configuration) -> Run {
    let simulation = drawn.simulation().nodes(drawn.nodes, UniqueIds::new);
    simulation.run(drawn.load())
}

#[test]
fn no_mixture_of_faults_makes_an_id_repeat() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
