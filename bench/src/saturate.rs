//! lin-kv and kafka at saturation on real processes: throughput, latency, and what the processors and
//! the disk do meanwhile.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use eddy::check::Analysis;
use eddy::edn::Value;
use eddy::generator::{AnyThread, Invocation, Stagger};
use eddy::history::History;
use eddy::internal::{self, NoopObserver, Outcome, Plan, ProcessHost};
use eddy::seed::{ChaCha8Rng, Seed};
use eddy::workload::{AnyWorkload, Client, Kafka, LinKv, Phases, Rules, Settings, Workload};
use rand::RngExt;

use crate::figures::{median, processor_time};
use crate::program;

/// The time limit of a run.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// A rate above the capacity of any node, in operations per second.
const SATURATING_RATE: f64 = 1e6;

/// The registers that the clients of lin-kv use.
const KEYS: u64 = 100;

/// Measures both programs, or those of these names, and prints a table for each. A client waits for its
/// answer before it asks again.
///
/// # Errors
///
/// There is no program of a name, a program is missing, or a run fails.
pub fn measure(names: &[String], clients: &[usize], rounds: u32) -> Result<()> {
    let programs: [(&str, usize, AnyWorkload); 2] = [
        ("lin-kv", 5, Arc::new(Saturated(Arc::new(LinKv)))),
        ("kafka", 3, Arc::new(Saturated(Arc::new(Kafka)))),
    ];
    for name in names {
        ensure!(
            programs.iter().any(|(program, ..)| program == name),
            "there is no program {name} to saturate"
        );
    }
    for (name, nodes, workload) in programs {
        if !names.is_empty() && names.iter().all(|selected| selected != name) {
            continue;
        }
        println!("{name}, {nodes} nodes");
        println!(
            "| clients | operations/s | p50 | p99 | nodes, cores | eddy, cores | other programs, cores | disk busy | syncs per operation |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for &clients in clients {
            let runs = (0..rounds).map(|round| run(&workload, name, nodes, clients, round));
            let runs: Vec<Figures> = runs.collect::<Result<_>>()?;
            let of =
                |figure: fn(&Figures) -> f64| median(&runs.iter().map(figure).collect::<Vec<_>>());
            println!(
                "| {clients} | {:.0} | {:.1} ms | {:.1} ms | {:.2} | {:.2} | {:.2} | {:.0} % | {:.3} |",
                of(|run| run.rate),
                of(|run| run.p50_ms),
                of(|run| run.p99_ms),
                of(|run| run.node_cores),
                of(|run| run.own_cores),
                of(|run| run.other_cores),
                of(|run| run.disk_busy * 100.0),
                of(|run| run.syncs_per_operation),
            );
        }
    }
    Ok(())
}

/// What is measured in one run.
struct Figures {
    /// Operations per second that ended ok.
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Processor time of all nodes, and of the bench, per second.
    node_cores: f64,
    own_cores: f64,
    /// Processor time of everything else on this machine, per second.
    other_cores: f64,
    /// The share of the time in which the busiest disk had requests, from any program.
    disk_busy: f64,
    /// Requests to that disk to write its cache.
    syncs_per_operation: f64,
}

fn run(
    workload: &AnyWorkload,
    node: &str,
    count: usize,
    clients: usize,
    seed: u32,
) -> Result<Figures> {
    let place = tempfile::tempdir().context("a temporary directory")?;
    let nodes: Vec<String> = (0..count).map(|node| format!("n{node}")).collect();
    let command = internal::Command::new(&program(node)?, Vec::new())?;
    let mut host = ProcessHost::new(command, &nodes, &place.path().join("node-logs"))?;
    let settings = Settings {
        rate: SATURATING_RATE,
        concurrency: clients,
        time_limit: TIME_LIMIT,
        ..Settings::new(&**workload, nodes)
    };
    let plan = Plan::new(workload.clone(), settings, Seed(u64::from(seed)));
    let before = Usage::now()?;
    let outcome: Outcome = internal::run(plan, &mut host, &mut NoopObserver);
    drop(host);
    if let Some(failure) = &outcome.failure {
        bail!("{node} failed: {failure:#}");
    }
    let after = Usage::now()?;
    let elapsed = (after.time - before.time).as_secs_f64();
    let cores = |of: fn(&Usage) -> Duration| (of(&after) - of(&before)).as_secs_f64() / elapsed;
    let (own_cores, node_cores) = (cores(|usage| usage.own), cores(|usage| usage.children));
    let disk = busiest(&before.disks, &after.disks);
    let latencies = outcome.history.ok_latencies(None);
    let milliseconds = |share| -> Result<f64> {
        let latency = latencies.quantile(share).context("no operation was ok")?;
        Ok(latency.as_secs_f64() * 1000.0)
    };
    let operations = latencies.len() as f64;
    Ok(Figures {
        rate: operations / TIME_LIMIT.as_secs_f64(),
        p50_ms: milliseconds(0.5)?,
        p99_ms: milliseconds(0.99)?,
        node_cores,
        own_cores,
        other_cores: (cores(|usage| usage.machine) - own_cores - node_cores).max(0.0),
        disk_busy: disk.busy_ms as f64 / 1000.0 / elapsed,
        syncs_per_operation: disk.syncs as f64 / operations,
    })
}

