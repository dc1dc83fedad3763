//! The specification of unique ids, in simulation: the challenge's options, wrong clocks, and killed
//! and paused nodes.

mod ids;

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

/// An id with the times of its request and its reply.
struct Issued<'a> {
    invoked: Duration,
    completed: Duration,
    id: &'a Value,
}

fn issued(run: &Run) -> Vec<Issued<'_>> {
    let pairs = run.history().pairs().filter(|(op, _)| op.is_client());
    let issued = pairs.filter_map(|(invocation, completion)| {
        let completion = completion.filter(|op| op.kind == Kind::Ok)?;
        Some(Issued {
            invoked: invocation.time,
            completed: completion.time,
            id: &completion.value,
        })
    });
    issued.collect()
}

/// Asserts that an id is greater than all ids that any node returned before it was requested, up to
/// the resolution of the clocks, a millisecond each.
fn assert_sorted_by_time(run: &Run) {
    let by_invocation = issued(run);
    let mut by_completion: Vec<&Issued> = by_invocation.iter().collect();
    by_completion.sort_by_key(|issued| issued.completed);
    let mut before = by_completion.into_iter().peekable();
    let mut greatest = None;
    let mut compared = 0;
    for issued in &by_invocation {
        while let Some(earlier) = before.next_if(|it| it.completed + ms(2) <= issued.invoked) {
            greatest = greatest.max(Some(earlier.id));
        }
        compared += usize::from(greatest.is_some());
        assert!(
            greatest < Some(issued.id),
            "{} came after {greatest:?}",
            issued.id
        );
    }
    assert!(compared > 1000, "only {compared} ids were compared");
}

/// Challenge 2, with its own options.
#[test]
fn partition_does_not_affect_availability_or_order() {
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
fn nodes_send_no_messages_to_each_other() {
    for_each_seed(|seed| {
        let run = nodes(seed).run(load());
        run.assert_valid();
        assert_eq!(run.journal().servers.sent, 0);
    });
}

/// Clocks are off by seconds and change often, backwards as often as forwards.
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
        assert!(steps > 100, "clocks hardly differ: {steps} steps back");
    });
}

/// Restarted nodes do not know which ids they issued, and their clocks show the same times again.
#[test]
fn node_restarted_at_an_earlier_time_repeats_no_id() {
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
fn restarted_node_issues_ids_that_sort_by_time() {
    for_each_seed(|seed| {
        let run = nodes(seed).nemesis(Kill::one().every(ms(500))).run(load());
        run.assert_valid();
        assert!(run.kills() > 5, "{} kills", run.kills());
        assert_sorted_by_time(&run);
    });
}

/// A resumed node answers the requests that arrived during the pause with the present time.
#[test]
fn paused_node_answers_in_order_after_resuming() {
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
fn random_faults_repeat_no_id() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
