//! Measures broadcast in clusters of growing size, under the load of challenge 3d.
//!
//! `cargo run --release -p broadcast --example scale -- [--plain] 25 100 400 1000 4000` prints rows for
//! each size: without faults, with a partition, and with dead hubs. With `--plain` there are no faults
//! and no message is recorded, so that the time and the memory are those of the simulation.

#[allow(
    dead_code,
    reason = "the specification needs more of the delivery times than this table"
)]
#[path = "../../tests/broadcast/delivery.rs"]
mod delivery;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Write, stdout};
use std::rc::Rc;
use std::time::Duration;

use broadcast::{Broadcast, Windows};
use eddy::nemesis::{Fault, Kill, Target};
use eddy::net::{EventKind, Latency};
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::Context;
use tokio::time::sleep;

use delivery::DeliveryTimes;

/// The times at which faults begin and end.
const FAULT: Duration = secs(5);
const HEAL: Duration = secs(12);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Faults {
    None,
    /// Nodes with even and odd numbers cannot reach each other, so every group is cut in two.
    Partition,
    /// The first two hubs are down: the root, and the hub of the second group.
    DeadHubs,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (options, sizes): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let sizes = sizes.iter().map(|size| size.parse());
    let sizes: Vec<usize> = sizes.collect::<Result<_, _>>()?;
    match options.iter().any(|option| option == "--plain") {
        true => plain_table(&sizes),
        false => fault_table(&sizes),
    }
}

fn plain_table(sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    let mut out = stdout();
    writeln!(
        out,
        "| nodes | messages | start, CPU s | run, CPU s | CPU µs per message of the run | peak MB |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for &count in sizes {
        let before = Usage::now();
        let started = Rc::new(Cell::new(before.cpu));
        let mark = started.clone();
        let simulation = simulation(count).script(move |_| async move {
            // The set-up is over by then: requests of clients have no latency.
            sleep(ms(50)).await;
            mark.set(Usage::now().cpu);
        });
        let run = simulation.run(load());
        run.assert_valid();
        let usage = Usage::now();
        let start = started.get().saturating_sub(before.cpu).as_secs_f64();
        let cpu = usage.cpu.saturating_sub(started.get()).as_secs_f64();
        let messages = run.journal().all().sent;
        // `init` and `topology` with their replies.
        let set_up = 4 * count as u64;
        writeln!(
            out,
            "| {count} | {messages} | {start:.2} | {cpu:.2} | {:.1} | {} |",
            cpu * 1e6 / messages.saturating_sub(set_up) as f64,
            usage.peak_mb,
        )?;
    }
    Ok(())
}

fn fault_table(sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    let mut out = stdout();
    writeln!(
        out,
        "| nodes | faults | msgs/op | bytes/op | bytes/op and node | busiest node, msgs/s | median ms | max ms | max ms, settled | caught up, ms |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for &count in sizes {
        for faults in [Faults::None, Faults::Partition, Faults::DeadHubs] {
            let run = run(count, faults);
            assert!(run.failure().is_none(), "{:?}", run.failure());
            let down = match faults {
                Faults::DeadHubs => first_hubs(count).to_vec(),
                Faults::None | Faults::Partition => Vec::new(),
            };
            let traffic = Traffic::of(&run);
            let times = DeliveryTimes::among(&run, count, &down);
            let bytes = traffic.bytes as f64 / run.operations() as f64;
            let caught_up = match faults {
                Faults::Partition => times.last_after(HEAL).as_millis().to_string(),
                Faults::None | Faults::DeadHubs => "–".to_owned(),
            };
            // The hubs agree on a schedule after a start, and after faults.
            let settled = match faults {
                Faults::None => secs(5),
                Faults::Partition | Faults::DeadHubs => HEAL + secs(4),
            };
            writeln!(
                out,
                "| {count} | {} | {:.2} | {bytes:.0} | {:.1} | {} | {} | {} | {} | {caught_up} |",
                match faults {
                    Faults::None => "none",
                    Faults::Partition => "partition",
                    Faults::DeadHubs => "dead hubs",
                },
                run.messages_per_op(),
                bytes / count as f64,
                traffic.busiest_per_second,
                times.quantile(0.5).as_millis(),
                times.max().as_millis(),
                times.since(settled).max().as_millis(),
            )?;
        }
    }
    Ok(())
}

/// Returns the root, and the hub of the second group, or of a single group the next hub.
fn first_hubs(count: usize) -> [usize; 2] {
    [
        0,
        if count <= 64 {
            1
        } else {
            count.isqrt() + usize::from(count.isqrt().pow(2) < count)
        },
    ]
}

fn simulation(count: usize) -> Simulation {
    Simulation::new(Seed(0))
        .nodes(count, |cx: &Context| {
            Broadcast::new(cx, Windows::balanced())
        })
        .latency(Latency::constant(ms(100)))
}

/// Returns the load of challenge 3d.
fn load() -> Load {
    Load::of(workload::Broadcast)
        .rate(100.0)
        .time_limit(secs(20))
}

/// Runs the load of challenge 3d on the profile `balanced`.
fn run(count: usize, faults: Faults) -> Run {
    let simulation = simulation(count).record_all_messages();
    let simulation = match faults {
        Faults::None => simulation,
        Faults::Partition => simulation.script(move |network| async move {
            sleep(FAULT).await;
            let (even, odd): (Vec<usize>, Vec<usize>) = (0..count).partition(|node| node % 2 == 0);
            let cut = network.cut(&even, &odd);
            sleep(HEAL - FAULT).await;
            drop(cut);
        }),
        Faults::DeadHubs => first_hubs(count)
            .into_iter()
            .fold(simulation, |simulation, hub| {
                simulation.nemesis(Kill::of(Target::Node(hub)).between(FAULT, HEAL))
            }),
    };
    simulation.run(load())
}

/// What this process has used so far.
struct Usage {
    cpu: Duration,
    peak_mb: u64,
}

impl Usage {
    /// Reads what Linux says of this process; zeros elsewhere.
    fn now() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let stat = read("/proc/self/stat");
        // The fields after the name, which is in brackets: the 12th and 13th are the times.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|field| field.parse::<u64>().ok()).sum();
        let status = read("/proc/self/status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak_kb = peak.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        Self {
            // Linux counts in hundredths of a second for programs.
            cpu: Duration::from_millis(10 * ticks),
            peak_mb: peak_kb.unwrap_or(0) / 1024,
        }
    }
}

/// The messages between nodes.
struct Traffic {
    /// The size of all bodies.
    bytes: usize,
    /// The messages that the busiest node sent and received in its busiest second.
    busiest_per_second: u64,
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
        Self {
            bytes,
            busiest_per_second: by_second.into_values().max().unwrap_or(0),
        }
    }
}
