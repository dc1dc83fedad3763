//! The simulation and the real thing: from the same options the same verdict, and the same cost.

use std::path::Path;

use broadcast::flood::{Flood, Graph};
use broadcast::{Broadcast, Windows};
use eddy::check::Verdict;
use eddy::host::Command;
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::{Context, IntoNode};

/// So much may figures differ.
const TOLERANCE: f64 = 0.10;

/// Few enough operations for a machine that has other things to do, on links that are slow enough
/// for its moods not to matter.
fn both<M: IntoNode + 'static>(
    make: impl Fn(&Context) -> M + Clone + 'static,
    arguments: &[&str],
) -> (Run, Run) {
    let simulation = || {
        Simulation::new(11)
            .nodes(5, make.clone())
            .latency(Latency::constant(ms(100)))
    };
    let load = || {
        Load::of(workload::Broadcast)
            .rate(20.0)
            .time_limit(secs(10))
    };
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    let program = Path::new(env!("CARGO_BIN_EXE_broadcast"));
    let command = Command::new(program, arguments.collect()).expect("the binary is built");
    let logs = tempfile::tempdir().expect("a temporary directory can be made");
    let real = simulation().run_processes(load(), command, &logs.path().join("node-logs"));
    (simulation().run(load()), real.expect("logs can be written"))
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

/// Every value crosses every edge of a tree once, and is acknowledged: nothing to do with time.
#[test]
fn a_tree_costs_the_same_on_real_processes() {
    let tree = |cx: &Context| Flood::new(cx, Graph::Tree, true);
    assert_equal(both(tree, &["--strategy", "tree"]));
}

/// Rounds depart by the clock.
#[test]
fn rounds_cost_the_same_on_real_processes() {
    let rounds = |cx: &Context| Broadcast::new(cx, Windows::balanced());
    assert_equal(both(
        rounds,
        &["--strategy", "rounds", "--profile", "balanced"],
    ));
}
