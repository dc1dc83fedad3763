//! scratch
use broadcast::{Broadcast, Windows};
use eddy::check::Workload;
use eddy::edn::Value;
use eddy::history::Kind;
use eddy::nemesis::{Fault, Kill, Loss, Partition, PartitionKind, Pause, Target};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn converged(run: &Run, heal: Duration) -> (Duration, usize, Duration) {
    let mut acked: BTreeMap<i64, Duration> = BTreeMap::new();
    for (i, c) in run.history().pairs() {
        if i.f == "broadcast"
            && let Some(c) = c
            && c.kind == Kind::Ok
            && c.time <= heal
        {
            acked.insert(int(&i.value), c.time);
        }
    }
    let mut worst = Duration::ZERO;
    let mut n = 0;
    let mut worst_in = Duration::ZERO;
    for (i, c) in run.history().pairs() {
        if i.f == "read"
            && let Some(c) = c
            && c.kind == Kind::Ok
        {
            let have: BTreeSet<i64> = c
                .value
                .as_seq()
                .unwrap()
                .iter()
                .map(|v: &Value| int(v))
                .collect();
            for (v, at) in &acked {
                if !have.contains(v) && *at < i.time {
                    if i.time > heal {
                        worst = worst.max(i.time - heal);
                        n += 1;
                    } else {
                        worst_in = worst_in.max(i.time - *at);
                    }
                }
            }
        }
    }
    (worst, n, worst_in)
}

#[allow(clippy::print_stdout)]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let windows = match args[1].as_str() {
        "frugal" => Windows::frugal(),
        "balanced" => Windows::balanced(),
        "swift" => Windows::swift(),
        n => Windows::every(ms(n.parse().unwrap())),
    };
    let kind = args[2].as_str();
    let seeds: u64 = args.get(3).map_or(5, |s| s.parse().unwrap());
    let lat = args.get(4).map_or("c100".to_owned(), |s| s.clone());
    let mean = ms(lat[1..].parse().unwrap());
    let lat = if lat.starts_with('e') {
        Latency::exponential(mean)
    } else {
        Latency::constant(mean)
    };
    let nodes: usize = args.get(5).map_or(25, |s| s.parse().unwrap());
    let stop: u64 = args.get(6).map_or(12, |s| s.parse().unwrap());
    let only: Option<u64> = std::env::var("SEED").ok().map(|s| s.parse().unwrap());
    for seed in 0..seeds {
        if only.is_some_and(|s| s != seed) {
            continue;
        }
        let (a, b) = (secs(4), secs(stop));
        let fault = match kind {
            "one" => Partition::of([PartitionKind::One]).between(a, b),
            "third" => Partition::of([PartitionKind::MinorityThird]).between(a, b),
            "halves" => Partition::of([PartitionKind::Majority]).between(a, b),
            "ring" => Partition::of([PartitionKind::MajoritiesRing]).between(a, b),
            "oneway" => Partition::of([PartitionKind::OneWay]).between(a, b),
            "pause" => Pause::of(Target::One).between(a, b),
            "pausehub" => Pause::of(Target::Node(0)).between(a, b),
            "killhub" => Kill::of(Target::Node(0)).between(a, b),
            "kill" => Kill::of(Target::One).between(a, b),
            "loss" => Loss::of(0.1).between(a, b),
            _ => panic!(),
        };
        let sim = Simulation::new(Seed(seed))
            .nodes(nodes, move |cx: &glomers::Context| {
                Broadcast::new(cx, windows)
            })
            .latency(lat)
            .nemesis(fault);
        let run = sim.run(Load::of(Workload::Broadcast).rate(100.0).lasting(secs(20)));
        let (c, n, w) = converged(&run, b);
        println!(
            "{seed}: {:.3} msgs/op median {:?} max {:?} {:?} ok {:.3} dropped {} lost {} converged {c:?} after ({n}), during {w:?}",
            run.messages_per_op(),
            run.stable_latency(0.5),
            run.stable_latency(1.0),
            run.verdict(),
            run.ok_fraction(),
            run.net().dropped,
            run.net().lost
        );
        if std::env::var_os("WORST").is_some() {
            for w in &run.results().workload().as_set().unwrap().worst_stale {
                println!(
                    "   {:?} {:?} known {:?} absent {:?} by {:?}",
                    w.element,
                    w.stable_latency,
                    w.known.time,
                    w.last_absent.time,
                    w.last_absent.process
                );
            }
        }
    }
}
fn int(v: &Value) -> i64 {
    match v {
        Value::Int(i) => *i as i64,
        _ => panic!(),
    }
}
