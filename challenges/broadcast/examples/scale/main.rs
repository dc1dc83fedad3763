//! Measures broadcast in clusters of growing size, under the load of challenge 3d.
//!
//! `cargo run --release -p broadcast --example scale -- [--plain] 25 100 400 1000` prints a row for
//! each size. With `--plain` no message is recorded, so that the time and the memory of the process
//! are those of the simulation.

#[allow(
    dead_code,
    reason = "the specification needs more of the delivery times than this table"
)]
#[path = "../../tests/broadcast/delivery.rs"]
mod delivery;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use broadcast::{Broadcast, Windows};
use eddy::net::{EventKind, Latency};
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::Context;

use delivery::DeliveryTimes;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout();
    let (options, sizes): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let plain = options.iter().any(|option| option == "--plain");
    writeln!(
        out,
        "| nodes | msgs/op | bytes/op | bytes/op and node | busiest node, msgs/s | median ms | max ms |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for size in sizes {
        let count = size.parse()?;
        let run = run(count, plain);
        assert!(run.failure().is_none(), "{:?}", run.failure());
        run.assert_valid();
        let messages = run.messages_per_op();
        if plain {
            writeln!(out, "| {count} | {messages:.2} | | | | | |")?;
            continue;
        }
        let traffic = Traffic::of(&run);
        let times = DeliveryTimes::of(&run, count);
        let bytes = traffic.bytes as f64 / run.operations() as f64;
        writeln!(
            out,
            "| {count} | {messages:.2} | {bytes:.0} | {:.1} | {:.0} | {} | {} |",
            bytes / count as f64,
            traffic.busiest_per_second,
            times.quantile(0.5).as_millis(),
            times.max().as_millis(),
        )?;
    }
    Ok(())
}

/// Runs the load of challenge 3d on the profile `balanced`.
fn run(count: usize, plain: bool) -> Run {
    let simulation = Simulation::new(Seed(0))
        .nodes(count, |cx: &Context| {
            Broadcast::new(cx, Windows::balanced())
        })
        .latency(Latency::constant(ms(100)));
    let simulation = match plain {
        true => simulation,
        false => simulation.record_all_messages(),
    };
    simulation.run(
        Load::of(workload::Broadcast)
            .rate(100.0)
            .time_limit(secs(20)),
    )
}

/// The messages between nodes.
struct Traffic {
    /// The size of all bodies.
    bytes: usize,
    /// The messages a second that the busiest node sent and received, in its busiest second.
    busiest_per_second: f64,
}

impl Traffic {
    fn of(run: &Run) -> Self {
        let mut bytes = 0;
        let mut by_second: BTreeMap<(u64, _), u64> = BTreeMap::new();
        for event in run.journal().events() {
            let message = &event.message;
            if !message.body.contains(r#""type":"gossip""#) {
                continue;
            }
            let is_sent = event.kind == EventKind::Send;
            if is_sent {
                bytes += message.body.len();
            }
            let node = if is_sent { message.src } else { message.dest };
            let second = event.time.as_secs();
            *by_second.entry((second, node)).or_default() += 1;
        }
        let busiest = by_second.into_values().max().unwrap_or(0);
        Self {
            bytes,
            busiest_per_second: busiest as f64 / Duration::from_secs(1).as_secs_f64(),
        }
    }
}
