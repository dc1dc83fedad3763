//! Prints the figures of the README: messages between nodes, and anomalies that clients see.
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use eddy::check::txn::rw_register;
use eddy::check::{Analysis as _, Verdict};
use eddy::nemesis::{Fault, Partition};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::Context;
use txn_rw_register::Registers;

/// The parameters of a run.
struct Setting {
    nodes: usize,
    round_ms: u64,
    latency_ms: u64,
    partition: bool,
}

fn run(setting: &Setting) -> Run {
    let &Setting {
        nodes,
        round_ms,
        latency_ms,
        partition,
    } = setting;
    let mut simulation = Simulation::new(Seed(0))
        .nodes(nodes, move |cx: &Context| Registers::new(cx, ms(round_ms)))
        .latency(Latency::constant(ms(latency_ms)));
    if partition {
        simulation = simulation.nemesis(Partition::halves().every(secs(10)));
    }
    let load = Load::of(workload::TxnRwRegister).consistency_model("monotonic-atomic-view");
    let load = load.rate(1000.0).concurrency(2 * nodes);
    simulation.run(load.time_limit(secs(20)))
}

fn main() {
    println!(
        "| nodes | latency | round | partition | msgs/op | ok | verdict | anomalies beyond it |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (nodes, latency_ms) in [(2, 0), (5, 10)] {
        for round_ms in [20, 50, 100, 500] {
            for partition in [false, true] {
                let setting = Setting {
                    nodes,
                    round_ms,
                    latency_ms,
                    partition,
                };
                print_row(&setting, &run(&setting));
            }
        }
    }
}

fn print_row(setting: &Setting, run: &Run) {
    let strict = rw_register::check(run.history(), &["serializable".to_owned()]);
    let anomalies: Vec<String> = strict
        .anomalies()
        .into_iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let asked = rw_register::check(run.history(), &["monotonic-atomic-view".to_owned()]);
    let verdict = match asked.verdict() {
        Verdict::Valid => "valid",
        Verdict::Invalid => "invalid",
        Verdict::Unknown => "unknown",
    };
    println!(
        "| {} | {} ms | {} ms | {} | {:.3} | {} | {verdict} | {} |",
        setting.nodes,
        setting.latency_ms,
        setting.round_ms,
        if setting.partition { "yes" } else { "no" },
        run.messages_per_op(),
        run.ok_fraction(),
        anomalies.join(", "),
    );
}