/// The counters of the processors and the disks at one moment.
struct Usage {
    time: Instant,
    /// Processor time of this process.
    own: Duration,
    /// Processor time of the processes that have ended and that this one started.
    children: Duration,
    /// Processor time of all processes.
    machine: Duration,
    disks: Vec<Disk>,
}

impl Usage {
    fn now() -> Result<Self> {
        Ok(Self {
            time: Instant::now(),
            own: processor_time(),
            children: children_time()?,
            machine: machine_time()?,
            disks: disks()?,
        })
    }
}

fn children_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    // The name of the program comes first and may contain spaces.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat: no name")?;
    let fields = fields.split_whitespace().skip(13).take(2);
    duration(fields)
}

fn machine_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    // After the name: user, nice, system, idle, iowait, irq, softirq.
    let busy = |field: &(usize, &str)| matches!(field.0, 1..=3 | 6 | 7);
    let fields = line.split_whitespace().enumerate().filter(busy);
    duration(fields.map(|(_, field)| field))
}

/// Adds numbers of clock ticks.
fn duration<'a>(fields: impl Iterator<Item = &'a str>) -> Result<Duration> {
    let ticks: u64 = fields
        .map(|field| field.parse::<u64>())
        .sum::<Result<_, _>>()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// The counters of a disk.
#[derive(Clone, Copy, Default)]
struct Disk {
    busy_ms: u64,
    syncs: u64,
}

/// The counters of all disks, in the order in which Linux lists them.
fn disks() -> Result<Vec<Disk>> {
    let stats = fs::read_to_string("/proc/diskstats").context("/proc/diskstats")?;
    let disk = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let field = |i: usize| fields.get(i).and_then(|field| field.parse().ok());
        Disk {
            busy_ms: field(12).unwrap_or(0),
            syncs: field(18).unwrap_or(0),
        }
    };
    Ok(stats.lines().map(disk).collect())
}

/// How the counters of the busiest disk grew.
fn busiest(before: &[Disk], after: &[Disk]) -> Disk {
    let grown = before.iter().zip(after).map(|(before, after)| Disk {
        busy_ms: after.busy_ms.saturating_sub(before.busy_ms),
        syncs: after.syncs.saturating_sub(before.syncs),
    });
    grown.max_by_key(|disk| disk.busy_ms).unwrap_or_default()
}

/// The main phase of a workload, for any number of clients.
struct Saturated(AnyWorkload);

impl Workload for Saturated {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn summary(&self) -> &str {
        self.0.summary()
    }

    fn protocol(&self) -> &str {
        self.0.protocol()
    }

    fn functions(&self) -> &[&str] {
        self.0.functions()
    }

    fn options(&self) -> Vec<eddy::workload::OptionSpec> {
        self.0.options()
    }

    fn phases(&self, settings: &Settings) -> Phases {
        match self.name() {
            // Its own generator needs ten clients at least.
            "lin-kv" => Phases::main(Stagger::new(settings.rate, AnyThread(access))),
            _ => Phases {
                last: None,
                ..self.0.phases(settings)
            },
        }
    }

    fn client(&self, settings: &Settings) -> Box<dyn Client> {
        self.0.client(settings)
    }

    fn rules(&self, settings: &Settings) -> Rules {
        self.0.rules(settings)
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        self.0.check(history, settings)
    }
}

/// Reads and writes registers, equally often.
fn access(rng: &mut ChaCha8Rng) -> Invocation {
    let key = Value::from(rng.random_range(0..KEYS));
    let (f, value) = match rng.random_bool(0.5) {
        true => ("read", Value::Nil),
        false => ("write", Value::from(rng.random_range(0..5_u64))),
    };
    Invocation::new(f, Value::Vector([key, value].into()))
}
