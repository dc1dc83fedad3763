//! scratch
use broadcast::{Broadcast, Windows};
use eddy::check::Workload;
use eddy::nemesis::{Fault, Partition};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Simulation, ms, secs};

#[allow(clippy::print_stdout)]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let windows = match args[1].as_str() {
        "frugal" => Windows::frugal(),
        "balanced" => Windows::balanced(),
        "swift" => Windows::swift(),
        n => Windows::every(ms(n.parse().unwrap())),
    };
    let partition = args.get(2).is_some_and(|a| a == "p");
    let seeds: u64 = args.get(3).map_or(5, |s| s.parse().unwrap());
    let lat = args.get(4).map_or("c100".to_owned(), |s| s.clone());
    let mean = ms(lat[1..].parse().unwrap());
    let lat = if lat.starts_with('e') {
        Latency::exponential(mean)
    } else {
        Latency::constant(mean)
    };
    let nodes: usize = args.get(5).map_or(25, |s| s.parse().unwrap());
    for seed in 0..seeds {
        let mut sim = Simulation::new(Seed(seed))
            .nodes(nodes, move |cx: &glomers::Context| {
                Broadcast::new(cx, windows)
            })
            .latency(lat);
        if partition {
            sim = sim.nemesis(Partition::any().every(secs(10)));
        }
        let run = sim.run(Load::of(Workload::Broadcast).rate(100.0).lasting(secs(20)));
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
        println!(
            "{seed}: {:.3} msgs/op  median {:?} 95 {:?} max {:?} {:?} ok {} dropped {}",
            run.messages_per_op(),
            run.stable_latency(0.5),
            run.stable_latency(0.95),
            run.stable_latency(1.0),
            run.verdict(),
            run.ok_fraction(),
            run.net().dropped
        );
    }
}
