//! scratch
use broadcast::{Broadcast, Windows};
use eddy::check::Workload;
use eddy::nemesis::{Fault, Partition};
use eddy::net::{EventKind, Latency};
use eddy::seed::Seed;
use eddy::simulation::{Load, Simulation, ms, secs};
use std::collections::BTreeMap;

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
    let seed: u64 = args.get(3).map_or(5, |s| s.parse().unwrap());
    let lat = args.get(4).map_or("c100".to_owned(), |s| s.clone());
    let mean = ms(lat[1..].parse().unwrap());
    let lat = if lat.starts_with('e') {
        Latency::exponential(mean)
    } else {
        Latency::constant(mean)
    };
    let mut sim = Simulation::new(Seed(seed))
        .nodes(25, move |cx: &glomers::Context| Broadcast::new(cx, windows))
        .latency(lat)
        .record_everything();
    if partition {
        sim = match std::env::var("KIND").as_deref() {
            Ok("halves") => sim.nemesis(Partition::halves().between(secs(4), secs(12))),
            Ok("one") => sim.nemesis(Partition::one().between(secs(4), secs(12))),
            Ok("third") => sim.nemesis(
                Partition::of([eddy::nemesis::PartitionKind::MinorityThird])
                    .between(secs(4), secs(12)),
            ),
            Ok("loss") => sim.nemesis(eddy::nemesis::Loss::of(0.1).between(secs(4), secs(12))),
            Ok("pausehub") => sim.nemesis(
                eddy::nemesis::Pause::of(eddy::nemesis::Target::Node(0)).between(secs(4), secs(12)),
            ),
            _ => sim.nemesis(Partition::any().every(secs(10))),
        };
    }
    let run = sim.run(Load::of(Workload::Broadcast).rate(100.0).lasting(secs(20)));
    let mut kinds: BTreeMap<(String, u64), u64> = BTreeMap::new();
    let dump = args.get(5).is_some();
    for e in run.journal().events() {
        if e.kind != EventKind::Send {
            continue;
        }
        let text = format!("{:?}", e.message.body);
        if !text.contains("gossip") {
            continue;
        }
        let (s, d) = (e.message.src.0, e.message.dest.0);
        let dir = if d == 0 {
            "up"
        } else if s == 0 {
            "down"
        } else {
            "other"
        };
        let news = if text.contains("news") {
            "news"
        } else {
            "bare"
        };
        let wants = if text.contains("confirmation") {
            "confirm"
        } else if text.contains("answer") {
            "ANSWER"
        } else {
            "-"
        };
        *kinds
            .entry((format!("{dir} {news} {wants}"), e.time.as_secs() / 5))
            .or_default() += 1;
        if dump {
            println!("{:?} {s}->{d} {} {}", e.time, &text, text.len());
        }
    }
    if !dump {
        for (k, n) in kinds {
            println!("{k:?}: {n}");
        }
        println!("{}", run.messages_per_op());
    }
}
