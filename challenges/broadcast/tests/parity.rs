//! Simulation and real processes give the same verdict and the same cost for the same options.

use broadcast::flood::{Flood, Graph};
use broadcast::{Broadcast, Windows};
use eddy::Test;
use eddy::check::Verdict;
use eddy::net::Latency;
use eddy::simulation::{Run, ms, secs};
use eddy::workload;
use glomers::{Context, IntoNode};

/// The greatest relative difference between the two figures that counts as equal.
const TOLERANCE: f64 = 0.10;

/// Runs the same load in simulation and on real processes. The load is small enough for a busy
/// machine, and the links are so slow that a process that is scheduled late makes no difference.
fn both<M: IntoNode + 'static>(
    make: impl Fn(&Context) -> M + Clone + 'static,
    arguments: &[&str],
) -> (Run, Run) {
    let test = || {
        Test::new(workload::Broadcast)
            .seed(11)
            .node_count(5)
            .latency(Latency::constant(ms(100)))
            .rate(40.0)
            .time_limit(secs(5))
    };
    let program = env!("CARGO_BIN_EXE_broadcast");
    let real = test().command(program, arguments.iter().copied()).run();
    let simulated = test().simulated(make).run();
    (
        simulated.expect("the options fit together"),
        real.expect("the program can be started"),
    )
}

fn assert_equal((simulated, real): (Run, Run)) {
    for run in [&simulated, &real] {
        assert!(run.failure().is_none(), "{:?}", run.failure());
        assert_eq!(run.protocol_violations(), 0);
    }
    assert_eq!(simulated.verdict(), Verdict::Valid);
    assert_eq!(real.verdict(), simulated.verdict());
    let figures = [
        (
            "operations",
            (|run| run.operations() as f64) as fn(&Run) -> f64,
        ),
        ("messages per operation", Run::messages_per_op),
    ];
    for (name, figure) in figures {
        let (simulated, real) = (figure(&simulated), figure(&real));
        eprintln!("{name}: {simulated:.3} simulated, {real:.3} real");
        assert!(
            (real - simulated).abs() <= TOLERANCE * simulated,
            "{name}: {simulated} simulated, {real} real"
        );
    }
}

/// Every value crosses every edge of a tree once and is acknowledged, so the cost does not depend on
/// time.
#[test]
fn tree_costs_the_same_on_real_processes() {
    let tree = |cx: &Context| Flood::new(cx, Graph::Tree, true);
    assert_equal(both(tree, &["--strategy", "tree"]));
}

/// The cost of rounds depends on the clock.
#[test]
fn rounds_cost_the_same_on_real_processes() {
    let rounds = |cx: &Context| Broadcast::new(cx, Windows::balanced());
    assert_equal(both(
        rounds,
        &["--strategy", "rounds", "--profile", "balanced"],
    ));
}
